//! The command lines: arguments in, exit status out.

pub mod famfs;
mod pages;
pub mod top;

#[cfg(test)]
mod before {
    use std::sync::Once;

    use famfs_cli::signals;
    use nix::sys::signal::{Signal, raise};

    /// Makes SIGINT come before anything but [`signals`] listens; once, because a listener takes a
    /// second one for the order to end at once.
    pub(crate) fn a_signal_has_come() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            signals::remember().unwrap();
            raise(Signal::SIGINT).unwrap();
        });
    }
}
