//! Who this host is, and so what it may do to a file system.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Where upstream keeps the host's identity.
const UUID_FILE: &str = "/opt/famfs/system_uuid";
/// Names another file instead.
pub const UUID_FILE_ENV: &str = "FAMFS_SYSTEM_UUID_FILE";

/// What a host is to a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It made the file system and alone appends to its log.
    Master,
    /// It follows the log; its files cannot be opened for writing.
    Client,
}

impl Role {
    /// By the superblock's system uuid. A host without an identity is a client.
    pub fn of(superblock: Uuid, host: Option<Uuid>) -> Self {
        if host == Some(superblock) {
            Self::Master
        } else {
            Self::Client
        }
    }

    /// The permission bits that files keep.
    pub fn mode_mask(self) -> u32 {
        match self {
            Self::Master => 0o7777,
            Self::Client => 0o7777 & !0o222,
        }
    }
}

fn uuid_file() -> PathBuf {
    std::env::var_os(UUID_FILE_ENV).map_or_else(|| UUID_FILE.into(), PathBuf::from)
}

/// This host's uuid, if it has one.
pub fn system_uuid() -> Option<Uuid> {
    read(&uuid_file()).ok()
}

/// This host's uuid; a random one is made and kept where there is none.
pub fn ensure_system_uuid() -> io::Result<Uuid> {
    let path = uuid_file();
    match read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => create(&path),
        other => other,
    }
    .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

fn read(path: &Path) -> io::Result<Uuid> {
    let text = fs::read_to_string(path)?;
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    Uuid::parse_str(text).map_err(io::Error::other)
}

/// Another process may do the same: the file appears whole, and the first one stays.
fn create(path: &Path) -> io::Result<Uuid> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir)?;
    let draft = dir.join(format!(".system_uuid.{}", std::process::id()));
    let mut file = File::create(&draft)?;
    // With a NUL at the end, as upstream writes and reads it.
    write!(file, "{}\0", Uuid::new_v4())?;
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => read(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("famfs/system_uuid");
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let made = create(&path).unwrap();
        assert_eq!(create(&path).unwrap(), made);
        assert_eq!(read(&path).unwrap(), made);
        let bytes = fs::read(&path).unwrap();
        assert_eq!((bytes.len(), bytes[36]), (37, 0));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o444
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn roles() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(Role::of(a, Some(a)), Role::Master);
        assert_eq!(Role::of(a, Some(b)), Role::Client);
        assert_eq!(Role::of(a, None), Role::Client);
        assert_eq!(0o666 & Role::Client.mode_mask(), 0o444);
    }
}
