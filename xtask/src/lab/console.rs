//! Judges a guest's kernel console: a kernel that warned has failed, whatever the command said.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// What a kernel prints when something is wrong with it.
const SIGNS: &[&str] = &[
    "WARNING: ",
    "BUG: ",
    "Oops: ",
    "kernel BUG at",
    "Kernel panic",
    "general protection fault",
    // RCU stalls: of CPUs or tasks, expedited or not, detected by itself or not.
    "stalls on ",
    "self-detected stall",
    "soft lockup",
    "hard LOCKUP",
    "blocked for more than",
    "refcount_t: ",
    // What the debugging kernel finds, where it is no WARNING or BUG.
    "KASAN: ",
    "UBSAN: ",
    "possible circular locking dependency",
    "possible recursive locking",
    "inconsistent lock state",
    "suspicious RCU usage",
    "INFO: trying to register non-static key",
    "list_add corruption",
    "list_del corruption",
    "ODEBUG: ",
    "kmemleak: leak",
    // It found its own limits: from there on nothing is checked.
    "turning off the locking correctness validator",
    "kmemleak: Kernel memory leak detector disabled",
];

/// The kernel's own, known messages: `lab/known-warnings.toml`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Known {
    #[serde(default)]
    warning: Vec<KnownWarning>,
}

#[derive(Debug, Deserialize)]
struct KnownWarning {
    kernel: String,
    function: String,
    /// The reason, for the reader of the file; a warning without one is refused.
    #[expect(dead_code, reason = "its presence is what is checked")]
    reason: String,
}

impl Known {
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not as expected", path.display()))
    }

    fn forgives(&self, kernel: &str, line: &str) -> bool {
        self.warning.iter().any(|known| {
            known.kernel == kernel
                && line
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
                    .any(|word| !word.is_empty() && word == known.function)
        })
    }
}

/// The lines of `console` that a healthy kernel does not print.
pub(crate) fn complaints<'a>(console: &'a str, kernel: &str, known: &Known) -> Vec<&'a str> {
    console
        .lines()
        .filter(|line| SIGNS.iter().any(|sign| line.contains(sign)))
        .filter(|line| !known.forgives(kernel, line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARNING: &str = "[    4.1] WARNING: CPU: 1 PID: 1 at fs/dax.c:390 dax_disassociate_entry";

    fn known() -> Known {
        toml::from_str(
            "[[warning]]\nkernel = '6.12'\nfunction = 'dax_disassociate_entry'\nreason = 'r'",
        )
        .unwrap()
    }

    #[test]
    fn a_healthy_console_has_no_complaints() {
        let text = "[ 0.1] Memory: 2G\nlab: ready\nfamfs: memory failure: mount disabled\n";
        assert!(complaints(text, "6.12", &Known::default()).is_empty());
    }

    #[test]
    fn every_sign_is_seen() {
        for sign in SIGNS {
            let text = format!("x\n[ 1.0] {sign}somewhere\ny");
            assert_eq!(
                complaints(&text, "6.12", &Known::default()).len(),
                1,
                "{sign}"
            );
        }
    }

    #[test]
    fn a_known_warning_is_forgiven_on_its_kernel_only() {
        assert!(complaints(WARNING, "6.12", &known()).is_empty());
        assert_eq!(complaints(WARNING, "7.3", &known()), [WARNING]);
    }

    #[test]
    fn a_function_is_named_in_full() {
        for part in ["dax", "", "dax_disassociate", "PU: 1"] {
            let mut known = known();
            part.clone_into(&mut known.warning[0].function);
            assert_eq!(complaints(WARNING, "6.12", &known), [WARNING], "{part}");
        }
    }

    #[test]
    fn findings_of_the_debugging_kernel_are_seen() {
        for line in [
            "BUG: KASAN: slab-use-after-free in famfs_fault+0x1a/0x2b [famfs]",
            "UBSAN: array-index-out-of-bounds in /srv/map.c:12:3",
            "WARNING: possible circular locking dependency detected",
            "======== possible recursive locking detected",
            "WARNING: inconsistent lock state",
            "WARNING: suspicious RCU usage",
            "BUG: sleeping function called from invalid context at mm/slab.h:1",
            "list_del corruption, ffff888 is LIST_POISON1",
            "kmemleak: leak: 64 bytes of touch: famfs_map_new < famfs_ioctl",
            "turning off the locking correctness validator.",
            "page dumped because: VM_BUG_ON_PAGE(1)\nkernel BUG at mm/x.c:1!",
        ] {
            let text = format!("[ 1.0] fine\n{line}\n");
            assert_eq!(
                complaints(&text, "7.3", &Known::default()).len(),
                1,
                "{line}"
            );
        }
    }

    #[test]
    fn what_the_debugging_kernel_says_when_it_is_well_is_no_complaint() {
        let text = "kasan: KernelAddressSanitizer initialized (generic)\n\
                    Lock dependency validator: Copyright (c) 2006 Red Hat, Inc.\n\
                    kmemleak: Kernel memory leak detector initialized (mem pool available: 1)\n\
                    kmemleak: 0 leaks\n";
        assert!(complaints(text, "7.3", &Known::default()).is_empty());
    }

    #[test]
    fn stalls_are_seen_in_every_form() {
        for line in [
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-...D }",
            "rcu: INFO: rcu_preempt self-detected stall on CPU",
            "INFO: rcu_tasks detected stalls on tasks:",
            "INFO: task touch:88 blocked for more than 120 seconds.",
        ] {
            assert_eq!(complaints(line, "7.3", &Known::default()), [line]);
        }
    }

    #[test]
    fn a_known_warning_needs_a_reason() {
        let text = "[[warning]]\nkernel = '6.12'\nfunction = 'f'";
        assert!(toml::from_str::<Known>(text).is_err());
    }
}
