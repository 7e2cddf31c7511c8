//! Capabilities, and what else may stand between this process and bpf(2).

use super::{Finding, Verdict};
use crate::doctor::Privileges;
use famfs_machine::privilege::{self, Cap};

const ADVICE: &str = "run famfs-top as root, or give it both: \
                      setcap cap_bpf,cap_perfmon+ep $(command -v famfs-top)";

pub(super) fn judge(has: &Privileges) -> Vec<Finding> {
    let mut findings = vec![capabilities(has)];
    findings.extend(lockdown(has));
    if has.filtered {
        findings.push(Finding::ok(
            "seccomp",
            "a seccomp filter is on: it may refuse bpf(2) whatever the capabilities",
        ));
    }
    findings.push(Finding::ok("sysctl", sysctl(has)));
    findings
}

fn capabilities(has: &Privileges) -> Finding {
    let blocked =
        |text: String, advice: &str| Finding::gap("capabilities", Verdict::Blocked, text, advice);
    let Some(effective) = has.effective else {
        return Finding::ok("capabilities", "/proc/self/status does not tell them");
    };
    // First, because to be root there does not help.
    if has.in_user_namespace {
        return blocked(
            "this is a user namespace, as in a rootless container: bpf(2) does not accept the \
             capabilities that a process has here"
                .into(),
            "run famfs-top on the host, outside of the container, in the first user namespace",
        );
    }
    let missing = privilege::missing(effective);
    if !missing.is_empty() {
        return blocked(format!("{} is missing", missing.join(" and ")), ADVICE);
    }
    let by = if privilege::has(effective, Cap::SysAdmin) {
        "CAP_SYS_ADMIN"
    } else {
        "CAP_BPF and CAP_PERFMON"
    };
    Finding::ok(
        "capabilities",
        format!("{by}: enough, and dropped once attached"),
    )
}

/// Integrity forbids nothing that famfs-top does.
fn lockdown(has: &Privileges) -> Option<Finding> {
    let mode = has.lockdown.as_deref()?;
    Some(match mode {
        "confidentiality" => Finding::gap(
            "lockdown",
            Verdict::Degraded,
            "confidentiality: programs may not copy kernel strings, and kprobes are refused; files \
             are named by a search of their mount",
            "nothing, if that is enough; else boot with lockdown=integrity",
        ),
        mode => Finding::ok(
            "lockdown",
            format!("{mode}: forbids nothing that is needed"),
        ),
    })
}

/// Neither decides; someone who looks for a reason wants to see them.
fn sysctl(has: &Privileges) -> String {
    let value =
        |value: Option<i64>| value.map_or("not there".to_owned(), |value| value.to_string());
    let lsms = if has.lsms.is_empty() {
        String::new()
    } else {
        format!("; security modules: {}", has.lsms.join(", "))
    };
    format!(
        "kernel.unprivileged_bpf_disabled {}, kernel.perf_event_paranoid {}: the capabilities \
         decide{lsms}",
        value(has.unprivileged_bpf_disabled),
        value(has.perf_event_paranoid),
    )
}
