//! The capabilities that loading tracing programs takes.

use std::fs;

use super::Error;

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Fails early and by name, since the kernel would only say EPERM.
/// `run_stats` needs more than all the rest.
pub(super) fn check(run_stats: bool) -> Result<(), Error> {
    let path = "/proc/self/status";
    let status = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    // A status without the line is no kernel of ours; let bpf(2) decide.
    let missing = effective(&status)
        .map(|caps| missing(caps, run_stats))
        .unwrap_or_default();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Privilege(missing))
    }
}

fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing(effective: u64, run_stats: bool) -> Vec<&'static str> {
    let has = |cap: u32| effective >> cap & 1 != 0;
    if has(CAP_SYS_ADMIN) {
        return Vec::new();
    }
    if run_stats {
        return vec!["CAP_SYS_ADMIN"];
    }
    [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter_map(|(cap, name)| (!has(cap)).then_some(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_or_the_old_all_powerful_one() {
        let (admin, perfmon, bpf) = (1 << CAP_SYS_ADMIN, 1 << CAP_PERFMON, 1 << CAP_BPF);
        assert!(missing(admin, true).is_empty());
        assert!(missing(perfmon | bpf, false).is_empty());
        assert_eq!(missing(perfmon, false), ["CAP_BPF"]);
        assert_eq!(missing(bpf, false), ["CAP_PERFMON"]);
        assert_eq!(missing(0, false), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing(perfmon | bpf, true), ["CAP_SYS_ADMIN"]);
    }

    #[test]
    fn effective_capabilities_are_read_from_status() {
        let status = "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n";
        assert_eq!(effective(status), Some(0x1ff_ffff_ffff));
        assert_eq!(effective("CapEff:\tzz\n"), None);
        assert_eq!(effective(""), None);
    }
}
