//! `famfs cp`: files made with the contents of others. Other hosts learn of a file when
//! its last byte is in the memory.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::statfs::statfs;

use super::contents::SourceFault;
use super::maker::{Made, Maker, Owner};
use super::place::{Place, names_folder};
use super::watch::Watch;
use super::{Error, contents, failed, pool, refused, stale};
use crate::device::bus::{Bus, End};
use crate::device::map::{Loads, Mapping};
use crate::device::meta;
use famfs_machine::kernel::confined;
use famfs_media::alloc::Interleave;

/// What one thread copies at a time: a multiple of every page size, so that each piece is
/// mapped by itself. An odd number of 2 MiB: the kernel maps source and target one behind the
/// other, and their pages then fall on different entries of a TLB that is not associative, as
/// an emulator's is.
const PIECE: u64 = 30 << 20;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Copy folders with all that is in them.
    pub recursive: bool,
    /// Change nothing; say whether the copies are equal.
    pub compare: bool,
    /// `None`: the permission bits of the source.
    pub mode: Option<u32>,
    pub uid: u32,
    pub gid: u32,
    pub interleave: Option<Interleave>,
    /// 0 copies in this thread.
    pub threads: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Copied or compared, with the bytes of each.
    pub files: Vec<(PathBuf, u64)>,
    pub folders: u64,
    pub errors: Vec<Error>,
    /// A signal ended the work: what was complete by then is there and logged.
    pub interrupted: bool,
}

/// One thing to copy, and where to.
#[derive(Debug)]
struct Pair {
    source: PathBuf,
    meta: Metadata,
    place: Place,
    /// The name that the user would give it.
    shown: PathBuf,
}

/// Both ends of a file that is being copied.
struct Open {
    source: File,
    to: File,
}

/// A piece of a file for one thread.
struct Piece {
    pair: usize,
    open: Arc<Open>,
    at: u64,
    len: u64,
}

/// Copies `sources` to `target`: into it when it is a folder, else the one source under
/// that name. A source that fails does not keep the others from being copied.
pub fn cp(
    sources: &[PathBuf],
    target: &Path,
    options: &Options,
    watch: &Watch,
) -> Result<Outcome, Error> {
    let into = target.is_dir();
    // cp(1) makes a folder of that name from a folder, and nothing from a file.
    if !into && names_folder(target) && sources.iter().any(|source| !source.is_dir()) {
        let reason = "it is no folder that exists, which a name that ends in a slash stands for";
        return Err(refused(target, reason));
    }
    let place = Place::find(target)?;
    stale::check(&place.mount)?;
    if !into && sources.len() > 1 {
        return Err(refused(
            target,
            "several files go into a folder that exists",
        ));
    }
    let mut outcome = Outcome::default();
    let mut pairs = Vec::new();
    for source in sources {
        let (place, shown) = if into {
            match name_of(source) {
                Ok(name) => (place.join(name.as_ref()), target.join(name)),
                Err(e) => {
                    outcome.errors.push(e);
                    continue;
                }
            }
        } else {
            (place.clone(), target.to_owned())
        };
        gather(
            source,
            place,
            shown,
            options,
            &mut Vec::new(),
            &mut |found| match found {
                Ok(pair) => pairs.push(pair),
                Err(e) => outcome.errors.push(e),
            },
        );
    }
    for pair in pairs.iter().filter(|pair| pair.meta.is_file()) {
        watch.expect(pair.meta.len());
    }
    let mut copy = Copy {
        options,
        watch,
        maker: None,
        begun: vec![Begun::Nothing; pairs.len()],
        failed: pairs.iter().map(|_| None).collect(),
        hopeless: false,
        lost: Vec::new(),
        folders: 0,
    };
    let pieces = pairs
        .iter()
        .enumerate()
        .take_while(|_| watch.signal().is_none())
        .flat_map(|(i, pair)| copy.begin(i, pair));
    let done = pool::run(options.threads, pieces, |piece| {
        (piece.pair, work(&piece, options.compare, watch))
    });
    for (i, result) in done {
        if let Err(e) = result
            && copy.failed[i].is_none()
        {
            copy.failed[i] = Some(failure(e, options.compare, &pairs[i]));
        }
    }
    outcome.interrupted = watch.signal().is_some();
    copy.finish(pairs, &mut outcome)?;
    Ok(outcome)
}

