//! The probes, and the fault that was made to see them count.

use famfs_common::probe::TABLE;

use super::{Finding, Verdict};
use crate::doctor::{Facts, Module, SelfTest, Watch};
use famfs_machine::privilege;
use famfs_snapshot::model::ProbeHealth;

/// The hook that every 4 KiB fault ends in.
const TESTED: &str = "dax_pte_fault_done";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    match &facts.watch {
        Watch::NotTried => Vec::new(),
        Watch::Failed(why) => vec![Finding::gap(
            "probes",
            Verdict::Blocked,
            why.clone(),
            advice_of_failure(facts, why),
        )],
        Watch::Attached { probes, test } => {
            let mut findings: Vec<_> = probes.iter().map(|probe| health(facts, probe)).collect();
            findings.push(self_test(probes, test));
            findings
        }
    }
}

fn advice_of_failure(facts: &Facts, why: &str) -> String {
    let has = &facts.privileges;
    if !is_refusal(why) {
        return "boot a kernel that has it, or report this one with the line above".into();
    }
    let mut suspects = Vec::new();
    if has.filtered {
        suspects.push("the seccomp filter of this container".to_owned());
    }
    if let Some(mode) = &has.lockdown {
        suspects.push(format!("lockdown={mode}"));
    }
    if !has.lsms.is_empty() {
        suspects.push(format!("a security module ({})", has.lsms.join(", ")));
    }
    if suspects.is_empty() {
        suspects.push("a container's or hypervisor's policy".to_owned());
    }
    format!(
        "the capabilities are there, so something else refuses bpf(2): look at {}",
        suspects.join(", then at ")
    )
}

/// Whether the kernel said EPERM or EACCES.
fn is_refusal(why: &str) -> bool {
    ["not permitted", "ermission denied"]
        .iter()
        .any(|text| why.contains(text))
}

fn health(facts: &Facts, probe: &ProbeHealth) -> Finding {
    let ProbeHealth { name, kind, .. } = probe;
    let feeds = (TABLE.iter())
        .find(|info| info.name() == name)
        .map_or("part of the picture", |info| info.feeds);
    if let Some(problem) = &probe.problem {
        let is_of_module = name.starts_with("famfs_");
        let advice = if is_of_module && !matches!(facts.module, Module::Loaded(_)) {
            "load the famfs module: famfs module load".to_owned()
        } else if is_of_module {
            "install the famfs module of this version: famfs module status".to_owned()
        } else if let Some(paranoid) = keeps_kprobes_away(facts, problem) {
            format!(
                "lower kernel.perf_event_paranoid from {paranoid} to 2, or add CAP_SYS_ADMIN: \
                 kprobes need one of them ({feeds})"
            )
        } else {
            format!("nothing, if this is not needed: {feeds}; else another kernel")
        };
        return Finding::gap(
            "probes",
            Verdict::Degraded,
            format!("{name}: {problem}"),
            advice,
        );
    }
    if let Some(warning) = &probe.warning {
        return Finding::gap(
            "probes",
            Verdict::Degraded,
            format!("{name} by {kind}: {warning}"),
            format!("do not trust what it feeds ({feeds}); report this kernel"),
        );
    }
    Finding::ok("probes", format!("{name} by {kind}, {} hits", probe.hits))
}

/// The value of the sysctl that refuses kprobes to whoever has `CAP_PERFMON` only: a level of
/// Debian's, above those of other kernels.
fn keeps_kprobes_away(facts: &Facts, problem: &str) -> Option<i64> {
    let has = &facts.privileges;
    let is_admin =
        (has.effective).is_none_or(|effective| privilege::has(effective, privilege::Cap::SysAdmin));
    has.perf_event_paranoid
        .filter(|&paranoid| paranoid > 2 && !is_admin && is_refusal(problem))
}

fn self_test(probes: &[ProbeHealth], test: &SelfTest) -> Finding {
    let gap =
        |verdict, text: String, advice: &str| Finding::gap("self-test", verdict, text, advice);
    match test {
        SelfTest::NoFile(why) => gap(
            Verdict::Degraded,
            format!("no fault was made: {why}"),
            "mount a famfs, or name a DAX file: famfs-top doctor --file FILE",
        ),
        SelfTest::Failed { file, why } => gap(
            Verdict::Degraded,
            format!("no fault was made on {file}: {why}"),
            "name another DAX file: famfs-top doctor --file FILE",
        ),
        SelfTest::Made {
            file,
            counted: 1,
            unattributed: 0,
        } => Finding::ok("self-test", format!("one fault on {file}, counted once")),
        SelfTest::Made {
            file,
            counted: 0,
            unattributed: 0,
        } => {
            let ran = probes
                .iter()
                .any(|probe| probe.name == TESTED && probe.hits > 0);
            let why = if ran {
                "the probes ran, but not for this file"
            } else {
                "the probes are attached and never ran"
            };
            gap(
                Verdict::Blocked,
                format!("one fault on {file}, counted 0 times: {why}"),
                "do not trust any number of famfs-top on this kernel; report it",
            )
        }
        SelfTest::Made {
            file,
            counted,
            unattributed,
        } => gap(
            Verdict::Degraded,
            format!("one fault on {file}, counted {counted} times, {unattributed} unattributed"),
            "if others use that file now, name a quiet one: famfs-top doctor --file FILE",
        ),
    }
}
