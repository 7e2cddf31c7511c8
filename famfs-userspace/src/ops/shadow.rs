//! `famfs logplay --shadow`: the log as a folder of yaml files.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::logplay::{Options, Played, Progress, act_options};
use super::{Error, failed, open, refused};
use crate::kernel::confined;
use crate::player::shadowed::ShadowTree;
use crate::player::{self, Plan};

/// Writes what `source` (an image, a device, or a folder of a mount) has in its log
/// below `dir/root`, or below `dir` where it is called `root`.
pub fn shadow(
    source: &Path,
    dir: &Path,
    options: Options,
    progress: Progress<'_>,
) -> Result<Played, Error> {
    let opened = open::open(source)?;
    let volume = opened.volume;
    volume.check().map_err(|fault| Error::Unusable {
        path: source.to_owned(),
        fault,
    })?;
    let root = root_of(dir, options.dry_run)?;
    let open = |root: PathBuf| confined::open_root(&root).map_err(failed("open", &root));
    let root = root.map(open).transpose()?;
    let plan = Plan::new(&volume, opened.memory_size);
    let role = act_options(&volume, options).role;
    let act = player::Options {
        // Whose files they are decides who serves them; the yaml has what was logged.
        role: crate::host::Role::Master,
        dry_run: options.dry_run,
        repair: options.repair,
    };
    let mut tree = ShadowTree::new(root.as_ref().map(AsFd::as_fd));
    let outcome = player::play(&plan, 0, &mut tree, &act, progress);
    Ok(Played {
        role,
        entries: volume.counted(),
        outcome,
    })
}

/// The folder that stands for the root of the file system. It and `dir` are made where they are
/// missing, but not what is above them; a dry run makes nothing, so there may be none.
fn root_of(dir: &Path, dry_run: bool) -> Result<Option<PathBuf>, Error> {
    let is_root = dir.file_name().is_some_and(|name| name == "root");
    let root = if is_root {
        dir.to_owned()
    } else {
        dir.join("root")
    };
    for folder in [dir, root.as_path()] {
        if !folder.exists() {
            if dry_run {
                return Ok(None);
            }
            std::fs::create_dir(folder).map_err(failed("create", folder))?;
        }
        if !folder.is_dir() {
            return Err(refused(folder, "shadow files go to a folder; this is none"));
        }
    }
    Ok(Some(root))
}
