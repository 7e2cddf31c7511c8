//! `famfs creat`: files with memory of their own, then the entries that tell of them.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::maker::{Made, Maker, Owner};
use super::place::{self, Place, Resolver};
use super::watch::Watch;
use super::{Error, contents, failed, pool, refused};
use crate::device::map::{Loads, Mapping};
use famfs_machine::kernel::{abi, confined};
use famfs_media::alloc::Interleave;

/// One file to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub path: PathBuf,
    /// `None` or 0: the file exists, and its size is taken as it is.
    pub size: Option<u64>,
    /// Fill the file from this seed.
    pub seed: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub owner: Owner,
    /// `None`: as the file system is configured.
    pub interleave: Option<Interleave>,
    /// Threads that fill files; 0 fills them one after the other.
    pub threads: usize,
}

/// Whether the file is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    New,
    /// It was there with the same size; its contents were filled again if a seed says so.
    Existing,
}

/// What became of each item, in their order.
#[derive(Debug)]
pub struct Outcome {
    pub items: Vec<Result<Created, Error>>,
    /// A signal ended the work: what was complete by then is there and logged.
    pub interrupted: bool,
}

/// A file to fill.
struct Job {
    item: usize,
    made: Option<Made>,
    file: File,
    size: u64,
    seed: u32,
}

/// Makes files of one mount, under one lock and with one write-back of the log. Other
/// hosts learn of them when they have their contents. One that fails does not keep the
/// others from being made.
pub fn create(items: &[Item], options: &Options, watch: &Watch) -> Result<Outcome, Error> {
    let mut batch = Batch::new(options, watch);
    let mut outcome: Vec<Option<Result<Created, Error>>> = items.iter().map(|_| None).collect();
    for item in items {
        watch.expect(progress_of(item));
    }
    let jobs = items.iter().enumerate().filter_map(|(i, item)| {
        if watch.signal().is_some() || batch.hopeless.is_some() {
            return None;
        }
        match batch.begin(item) {
            Ok(Begun::Fill(made, file, size, seed)) => {
                return Some(Job {
                    item: i,
                    made,
                    file,
                    size,
                    seed,
                });
            }
            Ok(Begun::Done(created)) => outcome[i] = Some(Ok(created)),
            Err(e) => outcome[i] = Some(Err(e)),
        }
        watch.add(progress_of(item));
        None
    });
    let filled = pool::run(options.threads, jobs, |job| {
        let done = Mapping::new(job.file, job.size, Loads::Read, true)
            .and_then(|mut map| contents::write_seeded(&mut map, job.size, job.seed, watch));
        (job.item, job.made, done)
    });
    for (item, made, done) in filled {
        outcome[item] = Some(match (done, made) {
            (Ok(()), Some(_)) => Ok(Created::New),
            (Ok(()), None) => Ok(Created::Existing),
            (Err(e), made) => {
                let e = failed("fill", &items[item].path)(e);
                match made.map_or(Ok(()), |made| batch.undo(made)) {
                    Ok(()) => Err(e),
                    Err(undo) => Err(undo),
                }
            }
        });
    }
    // Nothing was made of any, and one reason is enough.
    if let Some(e) = batch.hopeless {
        return Err(e);
    }
    batch.commit()?;
    let interrupted = watch.signal().is_some();
    Ok(Outcome {
        items: outcome
            .into_iter()
            .zip(items)
            .map(|(done, item)| {
                done.unwrap_or_else(|| Err(refused(&item.path, "not made: interrupted")))
            })
            .collect(),
        interrupted,
    })
}

/// Bytes that are written for an item, or one step.
fn progress_of(item: &Item) -> u64 {
    match (item.seed, item.size) {
        (Some(_), Some(size)) => size,
        _ => 1,
    }
}

enum Begun {
    Done(Created),
    Fill(Option<Made>, File, u64, u32),
}

/// The one mount that all items are in.
struct Batch<'o> {
    options: &'o Options,
    watch: &'o Watch,
    resolver: Resolver,
    mount_point: Option<PathBuf>,
    maker: Option<Maker>,
    /// This host may only look: it did not make the file system.
    client: Option<PathBuf>,
    /// Why the log cannot be had, for any of them.
    hopeless: Option<Error>,
}

