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
    FilePath,
    PathDentry,
    DentryParent,
    DentryName,
    QstrName,
}

/// How many fields there are.
pub const FIELDS: usize = 18;

/// Byte offsets by [`Field`], filled in by user space before the programs are loaded.
pub type Offsets = [u64; FIELDS];

/// A field's name in the kernel and the width with which it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub field: Field,
    pub owner: &'static str,
    pub member: &'static str,
    /// Bytes; the kernel's member must be exactly as wide. 0 for an embedded struct.
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
    place(Field::FilePath, "file", "f_path", 0),
    place(Field::PathDentry, "path", "dentry", 8),
    place(Field::DentryParent, "dentry", "d_parent", 8),
    place(Field::DentryName, "dentry", "d_name", 0),
    place(Field::QstrName, "qstr", "name", 8),
];
