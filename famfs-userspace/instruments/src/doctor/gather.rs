//! Asks the machine.

use std::{fs, io, path::Path};

use super::{Facts, Module, Privileges, SelfTest, Types, Watch, config, selftest::Target};
use crate::{
    live::{Live, Options},
    probe::{self, Fields},
};
use famfs_machine::{module::status, mounts, privilege};
use famfs_snapshot::{
    model::{FileKey, Snapshot},
    source::{self, Source as _},
};

/// Gathers everything; makes one fault on `file`, or on one of a mounted famfs.
pub fn gather(file: Option<&Path>) -> Facts {
    let module = status::read();
    let mut facts = Facts {
        config: config::read(&module.host.release),
        types: types(),
        privileges: privileges(module.host.lockdown),
        module: match (module.loaded, module.installed) {
            (Some(loaded), _) => Module::Loaded(loaded.version),
            (None, Some(installed)) => Module::Installed(installed.file),
            (None, None) => Module::Absent,
        },
        release: module.host.release,
        mounts: mounts::read(),
        watch: Watch::NotTried,
    };
    let is_privileged = !facts.privileges.in_user_namespace
        && (facts.privileges.effective)
            .is_none_or(|effective| privilege::missing(effective).is_empty());
    if matches!(facts.types, Types::Complete(_)) && is_privileged {
        facts.watch = watch(file, &facts);
    }
    facts
}

fn types() -> Types {
    match probe::fields() {
        Fields::All(n) => Types::Complete(n),
        Fields::NoTypes(error) if error.kind() == io::ErrorKind::NotFound => Types::Missing,
        Fields::NoTypes(error) => Types::Unreadable(error.to_string()),
        Fields::Bad(why) => Types::Unusable(why),
    }
}

fn privileges(lockdown: Option<String>) -> Privileges {
    let text = |path: &str| fs::read_to_string(path).ok();
    let number = |path: &str| text(path)?.trim().parse().ok();
    Privileges {
        effective: privilege::effective(),
        in_user_namespace: privilege::in_user_namespace(),
        filtered: text("/proc/self/status").is_some_and(|status| is_filtered(&status)),
        unprivileged_bpf_disabled: number("/proc/sys/kernel/unprivileged_bpf_disabled"),
        perf_event_paranoid: number("/proc/sys/kernel/perf_event_paranoid"),
        lockdown,
        lsms: text("/sys/kernel/security/lsm")
            .map(|list| list.trim().split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
    }
}

/// Mode 2 is a filter; mode 1 would not let this process live.
fn is_filtered(status: &str) -> bool {
    let mode = status
        .lines()
        .find_map(|line| line.strip_prefix("Seccomp:"));
    mode.is_some_and(|mode| mode.trim() == "2")
}

fn watch(file: Option<&Path>, facts: &Facts) -> Watch {
    let target = match file {
        Some(path) => Target::open(path).map_err(|error| SelfTest::Failed {
            file: path.display().to_string(),
            why: error.to_string(),
        }),
        None => Target::find(&facts.mounts).map_err(SelfTest::NoFile),
    };
    let is_famfs = |key: FileKey| facts.mounts.iter().any(|mount| mount.dev == key.dev);
    let options = Options {
        all_dax: target.as_ref().is_ok_and(|target| !is_famfs(target.key)),
        ..Options::default()
    };
    let attempt = || -> Result<Watch, source::Error> {
        let mut live = Live::attach(options)?;
        let before = live.poll()?;
        let target = match target {
            Ok(target) => target,
            Err(test) => {
                return Ok(Watch::Attached {
                    probes: before.probes,
                    test,
                });
            }
        };
        let file = target.path.display().to_string();
        if let Err(error) = target.fault() {
            let why = error.to_string();
            return Ok(Watch::Attached {
                probes: before.probes,
                test: SelfTest::Failed { file, why },
            });
        }
        let after = live.poll()?;
        let of = |snapshot: &Snapshot| {
            let row = snapshot.files.iter().find(|row| row.key == target.key);
            row.map_or(0, famfs_snapshot::model::FileRow::accounted)
        };
        let test = SelfTest::Made {
            file,
            counted: of(&after).saturating_sub(of(&before)),
            unattributed: after.unattributed.saturating_sub(before.unattributed),
        };
        Ok(Watch::Attached {
            probes: after.probes,
            test,
        })
    };
    attempt().unwrap_or_else(|error| Watch::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_mode_two() {
        assert!(is_filtered("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"));
        assert!(!is_filtered("Seccomp:\t0\nSeccomp_filters:\t2\n"));
        assert!(!is_filtered(""));
    }
}
