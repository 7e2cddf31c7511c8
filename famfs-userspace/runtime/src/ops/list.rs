//! `famfs list`: every DAX device here, what is on it, and where it is mounted.

use std::fs;
use std::path::{Path, PathBuf};

use famfs_cli::name;
use serde::Serialize;

use super::{Error, open};
use famfs_machine::host::{self};
use famfs_machine::kernel::module;
use famfs_machine::mounts;
use famfs_media::role::Role;
use famfs_snapshot::model::MountState;

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct List {
    pub schema: u32,
    /// Whether the kernel has famfs now.
    pub module: bool,
    pub host: Option<uuid::Uuid>,
    pub devices: Vec<Listed>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Listed {
    #[serde(flatten)]
    pub path: name::Path,
    /// `pmem`, `devdax`, `fsdev`, or the name of another driver.
    pub mode: String,
    pub size: Option<u64>,
    pub file_system: Option<FileSystem>,
    /// Why the superblock was not read, or is none.
    pub fault: Option<String>,
    pub mounts: Vec<Mounted>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileSystem {
    pub version: u64,
    pub fs_uuid: uuid::Uuid,
    pub alloc_unit: u64,
    pub log_len: u64,
    pub entries: u64,
    pub log_capacity: u64,
    pub role: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mounted {
    #[serde(flatten)]
    pub mount_point: name::MountPoint,
    pub state: &'static str,
}

/// The state of a mount whose file system is not on the device any more.
const STALE: &str = "stale";

impl List {
    /// One error for each mount that is stale.
    pub fn stale(&self) -> impl Iterator<Item = Error> {
        let mounts = self.devices.iter().flat_map(|device| &device.mounts);
        mounts
            .filter(|mount| mount.state == STALE)
            .map(|mount| Error::Stale {
                mount_point: mount.mount_point.text().into(),
            })
    }
}

/// Looks at every device. Nothing is mounted visibly, nothing is changed.
pub fn list() -> List {
    let mounted = mounts::read_with_paths();
    let devices = devices()
        .into_iter()
        .map(|(path, mode, size)| {
            let here: Vec<_> = mounted
                .iter()
                .filter(|(at, _)| is_same(&at.source, &path))
                .collect();
            let mounts: Vec<_> = here
                .iter()
                .map(|(at, m)| Mounted {
                    mount_point: at.mount_point.as_path().into(),
                    state: match m.state {
                        MountState::Ok => "ok",
                        MountState::Disabled => "disabled",
                        MountState::Stale => STALE,
                        MountState::Unknown => "unknown",
                    },
                })
                .collect();
            // Through a mount, unless it was made for another file system.
            let at = match (here.first(), mounts.first()) {
                (Some((at, _)), Some(mount)) if mount.state != STALE => &at.mount_point,
                _ => &path,
            };
            let (file_system, fault) = match file_system(at) {
                Ok(found) => (Some(found), None),
                Err(fault) => (None, Some(fault)),
            };
            Listed {
                path: path.as_path().into(),
                mode,
                size,
                file_system,
                fault,
                mounts,
            }
        })
        .collect();
    List {
        schema: 1,
        module: module::is_present(),
        host: host::system_uuid().ok().flatten(),
        devices,
    }
}

fn file_system(path: &Path) -> Result<FileSystem, String> {
    let opened = open::open(path).map_err(|e| format!("{:#}", anyhow::Error::from(e)))?;
    let volume = opened.volume;
    volume.check().map_err(|fault| fault.to_string())?;
    let sb = &volume.superblock;
    let (version, fs_uuid) = match sb {
        famfs_media::format::Super::Current(sb) => (sb.version, sb.fs_uuid),
        famfs_media::format::Super::V46(sb) => {
            (famfs_media::format::legacy::VERSION_46, sb.fs_uuid)
        }
    };
    Ok(FileSystem {
        version,
        fs_uuid,
        alloc_unit: sb.alloc_unit(),
        log_len: sb.log_len(),
        entries: volume.counted(),
        log_capacity: volume.capacity,
        role: match host::role(sb.system_uuid()) {
            Role::Master => "master",
            Role::Client => "client",
        },
    })
}

/// Path, mode and size of every pmem block device with DAX and every character device of
/// the dax bus.
fn devices() -> Vec<(PathBuf, String, Option<u64>)> {
    let mut found = Vec::new();
    for name in names("/sys/class/block") {
        let dir = Path::new("/sys/class/block").join(&name);
        // A partition's queue is its parent's.
        let dax = [dir.join("queue/dax"), dir.join("../queue/dax")]
            .iter()
            .any(|f| fs::read_to_string(f).is_ok_and(|s| s.trim() == "1"));
        if dax {
            // In sectors of 512 bytes, whatever the device's own are.
            let size = number(&dir.join("size")).and_then(|n| n.checked_mul(512));
            found.push((Path::new("/dev").join(&name), "pmem".to_owned(), size));
        }
    }
    for name in names("/sys/bus/dax/devices") {
        let dir = Path::new("/sys/bus/dax/devices").join(&name);
        let driver = fs::read_link(dir.join("driver")).ok();
        let mode = match driver.as_deref().and_then(Path::file_name) {
            None => "unbound".to_owned(),
            Some(driver) if driver == "device_dax" => "devdax".to_owned(),
            Some(driver) if driver == "fsdev_dax" => "fsdev".to_owned(),
            Some(driver) => driver.to_string_lossy().into_owned(),
        };
        found.push((
            Path::new("/dev").join(&name),
            mode,
            number(&dir.join("size")),
        ));
    }
    found
}

fn names(dir: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Whether both name one device.
fn is_same(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let rdev = |p: &Path| fs::metadata(p).ok().map(|m| m.rdev()).filter(|n| *n != 0);
    a == b || rdev(a).is_some_and(|a| rdev(b) == Some(a))
}
