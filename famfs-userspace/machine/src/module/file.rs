//! Where a module's file is, and what is in it.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::modinfo::{self, ModInfo};
use super::{Error, NAME};

/// More than any module of ours can honestly have: 64 MiB.
const SIZE_MAX: u64 = 64 << 20;

/// A module's file, opened.
#[derive(Debug)]
pub struct Module {
    pub path: PathBuf,
    pub file: File,
    /// Whether the kernel has to unpack it: then nothing is known of its contents.
    pub compressed: bool,
    pub info: Option<ModInfo>,
    pub malformed: Option<&'static str>,
}

/// Opens and reads a module's file.
pub fn open(path: &Path) -> Result<Module, Error> {
    let cannot = |what: &str, error: std::io::Error| {
        Error::new(format!("cannot {what} {}: {error}", path.display()))
    };
    // A FIFO must not make us wait for its writer.
    let mut file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|e| cannot("open", e))?;
    let meta = file.metadata().map_err(|e| cannot("look at", e))?;
    if !meta.is_file() {
        return Err(Error::new(format!("{} is no regular file", path.display())));
    }
    if meta.len() > SIZE_MAX {
        return Err(Error::new(format!(
            "{} has {} bytes; a module has at most {SIZE_MAX}",
            path.display(),
            meta.len()
        )));
    }
    let mut bytes = Vec::new();
    (&mut file)
        .take(SIZE_MAX)
        .read_to_end(&mut bytes)
        .map_err(|e| cannot("read", e))?;
    let compressed = is_compressed(&bytes);
    let (info, malformed) = if compressed {
        (None, None)
    } else {
        match modinfo::parse(&bytes) {
            Ok(info) => (Some(info), None),
            Err(why) => (None, Some(why)),
        }
    };
    if let Some(info) = info.as_ref().filter(|info| info.name != NAME) {
        return Err(Error::new(format!(
            "{} is the module {}, not {NAME}",
            path.display(),
            info.name
        ))
        .hint("`modprobe` or `insmod` load other modules"));
    }
    Ok(Module {
        path: path.to_owned(),
        file,
        compressed,
        info,
        malformed,
    })
}

/// The marks of gzip, xz and zstd, which the kernel unpacks itself.
fn is_compressed(bytes: &[u8]) -> bool {
    [&b"\x1f\x8b"[..], b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"]
        .iter()
        .any(|mark| bytes.starts_with(mark))
}

/// The file that `modprobe` would take for a kernel release, by its `modules.dep`.
pub fn find(release: &str) -> Result<PathBuf, Error> {
    let dir = Path::new("/lib/modules").join(release);
    let list = dir.join("modules.dep");
    let text = fs::read_to_string(&list).unwrap_or_default();
    if let Some(file) = listed(&text) {
        // Absolute for a module outside the folder.
        return Ok(dir.join(file));
    }
    Err(Error::new(format!(
        "no {NAME}.ko is installed for the kernel {release}"
    ))
    .hint(format!(
        "build it: `make -C famfs-kmod KDIR=/lib/modules/{release}/build`, then \
             `famfs module load famfs-kmod/famfs.ko`"
    ))
    .hint("or install it for every kernel with dkms; after copying it by hand: `depmod`")
    .missing())
}

fn listed(dep: &str) -> Option<&str> {
    dep.lines()
        .filter_map(|line| Some(line.split_once(':')?.0))
        .find(|file| {
            let name = file.rsplit('/').next().unwrap_or(file);
            name.split_once(".ko").is_some_and(|(stem, _)| stem == NAME)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_dep_names_our_file() {
        let dep = "kernel/fs/famfsx.ko.xz:\nupdates/dkms/famfs.ko.xz: kernel/a.ko\n";
        assert_eq!(listed(dep), Some("updates/dkms/famfs.ko.xz"));
        assert_eq!(listed("famfs.ko:\n"), Some("famfs.ko"));
        assert_eq!(listed("kernel/fs/notfamfs.ko: kernel/fs/famfs.ko\n"), None);
        assert_eq!(listed(""), None);
    }

    #[test]
    fn packed_modules_are_told_by_their_first_bytes() {
        assert!(is_compressed(b"\xfd7zXZ\0rest"));
        assert!(!is_compressed(b"\x7fELF"));
        assert!(!is_compressed(b""));
    }

    #[test]
    fn a_folder_and_a_text_are_not_modules() {
        let dir = tempfile::tempdir().unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(error.message.ends_with("is no regular file"), "{error}");
        let path = dir.path().join("famfs.ko");
        fs::write(&path, "no module").unwrap();
        let module = open(&path).unwrap();
        assert!(module.malformed.is_some() && module.info.is_none());
        assert!(open(&dir.path().join("none")).is_err());
    }
}
