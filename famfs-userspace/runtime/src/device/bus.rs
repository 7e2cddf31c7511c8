//! SIGBUS while mapped bytes are copied: an error of the copy, not the end of the process.
//!
//! A thread says which ranges it is about to touch. The handler runs in the thread that
//! touched: where the address is in one of that thread's ranges, it maps anonymous zeroes
//! over the pages of the range, notes what happened, and the copy runs on over them to its
//! end, where it is reported. Any other SIGBUS ends the process as if there were no handler.

use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::os::raw::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{Ordering, compiler_fence};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use thiserror::Error;

/// Which end of a copy could not be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Source,
    Target,
}

/// A SIGBUS that was met by a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the memory does not answer ({})", name(self.code))]
pub struct Bus {
    pub end: End,
    /// The code of `siginfo_t`.
    pub code: i32,
}

impl Bus {
    /// The one in an I/O error.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

fn name(code: i32) -> &'static str {
    match code {
        libc::BUS_ADRALN => "SIGBUS, BUS_ADRALN",
        libc::BUS_ADRERR => "SIGBUS, BUS_ADRERR",
        libc::BUS_MCEERR_AR => "SIGBUS, BUS_MCEERR_AR: poison",
        _ => "SIGBUS",
    }
}

/// What one thread touches. Only it and its own signal handler look.
struct Touched {
    /// Addresses of the source, then of the target; `from == to` where there is none.
    from: [Cell<usize>; 2],
    to: [Cell<usize>; 2],
    /// The first hit, while there is one: which end, and the code.
    hit: Cell<Option<(usize, c_int)>>,
}

thread_local! {
    // Constant and without a destructor: a handler can use it, for nothing is made at its
    // first use.
    static TOUCHED: Touched = const {
        Touched {
            from: [const { Cell::new(0) }; 2],
            to: [const { Cell::new(0) }; 2],
            hit: Cell::new(None),
        }
    };
}

/// Runs `touch`, which touches mapped memory in these ranges, whole pages of which may be
/// replaced. After an error their bytes are anything, and no longer the file's.
///
/// `touch` is plain loads and stores, and calls nothing that guards ranges of its own.
pub(super) fn guarded(
    source: Range<usize>,
    target: Range<usize>,
    touch: impl FnOnce(),
) -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), Errno>> = OnceLock::new();
    (*INSTALLED.get_or_init(install))?;
    TOUCHED.with(|touched| {
        touched.hit.set(None);
        let ends = [source, target];
        for (i, end) in ends.iter().enumerate() {
            touched.from[i].set(end.start);
            touched.to[i].set(end.end);
        }
        // The handler sees what is set before the first access, and nothing moves out.
        compiler_fence(Ordering::SeqCst);
        touch();
        compiler_fence(Ordering::SeqCst);
        for i in 0..ends.len() {
            touched.from[i].set(0);
            touched.to[i].set(0);
        }
        match touched.hit.take() {
            None => Ok(()),
            Some((end, code)) => {
                let end = if end == 0 { End::Source } else { End::Target };
                Err(io::Error::other(Bus { end, code }))
            }
        }
    })
}

fn install() -> Result<(), Errno> {
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::SigAction(on_bus), flags, SigSet::empty());
    // SAFETY: the handler touches its thread's own cells and makes system calls, nothing else.
    unsafe { sigaction(Signal::SIGBUS, &action) }.map(drop)
}

extern "C" fn on_bus(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    // Positive: by the kernel, for an access of this thread; else by kill(2).
    if info.si_code > 0 && info.si_code != libc::BUS_MCEERR_AO {
        // SAFETY: such a SIGBUS carries an address.
        let address = unsafe { info.si_addr() }.addr();
        if TOUCHED.with(|touched| replace(touched, address, info.si_code)) {
            return;
        }
    }
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action is no code of ours.
    let _ = unsafe { sigaction(Signal::SIGBUS, &default) };
    // Blocked until the handler returns; an access would also fail again by itself.
    let _ = raise(Signal::SIGBUS);
}

/// Maps zeroes over the range that holds `address`; whether there is one, and it could.
fn replace(touched: &Touched, address: usize, code: c_int) -> bool {
    let range = |end: usize| touched.from[end].get()..touched.to[end].get();
    let Some(end) = [0, 1]
        .into_iter()
        .find(|end| range(*end).contains(&address))
    else {
        return false;
    };
    // SAFETY: sysconf is only a look-up here.
    let Ok(page) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else {
        return false;
    };
    let Range { start, end: behind } = range(end);
    let first = start - start % page;
    let len = behind.next_multiple_of(page) - first;
    let saved = Errno::last_raw();
    // SAFETY: the pages are those of a range that its owner gave to be replaced; they are a
    // mapping of its own, so nothing else lies on them. No reference to their bytes exists.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::without_provenance_mut(first),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    Errno::set_raw(saved);
    if mapped == libc::MAP_FAILED {
        return false;
    }
    if touched.hit.get().is_none() {
        touched.hit.set(Some((end, code)));
    }
    true
}
