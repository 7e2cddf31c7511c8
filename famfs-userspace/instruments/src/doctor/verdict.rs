//! What the facts mean, and what to do about each gap. Pure: facts in, findings out.

mod access;
mod watching;

use serde::Serialize;

use super::{Config, Facts, Module, Setting, Types};
use famfs_snapshot::model::MountState;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// Watching works, but shows less than it could.
    Degraded,
    /// Nothing can be watched.
    Blocked,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    pub check: &'static str,
    pub verdict: Verdict,
    pub text: String,
    /// What to do; always there where the verdict is not [`Verdict::Ok`].
    pub advice: Option<String>,
}

/// The worst of all findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    AllWell,
    Degraded,
    CannotWatch,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            text: text.into(),
            advice: None,
        }
    }

    fn gap(
        check: &'static str,
        verdict: Verdict,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            verdict,
            text: text.into(),
            advice: Some(advice.into()),
        }
    }
}

/// Judges the facts, in the order in which gaps have to be closed.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![kernel(facts), types(facts)];
    findings.extend(access::judge(&facts.privileges));
    findings.push(module(facts));
    findings.extend(mounts(facts));
    findings.extend(watching::judge(facts));
    findings
}

/// What the findings come to.
pub fn status(findings: &[Finding]) -> Status {
    match findings.iter().map(|finding| finding.verdict).max() {
        None | Some(Verdict::Ok) => Status::AllWell,
        Some(Verdict::Degraded) => Status::Degraded,
        Some(Verdict::Blocked) => Status::CannotWatch,
    }
}

fn kernel(facts: &Facts) -> Finding {
    let release = &facts.release;
    let lacks = |option: &str| {
        Finding::gap(
            "kernel",
            Verdict::Blocked,
            format!("{release} is built without {option}"),
            format!("boot a kernel with {option}=y"),
        )
    };
    match facts.config {
        Config {
            fs_dax: Setting::No,
            ..
        } => lacks("CONFIG_FS_DAX"),
        Config {
            btf: Setting::No, ..
        } => lacks("CONFIG_DEBUG_INFO_BTF"),
        Config {
            fs_dax: Setting::Yes,
            btf: Setting::Yes,
        } => Finding::ok(
            "kernel",
            format!("{release}, with CONFIG_FS_DAX and CONFIG_DEBUG_INFO_BTF"),
        ),
        Config { .. } => Finding::ok(
            "kernel",
            format!("{release}; its configuration cannot be read, its types and probes tell"),
        ),
    }
}

fn types(facts: &Facts) -> Finding {
    let blocked =
        |text: String, advice: &str| Finding::gap("types", Verdict::Blocked, text, advice);
    match &facts.types {
        Types::Complete(fields) => Finding::ok(
            "types",
            format!("/sys/kernel/btf/vmlinux has all {fields} fields that the programs read"),
        ),
        Types::Missing => blocked(
            "there is no /sys/kernel/btf/vmlinux".into(),
            "mount sysfs, or boot a kernel with CONFIG_DEBUG_INFO_BTF=y",
        ),
        Types::Unreadable(why) => blocked(
            format!("/sys/kernel/btf/vmlinux: {why}"),
            "let this user read /sys/kernel/btf/vmlinux",
        ),
        Types::Unusable(why) => blocked(
            format!("/sys/kernel/btf/vmlinux: {why}"),
            "boot a kernel of a line that famfs-top knows (6.12 to 7.3), or report this one",
        ),
    }
}

fn module(facts: &Facts) -> Finding {
    let absent =
        |text: String, advice: &str| Finding::gap("module", Verdict::Degraded, text, advice);
    match &facts.module {
        Module::Loaded(version) => Finding::ok("module", format!("famfs {version} is loaded")),
        Module::Installed(file) => absent(
            format!("famfs is not loaded; {file} is there"),
            "load it: famfs module load",
        ),
        Module::Absent => absent(
            "famfs is neither loaded nor installed for this kernel".into(),
            "install famfs.ko for this kernel, then: famfs module load",
        ),
    }
}

fn mounts(facts: &Facts) -> Vec<Finding> {
    if facts.mounts.is_empty() {
        return vec![Finding::gap(
            "mounts",
            Verdict::Degraded,
            "no famfs is mounted here: there is nothing to watch yet",
            "mount one: famfs mount DEVICE DIRECTORY (or watch others: famfs-top --all-dax)",
        )];
    }
    (facts.mounts.iter())
        .map(|mount| {
            let at = &mount.mountpoint;
            match mount.state {
                MountState::Ok => Finding::ok("mounts", format!("{at} is healthy")),
                MountState::Unknown => Finding::ok(
                    "mounts",
                    format!("{at}: this famfs does not tell its state"),
                ),
                MountState::Disabled => Finding::gap(
                    "mounts",
                    Verdict::Degraded,
                    format!("{at} is disabled by a memory error"),
                    format!("save what is elsewhere, then: famfs umount {at}"),
                ),
                MountState::Stale => Finding::gap(
                    "mounts",
                    Verdict::Degraded,
                    format!("{at} is stale: its device holds another file system now"),
                    format!("famfs umount {at}, then mount it again"),
                ),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