fn failure(error: io::Error, compare: bool, pair: &Pair) -> Error {
    let of_source = Bus::of(&error).is_some_and(|bus| bus.end == End::Source)
        || SourceFault::of(&error).is_some();
    if of_source {
        let action = if compare { "read" } else { "copy" };
        failed(action, &pair.source)(error)
    } else if compare {
        failed("compare with its source", &pair.shown)(error)
    } else {
        failed("copy to", &pair.shown)(error)
    }
}

/// What was begun for a pair.
#[derive(Clone, Copy, Debug)]
enum Begun {
    Nothing,
    /// Its target is there already.
    Existing,
    New(Made),
}

/// The state of one run.
struct Copy<'o> {
    options: &'o Options,
    watch: &'o Watch,
    /// Opened for the first name that has to be made.
    maker: Option<Maker>,
    /// What has begun, by pair.
    begun: Vec<Begun>,
    failed: Vec<Option<Error>>,
    /// The log cannot be had: what was said of the first name holds for all.
    hopeless: bool,
    /// Folders that could not be made; nothing can be copied into them.
    lost: Vec<PathBuf>,
    folders: u64,
}

impl Copy<'_> {
    /// Makes the name and opens both ends; the pieces are for the threads.
    fn begin(&mut self, i: usize, pair: &Pair) -> Vec<Piece> {
        // What was said already is enough.
        let lost = |folder: &PathBuf| pair.place.relative.starts_with(folder);
        if self.hopeless || self.lost.iter().any(lost) {
            return Vec::new();
        }
        let begun = if pair.meta.is_dir() {
            self.begin_folder(pair).map(|()| None)
        } else {
            self.begin_file(i, pair).map(Some)
        };
        match begun {
            Ok(None) => Vec::new(),
            Ok(Some(open)) => {
                let (size, open) = (pair.meta.len(), Arc::new(open));
                let starts = (0..size).step_by(usize::try_from(PIECE).unwrap_or(1 << 20));
                starts
                    .map(|at| Piece {
                        pair: i,
                        open: Arc::clone(&open),
                        at,
                        len: PIECE.min(size - at),
                    })
                    .collect()
            }
            Err(e) => {
                if pair.meta.is_dir() {
                    self.lost.push(pair.place.relative.clone());
                }
                self.failed[i] = Some(e);
                Vec::new()
            }
        }
    }

    fn begin_folder(&mut self, pair: &Pair) -> Result<(), Error> {
        let found = look(&pair.place, &pair.shown)?;
        match found {
            Some(found) if found.is_dir() => {
                let field = pair.place.path_field()?;
                if self.options.compare {
                    return Ok(());
                }
                let known = match self.maker(&pair.place) {
                    Ok(maker) => maker.knows(&field),
                    Err(Error::Client { .. }) => true,
                    Err(e) => return Err(e),
                };
                // One that the log does not have becomes a folder of the log.
                if known {
                    return Ok(());
                }
            }
            Some(_) => return Err(refused(&pair.shown, "it exists and is no folder")),
            None if self.options.compare => {
                return Err(refused(&pair.shown, "it does not exist"));
            }
            None => {}
        }
        let mut owner = self.owner(&pair.meta);
        // A folder that nobody can enter could not be copied into.
        owner.mode = self
            .options
            .mode
            .map_or(owner.mode, |mode| mode | (mode & 0o444) >> 2);
        self.maker(&pair.place)?
            .dir(&pair.place, &pair.shown, owner)?;
        self.folders += 1;
        Ok(())
    }

    fn begin_file(&mut self, i: usize, pair: &Pair) -> Result<Open, Error> {
        let size = pair.meta.len();
        let source = File::open(&pair.source).map_err(failed("open", &pair.source))?;
        let found = look(&pair.place, &pair.shown)?;
        if let Some(found) = &found {
            if !found.is_file() {
                return Err(refused(&pair.shown, "it exists and is no file"));
            }
            if found.len() == size && same_file(found, &pair.meta) {
                return Err(refused(&pair.shown, "it is the source itself"));
            }
        }
        if self.options.compare {
            let Some(found) = found else {
                return Err(refused(&pair.shown, "it does not exist"));
            };
            if found.len() != size {
                let reason = format!("it has {} bytes, its source {size}", found.len());
                return Err(refused(&pair.shown, reason));
            }
            let to = open(&pair.place, OFlag::O_RDONLY).map_err(failed("open", &pair.shown))?;
            self.begun[i] = Begun::Existing;
            return Ok(Open { source, to });
        }
        let owner = self.owner(&pair.meta);
        // A client may fill what its master made, but makes nothing itself.
        let is_there = match (&found, self.maker(&pair.place)) {
            (Some(_), Ok(maker)) => maker.knows(&pair.place.path_field()?),
            (Some(_), Err(Error::Client { .. })) => true,
            (_, Err(e)) => return Err(e),
            (None, Ok(_)) => false,
        };
        if let Some(found) = found.filter(|_| is_there) {
            if found.len() != size {
                let reason = format!(
                    "it exists with {} bytes, its source has {size}; files keep their size",
                    found.len()
                );
                return Err(refused(&pair.shown, reason));
            }
            let to = open(&pair.place, OFlag::O_RDWR).map_err(failed("open", &pair.shown))?;
            self.begun[i] = Begun::Existing;
            return Ok(Open { source, to });
        }
        let (made, to) = self
            .maker(&pair.place)?
            .file(&pair.place, &pair.shown, size, owner)?;
        self.begun[i] = Begun::New(made);
        Ok(Open { source, to })
    }

    fn owner(&self, meta: &Metadata) -> Owner {
        Owner {
            mode: self
                .options
                .mode
                .unwrap_or_else(|| meta.permissions().mode() & 0o777),
            uid: self.options.uid,
            gid: self.options.gid,
        }
    }

    fn maker(&mut self, place: &Place) -> Result<&mut Maker, Error> {
        match &mut self.maker {
            Some(maker) => Ok(maker),
            none => {
                let made = Maker::new(place, self.options.interleave, self.watch);
                // A client may still fill what is there.
                self.hopeless = !matches!(made, Ok(_) | Err(Error::Client { .. }));
                Ok(none.insert(made?))
            }
        }
    }

    /// Takes back what failed, and logs the rest.
    fn finish(mut self, pairs: Vec<Pair>, outcome: &mut Outcome) -> Result<(), Error> {
        for (i, pair) in pairs.into_iter().enumerate() {
            match (self.failed[i].take(), self.begun[i]) {
                (Some(e), begun) => {
                    outcome.errors.push(e);
                    if let (Begun::New(made), Some(maker)) = (begun, &mut self.maker) {
                        maker.undo(made)?;
                    }
                }
                (None, Begun::Nothing) => {}
                (None, Begun::Existing | Begun::New(_)) => {
                    outcome.files.push((pair.shown, pair.meta.len()));
                }
            }
        }
        outcome.folders = self.folders;
        self.maker.map_or(Ok(()), Maker::commit)
    }
}

