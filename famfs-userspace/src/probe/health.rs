//! How each program fares: attached or not, how often it ran, how often the kernel skipped it.

use std::{
    fs,
    os::fd::{AsRawFd, RawFd},
};

use aya::programs::ProgramFd;
use famfs_common::probe::{Hook, Info};

/// One hook of the plan.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) info: &'static Info,
    /// `None` if attached.
    pub(crate) problem: Option<String>,
    fd: Option<ProgramFd>,
}

impl Health {
    pub(super) fn attached(info: &'static Info, fd: Option<ProgramFd>) -> Self {
        Self {
            info,
            problem: None,
            fd,
        }
    }

    pub(super) fn missing(info: &'static Info, problem: String) -> Self {
        Self {
            info,
            problem: Some(problem),
            fd: None,
        }
    }

    /// Runs that the kernel skipped, because the program was running on that CPU already. On
    /// preemptible kernels a task may be off its CPU in the middle of a program.
    pub(crate) fn misses(&self) -> u64 {
        let Some(fd) = &self.fd else { return 0 };
        let fd: RawFd = std::os::fd::AsFd::as_fd(fd).as_raw_fd();
        fs::read_to_string(format!("/proc/self/fdinfo/{fd}"))
            .ok()
            .and_then(|text| recursion_misses(&text))
            .unwrap_or_default()
    }

    /// Does every run of this hook stand for one fault that ended?
    pub(crate) fn ends_a_fault(&self) -> bool {
        matches!(
            self.info.hook,
            Hook::PteExit | Hook::PmdExit | Hook::Refused
        )
    }
}

fn recursion_misses(fdinfo: &str) -> Option<u64> {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_stand_in_fdinfo() {
        let text =
            "pos:\t0\nprog_type:\t26\nrun_cnt:\t0\nrecursion_misses:\t42\nverified_insns:\t1\n";
        assert_eq!(recursion_misses(text), Some(42));
        assert_eq!(recursion_misses("pos:\t0\n"), None);
        assert_eq!(recursion_misses("recursion_misses:\tmany\n"), None);
    }
}
