//! BPF links and programs that hold the module, asked of bpf(2) by number.
//!
//! aya lists links and programs, but not what they are attached to.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use super::NAME;

const PROG_GET_NEXT_ID: libc::c_int = 11;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BTF_GET_FD_BY_ID: libc::c_int = 19;
const BTF_GET_NEXT_ID: libc::c_int = 23;
const LINK_GET_FD_BY_ID: libc::c_int = 30;
const LINK_GET_NEXT_ID: libc::c_int = 31;

/// More objects than this are not looked at.
const OBJECTS_MAX: usize = 65_536;

/// A BPF program that is attached to the module, or loaded for a function of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attached {
    pub(super) link: Option<u32>,
    pub(super) program: u32,
    pub(super) what: String,
}

/// Everything that holds the module. Without the privilege to look it finds nothing.
pub(super) fn attached() -> Vec<Attached> {
    let btf = module_btf();
    let mut found: Vec<Attached> = ids(LINK_GET_NEXT_ID)
        .into_iter()
        .filter_map(|id| link(id, btf))
        .collect();
    for id in ids(PROG_GET_NEXT_ID) {
        let is_listed = found.iter().any(|attached| attached.program == id);
        if !is_listed && program_is_for(id, btf).unwrap_or(false) {
            found.push(Attached {
                link: None,
                program: id,
                what: "loaded for a function of the module".into(),
            });
        }
    }
    found
}

/// The id of the module's type information.
fn module_btf() -> Option<u32> {
    ids(BTF_GET_NEXT_ID).into_iter().find(|id| {
        let mut name = [0_u8; 64];
        let mut info = Info::default();
        info.put_u64(16, name.as_mut_ptr() as u64);
        info.put_u32(24, 64);
        let read = open(BTF_GET_FD_BY_ID, *id).and_then(|fd| info.read(&fd));
        read.is_some() && text(&name) == NAME
    })
}

fn program_is_for(id: u32, btf: Option<u32>) -> Option<bool> {
    let mut info = Info::default();
    info.read(&open(PROG_GET_FD_BY_ID, id)?)?;
    // bpf_prog_info::attach_btf_obj_id
    Some(btf.is_some() && Some(info.u32(220)) == btf)
}

fn link(id: u32, btf: Option<u32>) -> Option<Attached> {
    const RAW_TRACEPOINT: u32 = 1;
    const TRACING: u32 = 2;
    const PERF_EVENT: u32 = 7;
    /// The value of `bpf_link_info::perf_event::type` for a tracepoint.
    const TRACEPOINT: u32 = 5;
    let fd = open(LINK_GET_FD_BY_ID, id)?;
    let mut info = Info::default();
    info.read(&fd)?;
    let what = match info.u32(0) {
        RAW_TRACEPOINT => {
            let name = name_of(&fd, 16)?;
            name.starts_with("famfs_")
                .then(|| format!("raw tracepoint {name}"))?
        }
        TRACING => {
            let is_ours = btf.is_some() && Some(info.u32(20)) == btf;
            is_ours.then(|| "attached to a function or tracepoint of the module".to_owned())?
        }
        PERF_EVENT if info.u32(16) == TRACEPOINT => {
            let name = name_of(&fd, 24)?;
            name.starts_with("famfs_")
                .then(|| format!("tracepoint {name}"))?
        }
        _ => return None,
    };
    Some(Attached {
        link: Some(id),
        program: info.u32(8),
        what,
    })
}

/// The name that a link's info gives through a pointer at `at`, with its length behind it.
fn name_of(fd: &OwnedFd, at: usize) -> Option<String> {
    let mut name = [0_u8; 128];
    let mut info = Info::default();
    info.put_u64(at, name.as_mut_ptr() as u64);
    info.put_u32(at + 8, 128);
    info.read(fd)?;
    Some(text(&name).to_owned())
}

fn text(bytes: &[u8]) -> &str {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).unwrap_or_default()
}

/// A kernel's info structure of any kind: the kernel fills as much as it has.
#[repr(C, align(8))]
struct Info([u8; 256]);

impl Default for Info {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Info {
    fn u32(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_ne_bytes(bytes)
    }

    fn put_u32(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn put_u64(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }

    fn read(&mut self, fd: &OwnedFd) -> Option<()> {
        let mut attr = Attr::default();
        attr.0[0] = u32::try_from(fd.as_raw_fd()).ok()?;
        attr.0[1] = 256;
        let address = (self.0.as_mut_ptr() as u64).to_ne_bytes();
        for (half, bytes) in attr.0[2..4].iter_mut().zip(address.chunks_exact(4)) {
            *half = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        call(OBJ_GET_INFO_BY_FD, &mut attr).map(drop)
    }
}

/// `union bpf_attr`, as far as the commands used here read it.
#[repr(C, align(8))]
#[derive(Default)]
struct Attr([u32; 16]);

fn call(command: libc::c_int, attr: &mut Attr) -> Option<libc::c_long> {
    // SAFETY: the attributes are as long as said, and the pointers in them (an info structure of
    // the said length, a name of the length beside it) outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attr),
            size_of::<Attr>(),
        )
    };
    (done >= 0).then_some(done)
}

/// The ids of all objects of a kind.
fn ids(next: libc::c_int) -> Vec<u32> {
    let mut found = Vec::new();
    let mut attr = Attr::default();
    while found.len() < OBJECTS_MAX && call(next, &mut attr).is_some() {
        let id = attr.0[1];
        found.push(id);
        attr = Attr::default();
        attr.0[0] = id;
    }
    found
}

fn open(by_id: libc::c_int, id: u32) -> Option<OwnedFd> {
    let mut attr = Attr::default();
    attr.0[0] = id;
    let fd = call(by_id, &mut attr)?;
    let fd = libc::c_int::try_from(fd).ok()?;
    // SAFETY: the kernel has just given this descriptor to nobody else.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_they_were_put() {
        let mut info = Info::default();
        info.put_u64(16, 0x1122_3344_5566_7788);
        assert_eq!(info.u32(16), 0x5566_7788);
        assert_eq!(info.u32(20), 0x1122_3344);
        info.put_u32(220, 7);
        assert_eq!(info.u32(220), 7);
    }

    #[test]
    fn names_end_at_the_first_zero() {
        assert_eq!(text(b"famfs\0rest"), "famfs");
        assert_eq!(text(b"famfs"), "famfs");
        assert_eq!(text(b"\xff\0"), "");
    }
}
