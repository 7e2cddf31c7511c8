//! `famfs check`: whether every file of a mount can be used, and is where its log has it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use famfs_cli::name;
use nix::fcntl::OFlag;
use serde::Serialize;

use super::place::Place;
use super::{Error, failed, logplay, refused, stale};
use crate::device::{self, meta};
use crate::player::MountTree;
use famfs_machine::kernel::{abi, confined};
use famfs_media::player::act::Difference;
use famfs_media::player::{self, Plan};

/// What was found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    pub schema: u32,
    /// The number of files, with `.meta/.superblock` and `.meta/.log`, as upstream counts.
    pub files: u64,
    /// The number of folders, with `.meta` and without the root.
    pub directories: u64,
    pub errors: Vec<Bad>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bad {
    #[serde(flatten)]
    pub path: name::Path,
    pub reason: String,
}

/// Asks the kernel for the map of every file of the mount at `mount_point`, and compares its
/// names with those of the log.
pub fn check(mount_point: &Path) -> Result<Report, Error> {
    let place = Place::find(mount_point)?;
    if !place.relative.as_os_str().is_empty() {
        let reason = format!(
            "it is no mount point; {} is",
            place.mount.mount_point.display()
        );
        return Err(refused(mount_point, reason));
    }
    stale::check(&place.mount)?;
    let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
    let mut report = Findings::default();
    for needed in [meta::SUPERBLOCK, meta::LOG] {
        if confined::open(root.as_fd(), needed.as_ref(), OFlag::O_PATH).is_err() {
            let reason = "it is missing; `famfs mkmeta DEV` makes it".to_owned();
            report.bad(needed.as_ref(), reason);
        }
    }
    if report.errors.is_empty() {
        // A file that others make now is logged behind what is read here.
        report.compare(root.as_fd(), &place)?;
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let shown = place.mount.mount_point.join(&folder);
        let entries = match std::fs::read_dir(&shown) {
            Ok(entries) => entries,
            Err(e) => {
                report.bad(&folder, format!("cannot read the folder: {e}"));
                continue;
            }
        };
        for entry in entries {
            let Ok(entry) = entry else {
                report.bad(&folder, "cannot read all of the folder".to_owned());
                break;
            };
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    report.directories += 1;
                    folders.push(path);
                }
                Ok(kind) if kind.is_file() => {
                    report.files += 1;
                    if report.errors.contains_key(&path) {
                        continue;
                    }
                    let file = confined::open(root.as_fd(), &path, OFlag::O_RDONLY);
                    if let Err(reason) = file
                        .map_err(|e| format!("cannot open: {e}"))
                        .and_then(|file| look(&File::from(file)))
                    {
                        report.bad(&path, reason);
                    }
                }
                Ok(_) => report.bad(&path, "neither a file nor a folder".to_owned()),
                Err(e) => report.bad(&path, format!("cannot look at it: {e}")),
            }
        }
    }
    let errors = report.errors.into_iter();
    Ok(Report {
        schema: 1,
        files: report.files,
        directories: report.directories,
        errors: errors
            .map(|(path, reason)| Bad {
                path: path.as_path().into(),
                reason,
            })
            .collect(),
    })
}

/// What was found so far; of several reasons for one name the first.
#[derive(Default)]
struct Findings {
    files: u64,
    directories: u64,
    errors: BTreeMap<PathBuf, String>,
}

impl Findings {
    fn bad(&mut self, path: &Path, reason: String) {
        self.errors.entry(path.to_owned()).or_insert(reason);
    }

    /// Looks for what the log says should be there. A mount without a log that can be read has
    /// nothing to compare with.
    fn compare(&mut self, root: BorrowedFd<'_>, place: &Place) -> Result<(), Error> {
        let mount_point = &place.mount.mount_point;
        let volume = match logplay::load(root, mount_point) {
            Ok(volume) => volume,
            Err(stale @ Error::Stale { .. }) => return Err(stale),
            Err(e) => {
                let reason = format!("{:#}", anyhow::Error::from(e));
                self.bad(meta::LOG.as_ref(), reason);
                return Ok(());
            }
        };
        // Only root can ask the device itself.
        let plan = Plan::new(&volume, device::size_of(&place.mount.source).ok());
        let role = logplay::role_of(&volume, false);
        for Difference { path, reason } in player::compare(&plan, &mut MountTree::new(root), role) {
            self.bad(&path, reason);
        }
        Ok(())
    }
}

/// A map, and bytes behind it that can be reached: a change of size makes a map invalid
/// for good.
fn look(file: &File) -> Result<(), String> {
    let no_map = "it has no map";
    match abi::get_map(file.as_fd()) {
        Ok(None) => return Err(no_map.to_owned()),
        Ok(Some(map)) => {
            let size = file.metadata().map_err(|e| e.to_string())?.len();
            if size != map.size {
                return Err(format!("it has {size} bytes, its map {}", map.size));
            }
        }
        // The read tells.
        Err(e) if e.kind() == std::io::ErrorKind::Unsupported => {}
        Err(e) => return Err(format!("cannot read its map: {e}")),
    }
    match abi::is_mapped(file.as_fd()) {
        Ok(true) => Ok(()),
        Ok(false) => Err("its map is not valid: its size was changed".to_owned()),
        Err(e) => Err(format!("cannot read it: {e}")),
    }
}
