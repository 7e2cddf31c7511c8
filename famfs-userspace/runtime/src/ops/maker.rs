//! Makes many names under one lock: each is complete before any is logged, and all are
//! logged together.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::place::Place;
use super::session::Session;
use super::watch::Watch;
use super::{Error, failed, refused};
use famfs_machine::kernel::abi;
use famfs_machine::kernel::{confined, options};
use famfs_media::alloc::Interleave;
use famfs_media::format::entry::FLAGS_ALL_HOSTS_RW;
use famfs_media::format::{self, Body, Dir, PathField, Placement};

/// Who owns a name, and who may do what with it.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// A name that is made and not logged.
struct Pending {
    relative: PathBuf,
    /// The name that the user gave.
    shown: PathBuf,
    field: PathField,
    /// `None` once it was undone.
    body: Option<Body>,
}

/// What is not committed when this goes is removed again.
pub struct Maker {
    session: Session,
    pending: Vec<Pending>,
    /// Pending names, and whether they are folders.
    names: HashMap<Vec<u8>, bool>,
    interleave: Option<Interleave>,
    seed: u64,
    /// Whether the files that no log entry made were looked for.
    knows_strays: bool,
}

/// A name that is made; see [`Maker::undo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made(usize);

impl Maker {
    /// Waits for the lock of the mount that holds `place`. New files are interleaved as
    /// `interleave` says, or as the mount's own configuration does.
    pub fn new(
        place: &Place,
        interleave: Option<Interleave>,
        watch: &Watch,
    ) -> Result<Self, Error> {
        let session = Session::open(place, watch)?;
        let interleave = session.interleave(interleave, &place.mount.mount_point)?;
        Ok(Self {
            session,
            pending: Vec::new(),
            names: HashMap::new(),
            interleave,
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
            knows_strays: false,
        })
    }

    /// Whether a name is in the log, or will be.
    pub fn knows(&self, field: &PathField) -> bool {
        self.names.contains_key(field.bytes()) || self.session.knows(field)
    }

    /// Makes a file with memory of its own. What another command that was killed left in
    /// its place, unlogged, is removed.
    pub fn file(
        &mut self,
        place: &Place,
        shown: &Path,
        size: u64,
        owner: Owner,
    ) -> Result<(Made, File), Error> {
        let field = self.check(place, shown)?;
        let mut placement = self.place(size, shown)?;
        let file = self.create(&place.relative, shown)?;
        let mut mapped = map(&file, size, &placement);
        if mapped.as_ref().is_err_and(is_busy) && !self.knows_strays {
            // A file that no log entry made holds the memory: of a command that was
            // killed, or of another tool. This mount keeps it until it is unmounted.
            self.session.claim_strays(&self.names);
            self.knows_strays = true;
            placement = match self.place(size, shown) {
                Ok(placement) => placement,
                Err(e) => {
                    self.remove(&place.relative, false, shown)?;
                    return Err(e);
                }
            };
            mapped = map(&file, size, &placement);
        }
        let Owner { mode, uid, gid } = owner;
        let made = mapped.map_err(failed("map", shown)).and_then(|()| {
            confined::set_owner(&file, uid, gid, mode)
                .map_err(failed("set owner and mode of", shown))
        });
        if let Err(e) = made {
            self.remove(&place.relative, false, shown)?;
            return Err(e);
        }
        let body = Body::File(format::File {
            size,
            flags: FLAGS_ALL_HOSTS_RW,
            uid,
            gid,
            mode,
            path: field.clone(),
            map: placement.to_map(),
        });
        Ok((self.push(place, shown, field, body, false), file))
    }

