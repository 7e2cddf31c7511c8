//! The kernel fields that the programs read. User space looks up their places in the
//! running kernel's BTF and hands them over as constants, so one object fits all kernels.

/// A kernel field; the value is its place in the table of offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Field {
    InodeIno,
    InodeSb,
    InodeSize,
    SbDev,
    SbMagic,
    VmfVma,
    VmfPgoff,
    VmfAddress,
    VmfFlags,
    VmaStart,
    VmaEnd,
    VmaFlags,
    VmaFile,
    FileDentry,
    DentryParent,
    DentryName,
    MappingHost,
    KiocbFile,
    FileInode,
    IterSource,
}

/// A load of a field carries this and its number instead of its offset, until user space has put
/// the running kernel's offset there. No structure that we read is as long.
pub const PLACEHOLDER: i16 = 0x7a00;

/// How many fields there are.
pub const FIELDS: usize = 20;

/// Byte offsets by [`Field`], filled in by user space before the programs are loaded.
pub type Offsets = [u64; FIELDS];

/// A field's name in the kernel and the width with which it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub field: Field,
    pub owner: &'static str,
    /// Members of embedded structs are named through them, `outer.inner`.
    pub member: &'static str,
    /// Bytes; the kernel's member must be exactly as wide.
    pub width: u32,
}

const fn place(field: Field, owner: &'static str, member: &'static str, width: u32) -> Place {
    Place {
        field,
        owner,
        member,
        width,
    }
}

/// All fields in order.
pub const PLACES: [Place; FIELDS] = [
    place(Field::InodeIno, "inode", "i_ino", 8),
    place(Field::InodeSb, "inode", "i_sb", 8),
    place(Field::InodeSize, "inode", "i_size", 8),
    place(Field::SbDev, "super_block", "s_dev", 4),
    place(Field::SbMagic, "super_block", "s_magic", 8),
    place(Field::VmfVma, "vm_fault", "vma", 8),
    place(Field::VmfPgoff, "vm_fault", "pgoff", 8),
    place(Field::VmfAddress, "vm_fault", "address", 8),
    place(Field::VmfFlags, "vm_fault", "flags", 4),
    place(Field::VmaStart, "vm_area_struct", "vm_start", 8),
    place(Field::VmaEnd, "vm_area_struct", "vm_end", 8),
    place(Field::VmaFlags, "vm_area_struct", "vm_flags", 8),
    place(Field::VmaFile, "vm_area_struct", "vm_file", 8),
    place(Field::FileDentry, "file", "f_path.dentry", 8),
    place(Field::DentryParent, "dentry", "d_parent", 8),
    place(Field::DentryName, "dentry", "d_name.name", 8),
    place(Field::MappingHost, "address_space", "host", 8),
    place(Field::KiocbFile, "kiocb", "ki_filp", 8),
    place(Field::FileInode, "file", "f_inode", 8),
    place(Field::IterSource, "iov_iter", "data_source", 1),
];