fn work(piece: &Piece, compare: bool, watch: &Watch) -> io::Result<()> {
    let Piece { open, at, len, .. } = piece;
    let mut to = Mapping::window(open.to.try_clone()?, *at, *len, Loads::Read, !compare)?;
    if !compare {
        return contents::copy(&open.source, &mut to, *at, *len, watch);
    }
    match contents::differs(&open.source, &mut to, *at, *len, watch)? {
        None => Ok(()),
        Some(at) => Err(io::Error::other(format!("byte {at} differs"))),
    }
}

fn open(place: &Place, flags: OFlag) -> io::Result<File> {
    let root = confined::open_root(&place.mount.mount_point)?;
    confined::open(root.as_fd(), &place.relative, flags).map(File::from)
}

fn look(place: &Place, shown: &Path) -> Result<Option<Metadata>, Error> {
    if place.relative.as_os_str().is_empty() {
        return Err(refused(shown, "that is the root of the mount"));
    }
    match open(place, OFlag::O_PATH).and_then(|found| found.metadata()) {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("look at", shown)(e)),
    }
}

/// Whether a file shows what the kernel makes when it is read, such as one below `/proc`.
fn made_by_the_kernel(path: &Path) -> bool {
    statfs(path).is_ok_and(|found| {
        [
            libc::PROC_SUPER_MAGIC,
            libc::SYSFS_MAGIC,
            libc::DEBUGFS_MAGIC,
            libc::TRACEFS_MAGIC,
            libc::SECURITYFS_MAGIC,
            libc::CGROUP_SUPER_MAGIC,
            libc::CGROUP2_SUPER_MAGIC,
        ]
        .contains(&found.filesystem_type().0)
    })
}