    /// Makes a folder. One that is there without a log entry becomes this one.
    pub fn dir(&mut self, place: &Place, shown: &Path, owner: Owner) -> Result<Made, Error> {
        let field = self.check(place, shown)?;
        let root = self.session.root.as_fd();
        let dir = match confined::mkdir(root, &place.relative) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                confined::open(root, &place.relative, OFlag::O_DIRECTORY).map(File::from)
            }
            made => made,
        }
        .map_err(|e| not_created(e, shown))?;
        let Owner { mode, uid, gid } = owner;
        if let Err(e) = confined::set_owner(&dir, uid, gid, mode) {
            self.remove(&place.relative, true, shown)?;
            return Err(failed("set owner and mode of", shown)(e));
        }
        let body = Body::Mkdir(Dir {
            uid,
            gid,
            mode,
            path: field.clone(),
        });
        Ok(self.push(place, shown, field, body, true))
    }

    /// Removes a name again that is not to be logged.
    pub fn undo(&mut self, made: Made) -> Result<(), Error> {
        let Some(pending) = self.pending.get_mut(made.0) else {
            return Ok(());
        };
        let Some(body) = pending.body.take() else {
            return Ok(());
        };
        self.names.remove(pending.field.bytes());
        let (relative, shown) = (pending.relative.clone(), pending.shown.clone());
        self.remove(&relative, matches!(body, Body::Mkdir(_)), &shown)
    }

    /// Logs all that was made and not undone, in the order in which it was made.
    pub fn commit(mut self) -> Result<(), Error> {
        let entries: Vec<(&PathField, &Body)> = self
            .pending
            .iter()
            .filter_map(|p| Some((&p.field, p.body.as_ref()?)))
            .collect();
        let mount_point = self.session.mount_point.clone();
        // On failure, all is undone as this value goes.
        self.session.append(&entries, &mount_point)?;
        self.pending.clear();
        Ok(())
    }

    fn check(&self, place: &Place, shown: &Path) -> Result<PathField, Error> {
        let field = place.path_field()?;
        let path = field.bytes();
        if self.names.contains_key(path) {
            return Err(refused(shown, "it is named twice"));
        }
        let parent = path.iter().rposition(|b| *b == b'/').map(|at| &path[..at]);
        match parent.and_then(|parent| self.names.get(parent)) {
            Some(true) => self.session.check_new(&field, shown)?,
            Some(false) => return Err(refused(shown, "its parent is a file")),
            None => self.session.check_name(&field, shown)?,
        }
        self.session
            .check_room(self.names.len() as u64 + 1, shown)?;
        Ok(field)
    }

    fn place(&mut self, size: u64, shown: &Path) -> Result<Placement, Error> {
        self.seed = self.seed.wrapping_add(1);
        self.session
            .space
            .place(size, self.interleave.as_ref(), self.seed)
            .ok_or_else(|| Error::NoSpace {
                path: shown.to_owned(),
                wanted: size,
                largest: self.session.space.largest_free(),
            })
    }

    fn create(&self, relative: &Path, shown: &Path) -> Result<File, Error> {
        let root = self.session.root.as_fd();
        match confined::create(root, relative) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let found = confined::open(root, relative, OFlag::O_PATH)
                    .map(File::from)
                    .and_then(|f| f.metadata())
                    .map_err(failed("look at", shown))?;
                if !found.is_file() {
                    return Err(refused(shown, "it exists and is no file"));
                }
                options::remove_file(root, relative).map_err(failed("remove", shown))?;
                confined::create(root, relative)
            }
            made => made,
        }
        .map_err(|e| not_created(e, shown))
    }

    fn push(
        &mut self,
        place: &Place,
        shown: &Path,
        field: PathField,
        body: Body,
        is_dir: bool,
    ) -> Made {
        self.names.insert(field.bytes().to_vec(), is_dir);
        self.pending.push(Pending {
            relative: place.relative.clone(),
            shown: shown.to_owned(),
            field,
            body: Some(body),
        });
        Made(self.pending.len() - 1)
    }

    fn remove(&self, relative: &Path, is_dir: bool, shown: &Path) -> Result<(), Error> {
        let root = self.session.root.as_fd();
        if is_dir {
            options::remove_dir(root, relative)
        } else {
            options::remove_file(root, relative)
        }
        .map_err(failed("remove", shown))
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        for i in (0..self.pending.len()).rev() {
            // Nobody is left to hear of it, and the log does not name it.
            let _ = self.undo(Made(i));
        }
    }
}

impl std::fmt::Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maker")
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

fn map(file: &File, size: u64, placement: &Placement) -> io::Result<()> {
    abi::map(file.as_fd(), size, placement.into())
}

/// Why a name cannot be made, whose parent is in the log or was made just now.
fn not_created(error: io::Error, shown: &Path) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return refused(
            shown,
            "the log has its folder, and the mount does not; `famfs logplay` brings it back",
        );
    }
    failed("create", shown)(error)
}

fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBUSY)
}
