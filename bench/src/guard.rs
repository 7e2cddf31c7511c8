//! Work in a child process that may meet SIGBUS, and what it met.
//!
//! A SIGBUS inside an access cannot be stepped over, so the access is made by a child; its
//! handler writes the signal's code and address into a pipe and ends it.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, IntoRawFd as _, OwnedFd};
use std::os::raw::c_int;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, pipe};

/// What the child came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done(Result<u64, Errno>),
    Bus(Bus),
}

/// A SIGBUS: how and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bus {
    pub(crate) code: c_int,
    pub(crate) address: u64,
    /// What the child had last said it was doing, by [`stage`].
    pub(crate) stage: c_int,
}

impl Bus {
    pub(crate) fn code_name(self) -> String {
        match self.code {
            libc::BUS_ADRALN => "BUS_ADRALN".into(),
            libc::BUS_ADRERR => "BUS_ADRERR".into(),
            libc::BUS_OBJERR => "BUS_OBJERR".into(),
            libc::BUS_MCEERR_AR => "BUS_MCEERR_AR".into(),
            libc::BUS_MCEERR_AO => "BUS_MCEERR_AO".into(),
            other => format!("si_code {other}"),
        }
    }
}

const DONE: u64 = 0;
const FAILED: u64 = 1;
const BUS: u64 = 2;
/// Kind, then three words: value, or errno, or code, address and stage.
type Record = [u64; 4];
const RECORD_BYTES: usize = 32;

static PIPE: AtomicI32 = AtomicI32::new(-1);
static STAGE: AtomicI32 = AtomicI32::new(0);

/// Says what the child is about to do.
pub(crate) fn stage(stage: c_int) {
    STAGE.store(stage, Ordering::Relaxed);
}

/// Runs `work` in a child and waits for it.
pub(crate) fn run(work: impl FnOnce() -> Result<u64, Errno>) -> Result<Outcome> {
    let (reader, writer) = pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread, so the child may do whatever the parent could.
    let forked = unsafe { fork() }.context("cannot fork")?;
    let child = match forked {
        ForkResult::Child => in_child(work, writer),
        ForkResult::Parent { child } => child,
    };
    drop(writer);
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    File::from(reader)
        .read_to_end(&mut bytes)
        .context("cannot read from the child")?;
    let status = waitpid(child, None).context("cannot wait for the child")?;
    match decode(&bytes) {
        Some(outcome) => Ok(outcome),
        None => match status {
            WaitStatus::Signaled(_, signal, _) => {
                bail!("the touching process was ended by {signal}")
            }
            status => bail!("the touching process ended without a report: {status:?}"),
        },
    }
}

fn in_child(work: impl FnOnce() -> Result<u64, Errno>, writer: OwnedFd) -> ! {
    PIPE.store(writer.as_raw_fd(), Ordering::Relaxed);
    // The handler uses the number for as long as the child lives.
    let _ = writer.into_raw_fd();
    let action = SigAction::new(
        SigHandler::SigAction(on_bus),
        SaFlags::SA_SIGINFO,
        SigSet::empty(),
    );
    // SAFETY: the handler only uses atomics, write(2) and _exit(2).
    let installed = unsafe { sigaction(Signal::SIGBUS, &action) };
    let record = match installed.and_then(|_| work()) {
        Ok(value) => [DONE, value, 0, 0],
        Err(errno) => [FAILED, u64::from((errno as c_int).unsigned_abs()), 0, 0],
    };
    send_and_exit(record)
}

extern "C" fn on_bus(_: c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    // SAFETY: for SIGBUS the address member is the one in use.
    let address = unsafe { info.si_addr() }.addr() as u64;
    let stage = STAGE.load(Ordering::Relaxed);
    send_and_exit([
        BUS,
        u64::from(info.si_code.unsigned_abs()),
        address,
        u64::from(stage.unsigned_abs()),
    ])
}

fn send_and_exit(record: Record) -> ! {
    let mut bytes = [0_u8; RECORD_BYTES];
    for (into, word) in bytes.chunks_exact_mut(8).zip(record) {
        into.copy_from_slice(&word.to_ne_bytes());
    }
    // SAFETY: a buffer of our own, and a pipe with room for it; async-signal-safe. A parent
    // that is gone has no use for the report.
    let _ = unsafe {
        libc::write(
            PIPE.load(Ordering::Relaxed),
            bytes.as_ptr().cast(),
            bytes.len(),
        )
    };
    // SAFETY: ends the process without running anything of the parent's.
    unsafe { libc::_exit(0) }
}

fn decode(bytes: &[u8]) -> Option<Outcome> {
    let mut words = bytes
        .chunks_exact(8)
        .map(|word| word.try_into().map_or(0, u64::from_ne_bytes));
    let (kind, first, second, third) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let small = |word| c_int::try_from(word).ok();
    Some(match kind {
        DONE => Outcome::Done(Ok(first)),
        FAILED => Outcome::Done(Err(Errno::from_raw(small(first)?))),
        BUS => Outcome::Bus(Bus {
            code: small(first)?,
            address: second,
            stage: small(third)?,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::map::{Mapping, Placement, Request};
    use crate::workload::{PAGE, touch};

    #[test]
    fn a_result_comes_back() {
        assert!(matches!(run(|| Ok(42)).unwrap(), Outcome::Done(Ok(42))));
        assert!(matches!(
            run(|| Err(Errno::EPERM)).unwrap(),
            Outcome::Done(Err(Errno::EPERM))
        ));
    }

    #[test]
    fn a_touch_past_the_end_of_the_file_is_reported_with_code_address_and_stage() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(PAGE as u64).unwrap();
        let request = Request {
            offset: 0,
            len: 2 * PAGE,
            placement: Placement::Aligned,
            private: false,
            writable: false,
        };
        let mapping = Mapping::new(&file, request).unwrap();
        let past = mapping.base().as_ptr().addr() as u64 + PAGE as u64;
        let outcome = run(|| {
            stage(3);
            touch::read_each(&mapping, PAGE, 2 * PAGE);
            Ok(0)
        });
        let Outcome::Bus(bus) = outcome.unwrap() else {
            panic!("no SIGBUS")
        };
        assert_eq!(
            bus,
            Bus {
                code: libc::BUS_ADRERR,
                address: past,
                stage: 3
            }
        );
        assert_eq!(bus.code_name(), "BUS_ADRERR");
    }

    #[test]
    fn a_cut_or_unknown_record_is_none() {
        assert!(decode(&[0; 31]).is_none());
        assert!(decode(&[9; 32]).is_none());
    }
}
