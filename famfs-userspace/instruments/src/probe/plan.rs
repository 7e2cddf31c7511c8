//! Which hooks can attach here and how, decided before anything is loaded. Pure.

use famfs_common::probe::{Attach, Info, TABLE, Way};

use super::Error;

/// What this kernel offers.
pub(super) trait Kernel {
    /// Is the tracepoint in the kernel proper?
    fn has_tracepoint(&self, name: &str) -> bool;
    /// Is the function in the kernel proper?
    fn has_function(&self, name: &str) -> bool;
    /// Is the famfs module loaded?
    fn has_famfs(&self) -> bool;
}

/// One hook and how it can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) info: &'static Info,
    /// Ways to attach, the best first; the next is for when the kernel refuses one after all.
    pub(super) ways: Vec<Way>,
    /// Why ways are left out, or all of it.
    pub(super) problem: Option<String>,
}

/// All hooks in order, without the kinds in `avoid`; a required one that is missing is an error.
pub(super) fn plan(kernel: &impl Kernel, avoid: &[Attach]) -> Result<Vec<Step>, Error> {
    TABLE
        .iter()
        .map(|info| {
            let mut problem = None;
            let mut ways = Vec::new();
            for way in info.ways {
                let lacks = if avoid.contains(&way.attach) {
                    Some(format!("{} is to be avoided", way.attach.name()))
                } else {
                    lacks(kernel, info, way.attach)
                };
                match lacks {
                    None => ways.push(*way),
                    // The best way's says most.
                    Some(why) => problem = problem.or(Some(why)),
                }
            }
            if info.required && ways.is_empty() {
                return Err(Error::NoTracepoint(info.target));
            }
            Ok(Step {
                info,
                ways,
                problem,
            })
        })
        .collect()
}

fn lacks(kernel: &impl Kernel, info: &Info, attach: Attach) -> Option<String> {
    let target = info.target;
    match attach {
        Attach::TpBtf if kernel.has_tracepoint(target) => None,
        Attach::TpBtf => Some(format!("tracepoint {target} is not in this kernel")),
        Attach::FEntry | Attach::FExit if kernel.has_function(target) => None,
        Attach::FEntry | Attach::FExit => Some(format!(
            "function {target} is not in this kernel's types, or inlined"
        )),
        Attach::RawTp if !info.of_module || kernel.has_famfs() => None,
        Attach::RawTp => Some(format!(
            "no tracepoint {target}: the famfs module is not loaded"
        )),
        // Only trying tells.
        Attach::KProbe => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that lacks the names listed.
    struct Without(&'static [&'static str]);

    impl Kernel for Without {
        fn has_tracepoint(&self, name: &str) -> bool {
            !self.0.contains(&name)
        }
        fn has_function(&self, name: &str) -> bool {
            !self.0.contains(&name)
        }
        fn has_famfs(&self) -> bool {
            !self.0.contains(&"famfs")
        }
    }

    /// Returns the kind that is tried first for every hook.
    fn kinds(steps: &[Step]) -> Vec<(&'static str, Option<&'static str>)> {
        steps
            .iter()
            .map(|step| (step.info.target, step.ways.first().map(|w| w.attach.name())))
            .collect()
    }

    #[test]
    fn everything_attaches_in_its_best_way_where_everything_is() {
        let steps = plan(&Without(&[]), &[]).unwrap();
        assert_eq!(steps.len(), TABLE.len());
        for step in &steps {
            assert_eq!(
                (step.ways.first(), &step.problem),
                (step.info.ways.first(), &None)
            );
        }
    }

    #[test]
    fn the_next_kind_is_taken_and_the_reason_kept() {
        let absent = [
            "dax_holder_notify_failure",
            "mf_dax_kill_procs",
            "memory_failure_event",
            "dax_iomap_rw",
            "famfs",
        ];
        let absent: &'static [&'static str] = Box::leak(Box::new(absent));
        let steps = plan(&Without(absent), &[]).unwrap();
        assert_eq!(
            kinds(&steps[4..]),
            [
                ("dax_iomap_rw", None),
                ("dax_iomap_rw", None),
                ("dax_holder_notify_failure", Some("kprobe")),
                ("mf_dax_kill_procs", Some("kprobe")),
                ("memory_failure_event", Some("raw_tp")),
                ("famfs_fault_refused", None),
                ("famfs_notify_failure", None),
                ("famfs_mount_disabled", None),
            ]
        );
        assert_eq!(
            steps[4].problem.as_deref(),
            Some("function dax_iomap_rw is not in this kernel's types, or inlined")
        );
        assert_eq!(
            steps[9].problem.as_deref(),
            Some("no tracepoint famfs_fault_refused: the famfs module is not loaded")
        );
    }

    #[test]
    fn kinds_can_be_avoided() {
        let steps = plan(&Without(&[]), &[Attach::FExit, Attach::FEntry]).unwrap();
        assert_eq!(
            kinds(&steps[5..8]),
            [
                ("dax_iomap_rw", None),
                ("dax_holder_notify_failure", Some("kprobe")),
                ("mf_dax_kill_procs", Some("kprobe")),
            ]
        );
        assert_eq!(steps[6].problem.as_deref(), Some("fexit is to be avoided"));
    }

    #[test]
    fn a_missing_fault_tracepoint_is_named() {
        let error = plan(&Without(&["dax_pmd_fault_done"]), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tracepoint dax_pmd_fault_done is not in this kernel; it needs CONFIG_FS_DAX=y"
        );
        assert!(error.is_unsupported());
    }
}
