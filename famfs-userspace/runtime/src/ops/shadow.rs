//! `famfs logplay --shadow`: the log as a folder of yaml files.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::logplay::{Options, Played, Progress, act_options};
use super::{Error, failed, open, refused};
use crate::player::shadowed::{self, ShadowTree};
use famfs_machine::kernel::confined;
use famfs_media::player::{self, Plan, Tree};

/// What became of a folder of shadow files.
#[derive(Debug)]
pub struct Shadowed {
    pub played: Played,
    /// Shadow files of files that the log does not have (any more), by their paths in the file
    /// system, and whether each was removed.
    pub stale: Vec<(PathBuf, io::Result<()>)>,
    /// Where they lie.
    pub root: PathBuf,
    /// The folders that only a dry run leaves out.
    pub missing: Vec<PathBuf>,
}

/// What is done about shadow files of files that the log does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    Remove,
    /// They are only named.
    Leave,
}

/// Writes what `source` (an image, a device, or a folder of a mount) has in its log
/// below `dir/root`, or below `dir` where it is called `root`.
pub fn shadow(
    source: &Path,
    dir: &Path,
    options: Options,
    stale: Stale,
    progress: Progress<'_>,
) -> Result<Shadowed, Error> {
    let root = root_of(dir);
    // Before the log is read: a file that another process writes there for a later entry is not
    // among them.
    let before = match confined::open_root(&root) {
        Ok(root) => shadowed::written(root.as_fd()),
        Err(_none) => Vec::new(),
    };
    let opened = open::open(source)?;
    let volume = opened.volume;
    volume.check().map_err(|fault| Error::Unusable {
        path: source.to_owned(),
        fault,
    })?;
    let missing = prepare(dir, &root, options.dry_run)?;
    let plan = Plan::new(&volume, opened.memory_size);
    let role = act_options(&volume, options).role;
    let act = player::Options {
        // Whose files they are decides who serves them; the yaml has what was logged.
        role: famfs_media::role::Role::Master,
        dry_run: options.dry_run,
        repair: options.repair,
    };
    let mut fill = |tree: &mut dyn Tree| player::play(&plan, 0, tree, &act, progress);
    let (outcome, stale) = if missing.is_empty() {
        let root = confined::open_root(&root).map_err(failed("open", &root))?;
        let mut tree = ShadowTree::new(Some(root.as_fd()));
        let outcome = fill(&mut tree);
        let mut left = before;
        // Behind a bad slot there may be names that cannot be read.
        let is_whole = outcome.stop.is_none() && !outcome.interrupted;
        left.retain(|path| is_whole && !plan.has_file(path) && !plan.has_refused(path));
        let remove = stale == Stale::Remove && !options.dry_run;
        let gone = |path: PathBuf| {
            // What is there now may be something else.
            let done = if remove && tree.is_shadow(&path) {
                tree.remove_file(&path, false)
            } else {
                Ok(())
            };
            (path, done)
        };
        (outcome, left.into_iter().map(gone).collect())
    } else {
        (fill(&mut ShadowTree::new(None)), Vec::new())
    };
    Ok(Shadowed {
        played: Played {
            role,
            entries: volume.counted(),
            outcome,
        },
        stale,
        root,
        missing,
    })
}

/// The folder that stands for the root of the file system.
fn root_of(dir: &Path) -> PathBuf {
    if dir.file_name().is_some_and(|name| name == "root") {
        dir.to_owned()
    } else {
        dir.join("root")
    }
}

/// Makes `dir` and its root where they are missing, but not what is above them. A dry run makes
/// nothing, and returns what is missing.
fn prepare(dir: &Path, root: &Path, dry_run: bool) -> Result<Vec<PathBuf>, Error> {
    let mut missing = Vec::new();
    for folder in [dir, root] {
        if folder.is_dir() {
            continue;
        }
        if folder.symlink_metadata().is_ok() {
            return Err(refused(folder, "shadow files go to a folder; this is none"));
        }
        if !dry_run {
            match std::fs::create_dir(folder) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed("create", folder)(e));
                }
                _ => continue,
            }
        }
        // What would make the real run fail makes this one fail, too.
        let above = std::path::absolute(folder).map_err(failed("resolve", folder))?;
        if missing.is_empty() && !above.parent().is_some_and(Path::is_dir) {
            return Err(failed("create", folder)(io::ErrorKind::NotFound.into()));
        }
        if !missing.iter().any(|known| known == folder) {
            missing.push(folder.to_owned());
        }
    }
    Ok(missing)
}
