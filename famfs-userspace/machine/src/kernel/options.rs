//! What a mount lets its users do: the option bits of kernel interface 44.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::OFlag;

use super::{confined, kabi44};

/// The superblock's file in a mount.
pub const SUPERBLOCK: &str = ".meta/.superblock";

/// Every option, by its bit.
pub const NAMES: [&str; 15] = [
    "create",
    "mkdir",
    "mknod",
    "symlink",
    "link",
    "unlink",
    "rmdir",
    "rename",
    "chmod",
    "chown",
    "truncate",
    "utimes",
    "write",
    "xattr",
    "map_create",
];

/// Remove mapped files.
pub const UNLINK: Options = Options(1 << 5);
/// Remove folders.
pub const RMDIR: Options = Options(1 << 6);
/// Give files and folders other names.
pub const RENAME: Options = Options(1 << 7);

/// A set of options; one that is in it is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options(pub u64);

impl Options {
    /// `unlink,rmdir`.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(',').try_fold(Self::default(), |set, word| {
            let bit = NAMES
                .iter()
                .position(|name| name.eq_ignore_ascii_case(word))
                .ok_or_else(|| format!("{word:?} is no option; there are: {}", NAMES.join(", ")))?;
            Ok(Self(set.0 | 1 << bit))
        })
    }

    /// The names of the options in it, in order of their bits.
    pub fn names(self) -> Vec<&'static str> {
        (0..)
            .zip(NAMES)
            .filter(|(bit, _)| self.0 & (1 << bit) != 0)
            .map(|(_, name)| name)
            .collect()
    }
}

/// The options of the mount that has `root`.
pub fn get(root: BorrowedFd<'_>) -> io::Result<Options> {
    on(root, kabi44::options).map(Options)
}

/// Allows what is in `set`, and returns all that is allowed then.
pub fn allow(root: BorrowedFd<'_>, set: Options) -> io::Result<Options> {
    on(root, |file| kabi44::set_options(file, set.0)).map(Options)
}

/// Forbids what is in `set`, and returns all that is allowed then.
pub fn forbid(root: BorrowedFd<'_>, set: Options) -> io::Result<Options> {
    on(root, |file| kabi44::clear_options(file, set.0)).map(Options)
}

/// Does `action` while all of `wanted` is allowed. A kernel without options allows
/// everything it can do.
pub fn while_allowed<T>(
    root: BorrowedFd<'_>,
    wanted: Options,
    action: impl Fn() -> io::Result<T>,
) -> io::Result<T> {
    let mut tries = 0;
    loop {
        let before = match get(root) {
            Ok(options) => options,
            Err(e) if lacks_options(&e) => return action(),
            Err(e) => return Err(e),
        };
        let missing = Options(wanted.0 & !before.0);
        if missing == Options::default() {
            // Allowed by the user, or by another process that forbids it again while
            // this one is at work.
            match action() {
                Err(e) if e.raw_os_error() == Some(libc::EPERM) && tries < 3 => tries += 1,
                done => return done,
            }
            continue;
        }
        allow(root, missing)?;
        let done = action();
        forbid(root, missing)?;
        return done;
    }
}

/// Removes a file, mapped or not.
pub fn remove_file(root: BorrowedFd<'_>, path: &std::path::Path) -> io::Result<()> {
    match confined::remove_file(root, path) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            while_allowed(root, UNLINK, || confined::remove_file(root, path))
        }
        done => done,
    }
}

/// Removes an empty folder.
pub fn remove_dir(root: BorrowedFd<'_>, path: &std::path::Path) -> io::Result<()> {
    match confined::remove_dir(root, path) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            while_allowed(root, RMDIR, || confined::remove_dir(root, path))
        }
        done => done,
    }
}

/// Gives a file another name, which must be free.
pub fn rename(
    root: BorrowedFd<'_>,
    from: &std::path::Path,
    to: &std::path::Path,
) -> io::Result<()> {
    match confined::rename(root, from, to) {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => {
            while_allowed(root, RENAME, || confined::rename(root, from, to))
        }
        done => done,
    }
}

/// Whether the kernel speaks no interface that has options.
fn lacks_options(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOTTY | libc::EOPNOTSUPP | libc::EINVAL)
    )
}

/// The calls work on any file of the mount; not every kernel takes a folder.
fn on(root: BorrowedFd<'_>, call: impl Fn(BorrowedFd<'_>) -> io::Result<u64>) -> io::Result<u64> {
    match call(root) {
        Err(e) if e.raw_os_error() == Some(libc::ENOTTY) => {
            let path = SUPERBLOCK.as_ref();
            let file: OwnedFd =
                confined::open(root, path, OFlag::O_RDONLY).map_err(|_no_file| e)?;
            call(file.as_fd())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits() {
        assert_eq!(Options::parse("unlink,rmdir"), Ok(Options(0x60)));
        assert_eq!(Options::parse("MAP_CREATE"), Ok(Options(1 << 14)));
        assert_eq!(Options::parse(&NAMES.join(",")), Ok(Options(0x7fff)));
        for text in ["", "unlink,", "unlink rmdir", "5"] {
            assert!(Options::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Options(0x60 | 1 << 40).names(), ["unlink", "rmdir"]);
        assert_eq!(Options::default().names(), Vec::<&str>::new());
        let default = Options::parse("create,mkdir,chmod,chown,utimes,write,map_create");
        assert_eq!(default, Ok(Options(0x5b03)));
    }

    #[test]
    fn a_kernel_without_options_allows() {
        // No famfs: the calls fail with ENOTTY.
        let dir = tempfile::tempdir().unwrap();
        let root = confined::open_root(dir.path()).unwrap();
        assert_eq!(
            while_allowed(root.as_fd(), UNLINK, || Ok(7)).unwrap(),
            7,
            "on tmpfs and its like"
        );
    }
}