impl<'o> Batch<'o> {
    fn new(options: &'o Options, watch: &'o Watch) -> Self {
        Self {
            options,
            watch,
            resolver: Resolver::default(),
            mount_point: None,
            maker: None,
            client: None,
            hopeless: None,
        }
    }

    fn begin(&mut self, item: &Item) -> Result<Begun, Error> {
        let path = item.path.as_path();
        if place::names_folder(path) {
            let reason = "a name that ends in a slash is a folder's; `famfs mkdir` makes folders";
            return Err(refused(path, reason));
        }
        let place = self.resolver.find(path)?;
        self.enter(&place, path)?;
        let wanted = item.size.filter(|size| *size != 0);
        if let Some((file, size)) = self.existing(path, &place, wanted)? {
            return Ok(match item.seed {
                Some(seed) => Begun::Fill(None, file, size, seed),
                None => Begun::Done(Created::Existing),
            });
        }
        let size = match item.size {
            Some(0) => return Err(refused(path, "a file of 0 bytes has nothing to map")),
            Some(size) => size,
            None => return Err(refused(path, "it does not exist; `-s SIZE` makes it")),
        };
        let Some(maker) = &mut self.maker else {
            return Err(Error::Client {
                path: self.client.clone().unwrap_or_else(|| path.to_owned()),
            });
        };
        let (made, file) = maker.file(&place, path, size, self.options.owner)?;
        Ok(match item.seed {
            Some(seed) => Begun::Fill(Some(made), file, size, seed),
            None => Begun::Done(Created::New),
        })
    }

    /// Takes the lock of the first item's mount; the others must be in the same.
    fn enter(&mut self, place: &Place, path: &Path) -> Result<(), Error> {
        match &self.mount_point {
            Some(known) if *known == place.mount.mount_point => return Ok(()),
            Some(known) => {
                let reason = format!("it is not in the mount {}, as the others", known.display());
                return Err(refused(path, reason));
            }
            None => {}
        }
        match Maker::new(place, self.options.interleave, self.watch) {
            Ok(maker) => self.maker = Some(maker),
            // It may still fill a file that exists.
            Err(Error::Client { path }) => self.client = Some(path),
            Err(e) => {
                self.hopeless = Some(e);
                return Err(refused(path, "its log cannot be had"));
            }
        }
        self.mount_point = Some(place.mount.mount_point.clone());
        Ok(())
    }

    /// The file that is there already, if it is one of `size` bytes. One that the log
    /// does not have is none: the command that made it was killed.
    fn existing(
        &self,
        path: &Path,
        place: &Place,
        size: Option<u64>,
    ) -> Result<Option<(File, u64)>, Error> {
        if place.relative.as_os_str().is_empty() {
            return Err(refused(path, "that is the root of the mount"));
        }
        if let Some(maker) = &self.maker
            && !maker.knows(&place.path_field()?)
        {
            return Ok(None);
        }
        let mount_point = &place.mount.mount_point;
        let root = confined::open_root(mount_point).map_err(failed("open", mount_point))?;
        let open = |flags| confined::open(root.as_fd(), &place.relative, flags).map(File::from);
        let found = match open(OFlag::O_PATH) {
            Ok(found) => found.metadata().map_err(failed("look at", path))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("look at", path)(e)),
        };
        if !found.is_file() {
            return Err(refused(path, "it exists and is no file"));
        }
        if size.is_some_and(|size| size != found.len()) {
            let reason = format!(
                "it exists with {} bytes; files keep their size",
                found.len()
            );
            return Err(refused(path, reason));
        }
        let file = open(OFlag::O_RDWR).map_err(failed("open", path))?;
        if !abi::is_mapped(file.as_fd()).map_err(failed("read", path))? {
            return Err(refused(
                path,
                "its map is not valid; `famfs logplay --repair` puts it right",
            ));
        }
        Ok(Some((file, found.len())))
    }

    fn undo(&mut self, made: Made) -> Result<(), Error> {
        self.maker.as_mut().map_or(Ok(()), |maker| maker.undo(made))
    }

    fn commit(self) -> Result<(), Error> {
        self.maker.map_or(Ok(()), Maker::commit)
    }
}
