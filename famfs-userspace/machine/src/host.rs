//! Who this host is, and so what it may do to a file system.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use famfs_cli::env;
use famfs_media::role::Role;
use thiserror::Error;
use uuid::Uuid;

/// Where upstream keeps the host's identity.
const UUID_FILE: &str = "/opt/famfs/system_uuid";

/// More than any form of a uuid takes.
const UUID_LEN_MAX: u64 = 256;

/// Why a host does not know who it is.
#[derive(Debug, Error)]
pub enum Error {
    #[error("{path} holds no uuid: this host cannot tell which file systems it made",
        path = path.display())]
    NoUuid { path: PathBuf },
    #[error("cannot {action} {path}, which says who this host is", path = path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl Error {
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoUuid { .. } => Some(
                "write its uuid into it again, which `famfs dump DEV` shows as the system uuid of \
                 what this host made; or remove the file: `famfs mkfs` makes a new one",
            ),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run as root")
            }
            Self::Io { .. } => None,
        }
    }

    fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

fn uuid_file() -> PathBuf {
    env::SYSTEM_UUID_FILE
        .get()
        .map_or_else(|| UUID_FILE.into(), PathBuf::from)
}

/// This host's uuid, if it has one. A file that is there and holds none is an error: taken for
/// no identity, it would make a master a client of its own file systems.
pub fn system_uuid() -> Result<Option<Uuid>, Error> {
    optional(&uuid_file())
}

/// What this host is to the file systems of a superblock's system uuid: a client where it does
/// not know who it is.
pub fn role(superblock: Uuid) -> Role {
    Role::of(superblock, system_uuid().ok().flatten())
}

/// This host's uuid; a random one is made and kept where there is none.
pub fn ensure_system_uuid() -> Result<Uuid, Error> {
    let path = uuid_file();
    match optional(&path)? {
        Some(uuid) => Ok(uuid),
        None => create(&path),
    }
}

fn optional(path: &Path) -> Result<Option<Uuid>, Error> {
    match read(path) {
        Err(e) if e.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}

fn read(path: &Path) -> Result<Uuid, Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(UUID_LEN_MAX).read_to_end(&mut bytes))
        .map_err(failed("read", path))?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    Uuid::parse_str(text).map_err(|_no_uuid| Error::NoUuid {
        path: path.to_owned(),
    })
}

/// Another process may do the same: the file appears whole, and the first one stays.
fn create(path: &Path) -> Result<Uuid, Error> {
    write_new(path).map_err(failed("make", path))?;
    read(path)
}

fn write_new(path: &Path) -> io::Result<()> {
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
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("famfs/system_uuid");
        assert!(read(&path).unwrap_err().is_not_found());
        assert_eq!(optional(&path).unwrap(), None);
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
    fn a_file_without_a_uuid_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("system_uuid");
        let uuid = "11111111-1111-4111-8111-111111111111";
        let cut = &uuid[..35];
        let long = format!("{}{uuid}", " ".repeat(300));
        for bytes in [
            &b""[..],
            b"\0",
            &[0; 37],
            b"\n",
            cut.as_bytes(),
            b"\xff\xfe",
            long.as_bytes(),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = optional(&path).unwrap_err();
            assert!(matches!(error, Error::NoUuid { .. }), "{bytes:?}: {error}");
            let said = error.to_string();
            assert!(said.starts_with(&path.display().to_string()), "{said}");
            assert!(
                error
                    .hint()
                    .is_some_and(|hint| hint.contains("remove the file"))
            );
        }
        // Nothing else may stand around it, in whatever form it is written.
        for good in [
            uuid.to_owned(),
            format!("{uuid}\0"),
            format!(" {uuid}\n"),
            uuid.replace('-', ""),
        ] {
            fs::write(&path, good).unwrap();
            assert_eq!(optional(&path).unwrap().unwrap().to_string(), uuid);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(optional(&path), Err(Error::Io { .. })), "a folder");
    }
}
