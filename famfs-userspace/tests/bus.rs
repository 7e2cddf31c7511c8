//! A copy whose source or target goes away under it fails; the process lives, and so do the
//! copies of other threads. Any other SIGBUS ends the process as ever.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::FromRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::thread;

use famfs_media::memory::Memory;
use famfs_runtime::device::DataMemory;
use famfs_runtime::device::bus::{Bus, End};
use famfs_runtime::device::map::{Loads, Mapping};
use famfs_runtime::device::source::Source;
use famfs_runtime::ops::contents;
use famfs_runtime::ops::watch::Watch;

const MIB: u64 = 1 << 20;

/// A file in memory, with another byte in each page.
fn file(len: u64) -> File {
    // SAFETY: a name that ends, and no flags.
    let fd = unsafe { libc::memfd_create(c"bus".as_ptr(), 0) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: a descriptor that nobody else has.
    let mut file = unsafe { File::from_raw_fd(fd) };
    let byte = |i: u64| u8::try_from((i / 4096 * 7 + i % 251) % 256).unwrap();
    let bytes: Vec<u8> = (0..len).map(byte).collect();
    file.write_all(&bytes).unwrap();
    file
}

fn place(at: u64) -> usize {
    usize::try_from(at).unwrap()
}

fn bytes(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; place(file.metadata().unwrap().len())];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// A mapped file that does something before a chunk is copied to it.
struct Meddling<F> {
    to: Mapping,
    before: F,
}

impl<F: FnMut(u64)> Memory for Meddling<F> {
    fn len(&self) -> u64 {
        self.to.len()
    }
    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.to.load(at, into)
    }
    fn store(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.to.store(at, bytes)
    }
    fn publish(&mut self, at: u64, value: u64) -> io::Result<()> {
        self.to.publish(at, value)
    }
    fn flush(&mut self, at: u64, len: u64) -> io::Result<()> {
        self.to.flush(at, len)
    }
    fn fence(&mut self) -> io::Result<()> {
        self.to.fence()
    }
    fn invalidate(&mut self, at: u64, len: u64) -> io::Result<()> {
        self.to.invalidate(at, len)
    }
}

impl<F: FnMut(u64)> DataMemory for Meddling<F> {
    fn stream(&mut self, at: u64, len: usize, source: &Source, from: u64) -> io::Result<()> {
        (self.before)(at);
        self.to.stream(at, len, source, from)
    }
}

/// Copies all of `source`, with something done before the chunk at each MiB.
fn copy(source: &File, to: &File, before: impl FnMut(u64)) -> io::Result<u64> {
    let len = source.metadata()?.len();
    let to = Mapping::new(to.try_clone()?, len, Loads::Read, true)?;
    let watch = Watch::default();
    contents::copy(source, &mut Meddling { to, before }, 0, len, &watch)?;
    Ok(watch.progress().0)
}

#[test]
fn a_mapped_file_is_copied_to_its_last_byte() {
    for len in [1, 63, 4097, MIB, 2 * MIB + 77] {
        let (source, to) = (file(len), file(len));
        to.write_all_at(&vec![0xee; place(len)], 0).unwrap();
        let mut chunks = 0;
        let done = copy(&source, &to, |_| chunks += 1).unwrap();
        assert_eq!((done, chunks), (len, len.div_ceil(MIB)));
        assert!(bytes(&source) == bytes(&to), "{len}");
    }
}

/// What is behind the end is SIGBUS, what is behind it in the last page would be zeroes.
#[test]
fn a_source_that_is_cut_fails() {
    for left in [0, 10, MIB, MIB + 4096, MIB + 4097, 3 * MIB - 1] {
        let (source, to) = (file(3 * MIB), file(3 * MIB));
        let copied = copy(&source, &to, |at| {
            if at == MIB {
                source.set_len(left).unwrap();
            }
        });
        let error = copied.unwrap_err();
        assert_eq!(
            error.kind(),
            io::ErrorKind::UnexpectedEof,
            "{left}: {error}"
        );
    }
}

