//! The last minutes: segments that are recordings of their own, the oldest removed, all of them
//! made one recording when it is wanted.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Error,
    frame::HEADER_LEN,
    writer::{Writer, end_frame},
};
use crate::model::Snapshot;

/// The number of segments into which the time that is kept is divided.
const SEGMENTS: u32 = 8;

/// Keeps what happened lately in a folder beside the recording that it will become.
#[derive(Debug)]
pub struct Ring {
    folder: PathBuf,
    keep: Duration,
    interval: Duration,
    /// The segments that are full, oldest first.
    full: VecDeque<Segment>,
    writer: Option<Writer<File>>,
    current: Segment,
    last: Option<Snapshot>,
}

/// A file of the ring.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    number: u64,
    /// The time of its first snapshot since attach, in nanoseconds.
    from_ns: u64,
}

impl Ring {
    /// Makes the folder, which must not exist, and keeps `keep` of snapshots `interval` apart.
    pub fn create(folder: PathBuf, keep: Duration, interval: Duration) -> Result<Self, Error> {
        fs::create_dir(&folder).map_err(Error::io("make the folder of the ring"))?;
        let current = Segment::new(&folder, 0, 0);
        Ok(Self {
            folder,
            keep,
            interval,
            full: VecDeque::new(),
            writer: None,
            current,
            last: None,
        })
    }

    /// Adds a snapshot, and forgets what is older than what is kept.
    pub fn append(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let now = snapshot.elapsed_ns;
        let age = Duration::from_nanos(now.saturating_sub(self.current.from_ns));
        if self.writer.is_some() && age >= self.keep / SEGMENTS {
            self.rotate();
        }
        let mut writer = if let Some(writer) = self.writer.take() {
            writer
        } else {
            self.current.from_ns = now;
            Writer::new(create_new(&self.current.path)?, self.interval)?
        };
        let written = writer.append(snapshot);
        self.writer = Some(writer);
        written?;
        self.last = Some(snapshot.clone());
        self.forget(now)
    }

    /// Begins a new segment. What ends is no end of the recording, so it gets no mark.
    fn rotate(&mut self) {
        self.writer = None;
        let next = Segment::new(&self.folder, self.current.number + 1, 0);
        self.full
            .push_back(std::mem::replace(&mut self.current, next));
    }

    /// Removes the oldest segments as long as what is left goes back far enough.
    fn forget(&mut self, now: u64) -> Result<(), Error> {
        let since = now.saturating_sub(u64::try_from(self.keep.as_nanos()).unwrap_or(u64::MAX));
        while self.full.get(1).map_or(self.current.from_ns, |s| s.from_ns) <= since {
            let Some(oldest) = self.full.pop_front() else {
                break;
            };
            fs::remove_file(&oldest.path).map_err(Error::io("remove the oldest of the ring"))?;
        }
        Ok(())
    }

    /// Makes one recording of all that is kept, seen under its name when its last byte is there.
    pub fn dump(&self, to: &Path) -> Result<(), Error> {
        let unfinished = to.with_added_extension("unfinished");
        let written = self
            .write(&unfinished)
            .and_then(|()| publish(&unfinished, to));
        // It has another name now, or is of no use.
        let _ = fs::remove_file(&unfinished);
        written
    }

    fn write(&self, to: &Path) -> Result<(), Error> {
        let failed = || Error::io("write the recording");
        let mut file = create_new(to)?;
        for (i, segment) in self.full.iter().chain([&self.current]).enumerate() {
            let mut from = match File::open(&segment.path) {
                // The first snapshot of it is still to come.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(Error::io("read the ring"))?,
            };
            if i > 0 {
                let behind_head = SeekFrom::Start(HEADER_LEN as u64);
                from.seek(behind_head).map_err(Error::io("read the ring"))?;
            }
            io::copy(&mut from, &mut file).map_err(failed())?;
        }
        file.write_all(&end_frame(self.last.as_ref()))
            .map_err(failed())?;
        file.sync_all().map_err(failed())
    }

    /// Makes one recording, and removes the ring.
    pub fn finish(mut self, to: &Path) -> Result<(), Error> {
        self.writer = None;
        self.dump(to)?;
        fs::remove_dir_all(&self.folder).map_err(Error::io("remove the folder of the ring"))
    }
}

impl Segment {
    fn new(folder: &Path, number: u64, from_ns: u64) -> Self {
        Self {
            path: folder.join(format!("{number:08}.famfsrec")),
            number,
            from_ns,
        }
    }
}

/// A new file that only its owner reads: it tells the paths of files.
pub fn create_new(path: &Path) -> Result<File, Error> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .map_err(Error::io("create the recording"))
}

/// Gives a finished file its name, and takes it from no other.
fn publish(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::hard_link(from, to) {
        // Not every file system has links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(from, to),
        other => other,
    }
    .map_err(Error::io("name the finished recording"))
}
