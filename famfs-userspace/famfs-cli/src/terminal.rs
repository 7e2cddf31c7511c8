//! The terminal given back by signals that end this process at once, for programs that make it
//! raw.
//!
//! Everything in here that runs in a signal handler keeps to what signal-safety(7) allows: it reads
//! what was prepared before, writes bytes and sets modes.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    ptr,
    sync::{
        Once, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use libc::{c_int, c_void, siginfo_t};
use nix::sys::termios::tcgetattr;

/// The signals of signal(7) whose default is to end the process. SIGINT, SIGTERM and SIGHUP are
/// not among them: a program ends in good order for those. SIGKILL cannot be caught.
const ENDING: [c_int; 19] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGUSR1,
    libc::SIGSEGV,
    libc::SIGUSR2,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGSTKFLT,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSYS,
];

/// An instruction causes these, and does so again when their handler returns.
const FAULTS: [c_int; 4] = [libc::SIGILL, libc::SIGBUS, libc::SIGFPE, libc::SIGSEGV];

/// How the terminal was, and what gives it back.
struct Before {
    terminal: OwnedFd,
    modes: libc::termios,
    /// What undoes the rest, such as the alternate screen.
    bytes: Vec<u8>,
    /// How the signals were handled.
    actions: Vec<(c_int, libc::sigaction)>,
}

static BEFORE: OnceLock<Before> = OnceLock::new();
/// Whether the terminal is ours at this moment.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Opens the terminal that keys come from, the same as crossterm reads: standard input, else the
/// controlling one.
pub fn keyboard() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned()
    } else {
        Ok(File::open("/dev/tty")?.into())
    }
}

/// Prepares for the signals, before the terminal is changed. `bytes` undo what is written to it
/// meanwhile, such as the alternate screen. The first call counts.
pub fn prepare(bytes: Vec<u8>) -> io::Result<()> {
    static INSTALLED: Once = Once::new();
    if BEFORE.get().is_none() {
        let terminal = keyboard()?;
        let modes = tcgetattr(&terminal)?.into();
        let all = ENDING
            .into_iter()
            .chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
        let actions = all.filter_map(|signal| Some((signal, action_of(signal)?)));
        let before = Before {
            terminal,
            modes,
            bytes,
            actions: actions.collect(),
        };
        BEFORE.get_or_init(|| before);
    }
    INSTALLED.call_once(|| {
        let caught = BEFORE.get().map_or(&[][..], |before| &before.actions);
        for (signal, action) in caught {
            // Whoever started us may have had a signal ignored, such as nohup(1).
            if action.sa_sigaction != libc::SIG_IGN {
                catch(*signal);
            }
        }
    });
    Ok(())
}

/// Says whether the terminal is ours from now on: only then a signal gives it back. To be said
/// before it is taken, and after it is given back.
pub fn set_ours(is_ours: bool) {
    IS_OURS.store(is_ours, Ordering::SeqCst);
}

/// Gives the terminal back, from any thread and in any state, without ever waiting for it.
pub fn give_back() {
    let Some(before) = BEFORE.get() else { return };
    if !IS_OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut screen = libc::pollfd {
        fd: libc::STDOUT_FILENO,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one pollfd, which lives as long as the call.
    let ready = unsafe { libc::poll(&raw mut screen, 1, 0) };
    if ready == 1 && screen.revents & libc::POLLOUT != 0 {
        let (bytes, len) = (before.bytes.as_ptr().cast(), before.bytes.len());
        // SAFETY: so many bytes are there, and nothing changes them.
        unsafe { libc::write(libc::STDOUT_FILENO, bytes, len) };
    }
    // SAFETY: the descriptor is open for the rest of the process, and the modes are a terminal's.
    unsafe {
        libc::tcsetattr(
            before.terminal.as_raw_fd(),
            libc::TCSANOW,
            &raw const before.modes,
        )
    };
}

fn action_of(signal: c_int) -> Option<libc::sigaction> {
    let mut action = default_action();
    // SAFETY: asks only; the answer goes to a value of ours.
    let done = unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
    (done == 0).then_some(action)
}

fn default_action() -> libc::sigaction {
    // SAFETY: all zeros is the default action without flags, and an empty mask.
    unsafe { std::mem::zeroed() }
}

fn catch(signal: c_int) {
    let mut action = default_action();
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = end;
    action.sa_sigaction = handler as usize;
    // The other stack, because a stack that overflowed is no place for a handler.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // Nothing comes in between; and a background process may set the modes while it blocks
    // SIGTTOU.
    // SAFETY: fills the mask of a value of ours.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    set(signal, &action);
}

fn set(signal: c_int, action: &libc::sigaction) {
    // SAFETY: the action is complete; its handler, if it has one, keeps to signal-safety(7) or was
    // there before us.
    unsafe { libc::sigaction(signal, ptr::from_ref(action), ptr::null_mut()) };
}

/// Gives the terminal back, then lets the signal do what it would have done without us.
extern "C" fn end(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    give_back();
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid one.
    let code = unsafe { (*info).si_code };
    if code > 0 && FAULTS.contains(&signal) {
        // The instruction runs again and meets what was there before us, such as the standard
        // library's report of a stack overflow.
        let actions = BEFORE.get().map_or(&[][..], |before| &before.actions);
        let before = actions.iter().find(|(of, _)| *of == signal);
        set(
            signal,
            &before.map_or_else(default_action, |(_, action)| *action),
        );
        return;
    }
    set(signal, &default_action());
    // SAFETY: a signal of this thread's own, which waits until the handler returns.
    unsafe { libc::raise(signal) };
}
