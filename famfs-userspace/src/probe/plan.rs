//! Which hooks can attach here, decided before anything is loaded. Pure.

use famfs_common::probe::{Attach, Info, TABLE};

use super::Error;

/// What this kernel offers.
pub(super) trait Kernel {
    /// Is the tracepoint in the kernel proper?
    fn has_tracepoint(&self, name: &str) -> bool;
    /// Is the function in the kernel proper?
    fn has_function(&self, name: &str) -> bool;
    /// Does the famfs module, if loaded, have the tracepoint?
    fn has_famfs_event(&self, name: &str) -> bool;
}

/// One hook and whether it can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) info: &'static Info,
    /// Why it is left out.
    pub(super) problem: Option<String>,
}

/// All hooks in order; a required one that is missing is an error.
pub(super) fn plan(kernel: &impl Kernel) -> Result<Vec<Step>, Error> {
    TABLE
        .iter()
        .map(|info| {
            let problem = problem(kernel, info);
            if info.required && problem.is_some() {
                return Err(Error::NoTracepoint(info.target));
            }
            Ok(Step { info, problem })
        })
        .collect()
}

fn problem(kernel: &impl Kernel, info: &Info) -> Option<String> {
    let target = info.target;
    match info.attach {
        Attach::TpBtf if kernel.has_tracepoint(target) => None,
        Attach::TpBtf => Some(format!("tracepoint {target} is not in this kernel")),
        Attach::FExit if kernel.has_function(target) => None,
        Attach::FExit => Some(format!(
            "function {target} is not in this kernel, or inlined"
        )),
        Attach::RawTp if kernel.has_famfs_event(target) => None,
        Attach::RawTp => Some(format!(
            "no tracepoint {target}: the famfs module is not loaded"
        )),
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
        fn has_famfs_event(&self, name: &str) -> bool {
            !self.0.contains(&name)
        }
    }

    #[test]
    fn everything_attaches_where_everything_is() {
        let steps = plan(&Without(&[])).unwrap();
        assert_eq!(steps.len(), TABLE.len());
        assert!(steps.iter().all(|step| step.problem.is_none()));
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let optional: Vec<_> = TABLE.iter().filter(|info| !info.required).collect();
        let names = [
            "dax_holder_notify_failure",
            "memory_failure_event",
            "famfs_fault_refused",
        ];
        assert_eq!(
            optional.iter().map(|info| info.target).collect::<Vec<_>>(),
            names
        );
        let steps = plan(&Without(&[
            "dax_holder_notify_failure",
            "famfs_fault_refused",
        ]))
        .unwrap();
        let problems: Vec<_> = steps
            .iter()
            .filter_map(|step| step.problem.as_deref())
            .collect();
        assert_eq!(
            problems,
            [
                "function dax_holder_notify_failure is not in this kernel, or inlined",
                "no tracepoint famfs_fault_refused: the famfs module is not loaded",
            ]
        );
    }

    #[test]
    fn a_missing_fault_tracepoint_is_named() {
        let error = plan(&Without(&["dax_pmd_fault_done"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tracepoint dax_pmd_fault_done is not in this kernel; it needs CONFIG_FS_DAX=y"
        );
        assert!(error.is_unsupported());
    }
}