#[test]
fn a_source_that_was_short_already_fails() {
    let source = file(8192);
    let mapped = Source::map(&source, 0, MIB).unwrap();
    let mut found = vec![0; 4096];
    mapped.load(4096, &mut found).unwrap();
    assert!(found == bytes(&source)[4096..]);
    let error = mapped.load(8192, &mut found).unwrap_err();
    let wanted = Bus {
        end: End::Source,
        code: libc::BUS_ADRERR,
    };
    assert_eq!(Bus::of(&error), Some(wanted));
    // What is mapped there now is not the file's, and nobody is told that it was.
    mapped.load(0, &mut found).unwrap_err();
}

/// The target fails as the file of a mount does that a memory error has disabled.
#[test]
fn a_target_that_goes_away_fails() {
    let (source, to) = (file(3 * MIB), file(3 * MIB));
    let copied = copy(&source, &to, |at| {
        if at == 2 * MIB {
            to.set_len(2 * MIB + 4096).unwrap();
        }
    });
    let wanted = Bus {
        end: End::Target,
        code: libc::BUS_ADRERR,
    };
    assert_eq!(Bus::of(&copied.unwrap_err()), Some(wanted));
    // The file has what was stored before, and nothing of what came after.
    let (source, to) = (bytes(&source), bytes(&to));
    assert!(to[..2 << 20] == source[..2 << 20]);
    // And the mapping is of no more use.
    let to = file(2 * 4096);
    let mut map = Mapping::new(to, MIB, Loads::Read, true).unwrap();
    let mapped = Source::map(&file(MIB), 0, MIB).unwrap();
    map.stream(0, 1 << 20, &mapped, 0).unwrap_err();
    map.store(0, &[1]).unwrap_err();
    map.flush(0, 1).unwrap_err();
}

#[test]
fn threads_fail_alone() {
    thread::scope(|scope| {
        let work: Vec<_> = (0..16)
            .map(|number| {
                scope.spawn(move || {
                    let (source, to) = (file(4 * MIB), file(4 * MIB));
                    let cut = number % 2 == 1;
                    let copied = copy(&source, &to, |at| {
                        if cut && at == MIB {
                            source.set_len(MIB + 5).unwrap();
                        }
                    });
                    assert_eq!(copied.is_err(), cut, "{number}: {copied:?}");
                    cut || bytes(&source) == bytes(&to)
                })
            })
            .collect();
        assert!(work.into_iter().all(|thread| thread.join().unwrap()));
    });
}

/// An image with holes stays one: on a tmpfs a mapping would fill them.
#[test]
fn a_file_with_holes_is_read() {
    let source = file(4096);
    source.set_len(2 * MIB).unwrap();
    assert!(Source::map(&source, 0, 2 * MIB).is_none());
    let to = file(2 * MIB);
    let mut streamed = 0;
    copy(&source, &to, |_| streamed += 1).unwrap();
    assert_eq!(streamed, 0);
    assert!(bytes(&source) == bytes(&to));
    assert_eq!(
        std::os::unix::fs::MetadataExt::blocks(&source.metadata().unwrap()),
        8
    );
}

/// An access that no copy made, and a signal from kill(2), are deadly as ever.
#[test]
fn other_signals_end_the_process() {
    use nix::sys::signal::{Signal, raise};
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    // Installs the handler.
    copy(&file(4096), &file(4096), |_| {}).unwrap();
    let short = file(4096);
    // SAFETY: a new mapping of a file of ours.
    let map = unsafe {
        let access = libc::PROT_READ;
        let shared = libc::MAP_SHARED;
        let fd = std::os::fd::AsRawFd::as_raw_fd(&short);
        libc::mmap(std::ptr::null_mut(), 8192, access, shared, fd, 0)
    };
    assert_ne!(map, libc::MAP_FAILED);
    for by_access in [true, false] {
        // SAFETY: the child makes system calls and one access.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                if by_access {
                    // SAFETY: mapped, though there is nothing behind it: that is the test.
                    unsafe { map.cast::<u8>().wrapping_add(4096).read_volatile() };
                } else {
                    let _ = raise(Signal::SIGBUS);
                }
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => {
                let status = waitpid(child, None).unwrap();
                assert!(
                    matches!(status, WaitStatus::Signaled(_, Signal::SIGBUS, _)),
                    "{by_access}: {status:?}"
                );
            }
        }
    }
}
