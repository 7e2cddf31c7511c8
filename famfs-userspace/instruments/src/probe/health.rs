//! How each program fares: attached or not, how often it ran, how often the kernel skipped it.

use std::{
    fs,
    os::fd::{AsRawFd, RawFd},
};

use aya::programs::ProgramFd;
use famfs_common::probe::{HOOKS, Hook, Info, Way};

/// One hook of the plan.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) info: &'static Info,
    /// How it is attached.
    pub(crate) way: Option<Way>,
    /// `None` if attached.
    pub(crate) problem: Option<String>,
    fd: Option<ProgramFd>,
}

impl Health {
    pub(super) fn attached(info: &'static Info, way: Way, fd: Option<ProgramFd>) -> Self {
        Self {
            info,
            way: Some(way),
            problem: None,
            fd,
        }
    }

    pub(super) fn missing(info: &'static Info, problem: String) -> Self {
        Self {
            info,
            way: None,
            problem: Some(problem),
            fd: None,
        }
    }

    /// The kind of attachment: the one in use, or the best one there could be.
    pub(crate) fn kind(&self) -> &'static str {
        let way = self.way.or(self.info.ways.first().copied());
        way.map_or("", |way| way.attach.name())
    }

    /// Runs that the kernel skipped, because the program was running on that CPU already. On
    /// preemptible kernels a task may be off its CPU in the middle of a program.
    pub(crate) fn misses(&self) -> u64 {
        self.field("recursion_misses:").unwrap_or_default()
    }

    /// Nanoseconds spent in the program while the kernel took the time.
    pub(crate) fn run_ns(&self) -> Option<u64> {
        self.field("run_time_ns:")
    }

    fn field(&self, name: &str) -> Option<u64> {
        let fd: RawFd = std::os::fd::AsFd::as_fd(self.fd.as_ref()?).as_raw_fd();
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
        number(&text, name)
    }

    /// Does every run of this hook stand for one fault that ended?
    pub(crate) fn ends_a_fault(&self) -> bool {
        matches!(
            self.info.hook,
            Hook::PteExit | Hook::PmdExit | Hook::Refused
        )
    }
}

/// The number after `name` at the start of a line of a descriptor's `fdinfo`.
pub(super) fn number(fdinfo: &str, name: &str) -> Option<u64> {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .trim()
        .parse()
        .ok()
}

/// What is wrong with probes that are attached, by hook: no hits, although another observer saw
/// what they should have. Pure.
pub(crate) fn silent(hits: &[u64; HOOKS], module_faults: u64) -> [Option<String>; HOOKS] {
    let of = |hook: Hook| hits[hook as usize];
    let mut warnings = [const { None }; HOOKS];
    let mut warn = |hook: Hook, seen: u64, by: &str| {
        if of(hook) == 0 && seen > 0 {
            warnings[hook as usize] = Some(format!("attached, but no hits while {by} saw {seen}"));
        }
    };
    let faults = [Hook::PteEnter, Hook::PmdEnter, Hook::PteExit, Hook::PmdExit];
    if faults.iter().all(|&hook| of(hook) == 0) {
        for hook in faults {
            warn(hook, module_faults, "the famfs module");
        }
    }
    for (enter, exit) in [
        (Hook::PteEnter, Hook::PteExit),
        (Hook::PmdEnter, Hook::PmdExit),
        (Hook::CopyEnter, Hook::CopyExit),
    ] {
        warn(enter, of(exit), "the probe of the end");
        warn(exit, of(enter), "the probe of the start");
    }
    let notified = of(Hook::ModuleNotify);
    warn(Hook::HolderNotify, notified, "the famfs module");
    warn(
        Hook::ModuleNotify,
        of(Hook::MountDisabled),
        "famfs_mount_disabled",
    );
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_fdinfo() {
        let text =
            "pos:\t0\nprog_type:\t26\nrun_cnt:\t0\nrecursion_misses:\t42\nverified_insns:\t1\n";
        assert_eq!(number(text, "recursion_misses:"), Some(42));
        assert_eq!(number("pos:\t0\n", "recursion_misses:"), None);
        assert_eq!(
            number("recursion_misses:\tmany\n", "recursion_misses:"),
            None
        );
    }

    fn warned(hits: &[(Hook, u64)], module_faults: u64) -> Vec<usize> {
        let mut all = [0; HOOKS];
        for &(hook, n) in hits {
            all[hook as usize] = n;
        }
        let warnings = silent(&all, module_faults);
        (0..HOOKS).filter(|&i| warnings[i].is_some()).collect()
    }

    #[test]
    fn silence_is_a_fault_only_while_others_hear_something() {
        assert_eq!(warned(&[], 0), [0; 0]);
        let (exit, enter) = (Hook::PteExit, Hook::PteEnter);
        assert_eq!(warned(&[(exit, 5), (enter, 5)], 5), [0; 0]);
        assert_eq!(warned(&[(exit, 5)], 5), [enter as usize]);
        assert_eq!(warned(&[(enter, 5)], 5), [exit as usize]);
        assert_eq!(warned(&[], 7).len(), 4);
        assert_eq!(
            warned(&[(Hook::ModuleNotify, 1), (Hook::MountDisabled, 1)], 0),
            [Hook::HolderNotify as usize]
        );
        let text = silent(&[0; HOOKS], 7)[0].clone();
        let want = "attached, but no hits while the famfs module saw 7";
        assert_eq!(text.as_deref(), Some(want));
    }
}