fn same_file(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// The name that a source gets in a folder; `.` has the name of the folder it is.
fn name_of(source: &Path) -> Result<std::ffi::OsString, Error> {
    if let Some(name) = source.file_name() {
        return Ok(name.to_owned());
    }
    let real = fs::canonicalize(source).map_err(failed("resolve", source))?;
    real.file_name()
        .map(ToOwned::to_owned)
        .ok_or_else(|| refused(source, "it has no name"))
}

/// Lists what is to be copied, folders before what is in them. Symlinks are followed,
/// but never into a folder that leads here.
fn gather(
    source: &Path,
    place: Place,
    shown: PathBuf,
    options: &Options,
    above: &mut Vec<(u64, u64)>,
    found: &mut dyn FnMut(Result<Pair, Error>),
) {
    let about = match fs::metadata(source) {
        Ok(about) => about,
        Err(e) => return found(Err(failed("look at", source)(e))),
    };
    if about.is_file() {
        if about.len() == 0 {
            let reason = if made_by_the_kernel(source) {
                "its size is not known before it is read, as that of many files of the kernel; \
                 save it with cat(1), and copy that"
            } else {
                "it is empty: nothing to map"
            };
            return found(Err(refused(source, reason)));
        }
        let source = source.to_owned();
        return found(Ok(Pair {
            source,
            meta: about,
            place,
            shown,
        }));
    }
    if !about.is_dir() {
        return found(Err(refused(source, "it is neither a file nor a folder")));
    }
    if !options.recursive {
        return found(Err(refused(source, "it is a folder; `-r` copies it")));
    }
    let id = (about.dev(), about.ino());
    if above.contains(&id) {
        return found(Err(refused(source, "it leads back to a folder above it")));
    }
    let names = fs::read_dir(source).and_then(|entries| {
        let names: io::Result<Vec<_>> = entries.map(|e| Ok(e?.file_name())).collect();
        names
    });
    let mut names = match names {
        Ok(names) => names,
        Err(e) => return found(Err(failed("read", source)(e))),
    };
    names.sort();
    // Copying a tree into itself would never end.
    let target = place.mount.mount_point.join(&place.relative);
    if fs::canonicalize(source).is_ok_and(|real| target.starts_with(real)) {
        return found(Err(refused(source, "it holds the folder it is copied to")));
    }
    found(Ok(Pair {
        source: source.to_owned(),
        meta: about,
        place: place.clone(),
        shown: shown.clone(),
    }));
    above.push(id);
    for name in names {
        // The metadata of a mount are made by mkfs and mount.
        if name == meta::DIR && source.join(meta::SUPERBLOCK).exists() {
            continue;
        }
        let below = Path::new(&name);
        gather(
            &source.join(below),
            place.join(below),
            shown.join(below),
            options,
            above,
            found,
        );
    }
    above.pop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_the_kernel_makes() {
        assert!(made_by_the_kernel(Path::new("/proc/meminfo")));
        assert!(made_by_the_kernel(Path::new("/sys/kernel")));
        assert!(!made_by_the_kernel(&std::env::temp_dir()));
        assert!(!made_by_the_kernel(Path::new("/no/such/file")));
    }
}
