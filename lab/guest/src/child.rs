//! Work in a child process: what it came to, and the signal that ended it.
//!
//! An access that meets SIGBUS cannot be stepped over, and a process that has given up its
//! privileges cannot take them back: both are work for a child.

use std::{
    panic::{self, AssertUnwindSafe},
    ptr::NonNull,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
    thread,
};

use nix::{
    libc::{self, c_int},
    sys::{
        mman::{MapFlags, ProtFlags, mmap_anonymous, munmap},
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, Uid, fork, setuid},
};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The work came to its end.
    Done,
    /// A SIGBUS with this `si_code` and `si_addr`.
    Bus { code: c_int, address: u64 },
}

/// An access to memory that is not there.
pub(crate) fn no_memory(address: u64) -> End {
    End::Bus {
        code: libc::BUS_ADRERR,
        address,
    }
}

/// An access to memory that is broken.
pub(crate) fn broken_memory(address: u64) -> End {
    End::Bus {
        code: libc::BUS_MCEERR_AR,
        address,
    }
}

/// Words that parent and children share: the first two are the child's SIGBUS, the rest is the
/// test's own.
#[derive(Debug)]
pub(crate) struct Board(NonNull<libc::c_void>);

const BOARD: usize = 4096;
const CODE: usize = 0;
const ADDRESS: usize = 1;
const FIRST: usize = 2;

impl Board {
    pub(crate) fn new() -> Self {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let length = const { std::num::NonZero::new(BOARD).unwrap() };
        // SAFETY: a new mapping at an address of the kernel's choice.
        Self(unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_SHARED) }.unwrap())
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < BOARD / 8);
        let word = self.0.as_ptr().cast::<AtomicU64>().wrapping_add(index);
        // SAFETY: inside the mapping, which is as aligned as a page and lives as long as `self`.
        unsafe { &*word }
    }

    /// One of the test's own words, zero at first.
    pub(crate) fn at(&self, index: usize) -> &AtomicU64 {
        self.word(FIRST + index)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.0, BOARD) };
    }
}

/// A running child; killed if the test fails before it was waited for.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Option<Pid>,
    board: Board,
}

impl Child {
    /// Starts `work`, which talks with the test through the board.
    pub(crate) fn spawn(work: impl FnOnce(&Board)) -> Self {
        let board = Board::new();
        // SAFETY: this program has one thread while a test runs: the child may do as its parent.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => in_child(&board, work),
            ForkResult::Parent { child } => Self {
                pid: Some(child),
                board,
            },
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid.unwrap()
    }

    /// Lets the child go on, where it waits for this with [`pause`].
    pub(crate) fn tell(&self, index: usize, value: u64) {
        self.board.at(index).store(value, Ordering::SeqCst);
    }

    pub(crate) fn read(&self, index: usize) -> u64 {
        self.board.at(index).load(Ordering::SeqCst)
    }

    /// Waits until the child has set one of its words to at least `value`.
    pub(crate) fn await_at_least(&mut self, index: usize, value: u64) {
        while self.read(index) < value {
            match waitpid(self.pid(), Some(WaitPidFlag::WNOHANG)).unwrap() {
                WaitStatus::StillAlive => thread::yield_now(),
                ended => {
                    self.pid = None;
                    panic!("the child ended too early: {ended:?}")
                }
            }
        }
    }

    pub(crate) fn wait(mut self) -> End {
        let status = waitpid(self.pid(), None).unwrap();
        self.pid = None;
        match status {
            WaitStatus::Exited(_, DONE) => End::Done,
            WaitStatus::Exited(_, BUS) => End::Bus {
                code: c_int::try_from(self.board.word(CODE).load(Ordering::SeqCst)).unwrap(),
                address: self.board.word(ADDRESS).load(Ordering::SeqCst),
            },
            WaitStatus::Exited(_, PANICKED) => panic!("the child's part failed, see above"),
            other => panic!("the child ended with {other:?}"),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, None);
        }
    }
}

/// Waits in a child until the test has set this word.
pub(crate) fn pause(board: &Board, index: usize) {
    while board.at(index).load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
}

/// Runs `work` in a child and waits for it.
pub(crate) fn run(work: impl FnOnce()) -> End {
    Child::spawn(|_| work()).wait()
}

/// Runs `work` without any privilege; its failure is the test's.
pub(crate) fn as_nobody(work: impl FnOnce()) {
    let end = run(|| {
        setuid(Uid::from_raw(65534)).unwrap();
        work();
    });
    assert_eq!(end, End::Done);
}

const DONE: c_int = 0;
const PANICKED: c_int = 101;
const BUS: c_int = 102;

static RECORD: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());

fn in_child(board: &Board, work: impl FnOnce(&Board)) -> ! {
    RECORD.store(board.0.cast().as_ptr(), Ordering::SeqCst);
    let action = SigAction::new(
        SigHandler::SigAction(on_bus),
        SaFlags::SA_SIGINFO,
        SigSet::empty(),
    );
    // SAFETY: the handler only stores to memory that is mapped, and ends the process.
    unsafe { sigaction(Signal::SIGBUS, &action) }.unwrap();
    // A panic must not go on with the other tests.
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(board)));
    leave(if outcome.is_ok() { DONE } else { PANICKED })
}

extern "C" fn on_bus(_: c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    // SAFETY: for SIGBUS the address member is the one in use.
    let address = unsafe { info.si_addr() }.addr() as u64;
    let record = RECORD.load(Ordering::SeqCst);
    for (index, value) in [
        (CODE, u64::from(info.si_code.unsigned_abs())),
        (ADDRESS, address),
    ] {
        // SAFETY: one of the board's first two words, which live as long as the child.
        let word = unsafe { &*record.wrapping_add(index) };
        word.store(value, Ordering::SeqCst);
    }
    leave(BUS)
}

/// Ends the process without running anything of the parent's, such as its fixtures' drops.
fn leave(status: c_int) -> ! {
    // SAFETY: ends the process; there is nothing to keep.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touch_past_the_end_of_a_file_is_told_apart_from_success() {
        let path = std::env::temp_dir().join(format!("lab-guest-{}", std::process::id()));
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        let _ = std::fs::remove_file(&path);
        file.set_len(4096).unwrap();
        let map = crate::mapping::Mapping::shared(&file, 8192);
        assert_eq!(run(|| map.set(0, 1)), End::Done);
        assert_eq!(map.get(0), 1, "the child shares the file");
        assert_eq!(run(|| map.set(4096, 1)), no_memory(map.address(4096)));
    }
}
