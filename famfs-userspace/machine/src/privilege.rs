//! The capabilities of this process: which are missing, and how to be rid of them.

use std::{fs, path::Path};

use caps::{CapSet, Capability, CapsHashSet};

/// A capability that watching is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    SysAdmin,
    Perfmon,
    Bpf,
}

impl Cap {
    const fn bit(self) -> u32 {
        match self {
            Self::SysAdmin => 21,
            Self::Perfmon => 38,
            Self::Bpf => 39,
        }
    }
}

/// What is left when privileges are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing, for this process and all that it starts.
    Nothing,
    /// Nothing for this process; what it starts has what it would have had. For commands of the
    /// user's, who gave the privileges.
    ForCommands,
    /// Only what writes files in folders of others, as root may: for recordings.
    Files,
}

/// The effective capabilities of this thread; `None` where the kernel does not say.
pub fn effective() -> Option<u64> {
    in_status(&fs::read_to_string("/proc/self/status").ok()?)
}

fn in_status(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Whether `cap` is among `effective`.
pub fn has(effective: u64, cap: Cap) -> bool {
    effective >> cap.bit() & 1 != 0
}

/// What loading tracing programs takes and `effective` lacks.
pub fn missing(effective: u64) -> Vec<&'static str> {
    if has(effective, Cap::SysAdmin) {
        return Vec::new();
    }
    [(Cap::Bpf, "CAP_BPF"), (Cap::Perfmon, "CAP_PERFMON")]
        .into_iter()
        .filter_map(|(cap, name)| (!has(effective, cap)).then_some(name))
        .collect()
}

/// The inode of the first user namespace, which the kernel never changes.
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

/// Whether this process is in a user namespace other than the first, as in a rootless container.
/// Whatever capabilities it has there, bpf(2) does not accept them.
pub fn in_user_namespace() -> bool {
    let namespace = fs::read_link("/proc/self/ns/user").ok();
    let uid_map = fs::read_to_string("/proc/self/uid_map").ok();
    is_other_namespace(namespace.as_deref(), uid_map.as_deref())
}

/// The map of user ids tells it where the name of the namespace does not: the first namespace maps
/// every id to itself.
fn is_other_namespace(namespace: Option<&Path>, uid_map: Option<&str>) -> bool {
    match namespace.and_then(Path::to_str) {
        Some(name) if name.starts_with("user:[") => name != FIRST_USER_NAMESPACE,
        _ => uid_map.is_some_and(|map| !map.split_whitespace().eq(["0", "0", "4294967295"])),
    }
}

/// Gives up this thread's capabilities: call it before other threads are made. They are not
/// needed after attaching, and cannot be taken back.
pub fn drop_all(keep: Keep) -> Result<(), caps::errors::CapsError> {
    let held = caps::read(None, CapSet::Effective)?;
    let kept: CapsHashSet = match keep {
        Keep::Nothing | Keep::ForCommands => CapsHashSet::new(),
        Keep::Files => (held.iter().copied())
            .filter(|&cap| cap == Capability::CAP_DAC_OVERRIDE)
            .collect(),
    };
    if keep == Keep::ForCommands {
        return caps::clear(None, CapSet::Effective);
    }
    // Leaving the bounding set takes this one, and it stays effective until the end.
    if held.contains(&Capability::CAP_SETPCAP) {
        for cap in caps::read(None, CapSet::Bounding)? {
            caps::drop(None, CapSet::Bounding, cap)?;
        }
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_or_the_old_all_powerful_one() {
        let bit = |cap: Cap| 1_u64 << cap.bit();
        assert!(missing(bit(Cap::SysAdmin)).is_empty());
        assert!(missing(bit(Cap::Perfmon) | bit(Cap::Bpf)).is_empty());
        assert_eq!(missing(bit(Cap::Perfmon)), ["CAP_BPF"]);
        assert_eq!(missing(bit(Cap::Bpf)), ["CAP_PERFMON"]);
        assert_eq!(missing(0), ["CAP_BPF", "CAP_PERFMON"]);
    }

    #[test]
    fn the_first_user_namespace_is_told_from_others() {
        let other = |name: &str, map| is_other_namespace(Some(Path::new(name)), Some(map));
        let (all, one) = ("  0  0 4294967295\n", "  0  1000  1\n");
        assert!(!other(FIRST_USER_NAMESPACE, all));
        // A namespace may map every id to itself, and still not be the first.
        assert!(other("user:[4026532000]", all));
        assert!(other("user:[4026532000]", one));
        assert!(other("what is this", one));
        assert!(!other("what is this", all));
        assert!(is_other_namespace(None, Some(one)));
        assert!(!is_other_namespace(None, None));
    }

    #[test]
    fn effective_capabilities_are_read_from_status() {
        let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n";
        assert_eq!(in_status(status), Some(0x1ff_ffff_ffff));
        assert_eq!(in_status("CapEff:\tzz\n"), None);
        assert_eq!(in_status(""), None);
    }

    /// The effective, permitted and inheritable sets of a thread that had the given ones and
    /// dropped: capabilities are each thread's own.
    fn after(keep: Keep) -> (CapsHashSet, [CapsHashSet; 3]) {
        let thread = std::thread::spawn(move || {
            let read = |set| caps::read(None, set).unwrap();
            let before = read(CapSet::Permitted);
            drop_all(keep).unwrap();
            let sets = [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable];
            (before, sets.map(read))
        });
        thread.join().unwrap()
    }

    #[test]
    fn nothing_or_as_little_as_is_needed_is_left() {
        let none = CapsHashSet::new();
        let (_, left) = after(Keep::Nothing);
        assert_eq!(left, [none.clone(), none.clone(), none.clone()]);
        let (before, [effective, permitted, _]) = after(Keep::ForCommands);
        assert_eq!((effective, permitted), (none.clone(), before));
        let (before, [effective, permitted, inheritable]) = after(Keep::Files);
        let mut files = before;
        files.retain(|&cap| cap == Capability::CAP_DAC_OVERRIDE);
        assert_eq!([&effective, &permitted], [&files, &files]);
        assert_eq!(inheritable, none);
    }
}
