//! What this process takes of the machine.

use crate::probe::cpu_ns;
use famfs_snapshot::model::Cost;

/// Returns the cost as it is now, without the time that the poll in progress takes.
pub(super) fn now(map_bytes: u64) -> Cost {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    Cost {
        cpu_ns: cpu_ns(),
        rss_bytes: resident(&statm).unwrap_or_default() * PAGE,
        map_bytes,
        poll_ns: 0,
    }
}

/// The instrument runs on x86-64 only.
const PAGE: u64 = 4096;

/// The second number: pages that are in memory.
fn resident(statm: &str) -> Option<u64> {
    statm.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_run_and_has_memory() {
        let cost = now(7);
        assert!(cost.cpu_ns > 0 && cost.rss_bytes > PAGE, "{cost:?}");
        assert_eq!(cost.map_bytes, 7);
    }

    #[test]
    fn the_second_number_is_the_resident_memory() {
        assert_eq!(resident("100 20 3 4 0 5 0\n"), Some(20));
        assert_eq!(resident("100"), None);
    }
}
