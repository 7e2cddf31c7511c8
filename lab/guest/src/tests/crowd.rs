//! Processes that use a mount in every way at once, each until it is told that it cannot.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    sync::atomic::Ordering,
};

use nix::{errno::Errno, sys::sendfile::sendfile};

use crate::{
    bare::{MIB, PAGE},
    child::{Child, End},
    fixture::Famfs,
    mapping::{ANYWHERE, Mapping, Request},
    raw::{self, Form, v1, v2},
};

/// Words of the board: how often it went well, whether a call in progress met the end itself.
const ROUNDS: usize = 0;
const STRAY: usize = 1;
/// Rounds that each must have had before the memory fails.
const ENOUGH: u64 = 3;

type Work<'a> = (&'static str, Box<dyn Fn(u64) -> Result<(), Errno> + 'a>);

pub(crate) struct Crowd {
    workers: Vec<(&'static str, Child)>,
    toucher: (Child, std::ops::Range<u64>),
    strays: &'static [Errno],
}

impl Crowd {
    /// Starts on two files of 2 MiB that begin here on the device. A call that is in progress
    /// at that moment may end with one of `strays`, once.
    pub(crate) fn start(famfs: &Famfs, at: u64, strays: &'static [Errno]) -> Self {
        let file = famfs.mapped("used", 2 * MIB, &[(at, 2 * MIB)]);
        let memory = famfs.mapped("touched", 2 * MIB, &[(at + 2 * MIB, 2 * MIB)]);
        let map = Mapping::shared(&memory, 2 << 20);
        let range = map.address(0)..map.address(0) + (2 << 20);
        let toucher = Child::spawn(|board| {
            loop {
                map.write_each(PAGE, 1);
                map.read_each(PAGE);
                board.at(ROUNDS).fetch_add(1, Ordering::SeqCst);
            }
        });
        let workers = works(famfs, &file)
            .into_iter()
            .map(|(name, work)| {
                (
                    name,
                    Child::spawn(|board| until_refused(board, strays, &work)),
                )
            })
            .collect();
        let mut crowd = Self {
            workers,
            toucher: (toucher, range),
            strays,
        };
        for (_, child) in &mut crowd.workers {
            child.await_at_least(ROUNDS, ENOUGH);
        }
        crowd.toucher.0.await_at_least(ROUNDS, ENOUGH);
        crowd
    }

    /// Checks the end after the failure: each process got ENODEV, and each that touched memory got SIGBUS.
    pub(crate) fn must_end(self) {
        for (name, child) in self.workers {
            let stray = child.read(STRAY);
            assert_eq!(child.wait(), End::Done, "{name}");
            let known = self.strays.iter().any(|errno| *errno as u64 == stray);
            assert!(stray == 0 || known, "{name}: {stray}");
        }
        let (child, range) = self.toucher;
        let End::Bus { code, address } = child.wait() else {
            panic!("the toucher went on without its memory")
        };
        assert_eq!(code, nix::libc::BUS_ADRERR);
        assert!(range.contains(&address), "{address:#x} in {range:#x?}");
    }
}

fn until_refused(
    board: &crate::child::Board,
    strays: &[Errno],
    work: &dyn Fn(u64) -> Result<(), Errno>,
) {
    for round in 0.. {
        match work(round) {
            Ok(()) => {
                board.at(ROUNDS).fetch_add(1, Ordering::SeqCst);
            }
            Err(Errno::ENODEV) => break,
            Err(errno) if strays.contains(&errno) => {
                let before = board.at(STRAY).swap(errno as u64, Ordering::SeqCst);
                assert_eq!(before, 0, "{errno} a second time");
            }
            Err(errno) => panic!("refused with {errno}"),
        }
    }
    // For good.
    assert_eq!(work(u64::MAX), Err(Errno::ENODEV));
}

fn plain<T>(result: std::io::Result<T>) -> Result<T, Errno> {
    result.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

fn works<'a>(famfs: &'a Famfs, file: &'a File) -> Vec<Work<'a>> {
    let sink = File::create("/tmp/sink").unwrap();
    vec![
        (
            "read",
            Box::new(|_| plain(file.read_at(&mut [0; 70_000], 4000)).map(drop)),
        ),
        (
            "write",
            Box::new(|_| plain(file.write_at(&[1; 70_000], 4000)).map(drop)),
        ),
        (
            "sendfile",
            Box::new(move |_| sendfile(&sink, file, Some(&mut 0), 70_000).map(drop)),
        ),
        (
            "mmap",
            Box::new(|_| {
                Mapping::new(
                    file,
                    Request {
                        len: PAGE,
                        ..ANYWHERE
                    },
                )
                .map(drop)
            }),
        ),
        (
            "creat",
            Box::new(|round| {
                let path = famfs.path(&format!("new{round}"));
                plain(File::create_new(&path))?;
                plain(fs::remove_file(&path))
            }),
        ),
        (
            "mkdir",
            Box::new(|round| plain(fs::create_dir(famfs.path(&format!("dir{round}"))))),
        ),
        (
            "getmap",
            Box::new(|_| raw::receive(file, v1::MAP_GET, v1::SIZE).map(drop)),
        ),
        (
            // The file is mapped already, which is asked after whether the mount is in order.
            "map",
            Box::new(
                |_| match Form::V44.map(file, 0, 1, &[v2::extent(0, 4096)]) {
                    Err(Errno::EEXIST) => Ok(()),
                    other => other,
                },
            ),
        ),
        ("options", Box::new(|_| raw::v44::options(file).map(drop))),
    ]
}
