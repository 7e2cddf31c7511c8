use super::*;
use crate::doctor::{Privileges, SelfTest, Watch};
use famfs_snapshot::model::{Mount, ProbeHealth};

const BOTH: u64 = 1 << 38 | 1 << 39;
const ADMIN: u64 = 1 << 21;

fn probe(name: &str, hits: u64) -> ProbeHealth {
    ProbeHealth {
        name: name.into(),
        kind: "tp_btf".into(),
        problem: None,
        warning: None,
        hits,
        misses: 0,
        run_ns: None,
    }
}

fn mount(state: MountState) -> Mount {
    Mount {
        dev: (0, 28),
        kind: "famfs".into(),
        source: "/dev/pmem0".into(),
        mountpoint: "/mnt/famfs".into(),
        state,
        error: None,
        totals: None,
    }
}

fn made(counted: u64, unattributed: u64) -> SelfTest {
    SelfTest::Made {
        file: "/mnt/famfs/a".into(),
        counted,
        unattributed,
    }
}

/// A machine on which everything is as it should be.
fn well() -> Facts {
    Facts {
        release: "6.12.95".into(),
        config: Config {
            fs_dax: Setting::Yes,
            btf: Setting::Yes,
        },
        types: Types::Complete(18),
        privileges: Privileges {
            effective: Some(BOTH),
            unprivileged_bpf_disabled: Some(2),
            perf_event_paranoid: Some(3),
            ..Privileges::default()
        },
        module: Module::Loaded("0.1.0".into()),
        mounts: vec![mount(MountState::Ok)],
        watch: Watch::Attached {
            probes: vec![probe("dax_pte_fault", 1), probe("dax_pte_fault_done", 1)],
            test: made(1, 0),
        },
    }
}

/// What is not well after `change`: check, verdict, text and advice; and what it comes to.
fn gaps(change: impl FnOnce(&mut Facts)) -> (Status, Vec<Finding>) {
    let mut facts = well();
    change(&mut facts);
    let mut findings = judge(&facts);
    let status = status(&findings);
    findings.retain(|finding| finding.verdict != Verdict::Ok);
    for finding in &findings {
        let advice = finding.advice.as_deref().unwrap_or_default();
        assert!(!advice.is_empty() && !advice.contains('\n'), "{finding:?}");
    }
    (status, findings)
}

/// Asserts that `change` makes exactly one gap, which has these words.
fn one_gap(status: Status, check: &str, words: &[&str], change: impl FnOnce(&mut Facts)) {
    let (got, findings) = gaps(change);
    let [finding] = &findings[..] else {
        panic!("{findings:#?}")
    };
    assert_eq!((got, finding.check), (status, check), "{finding:?}");
    let said = format!("{} / {}", finding.text, finding.advice.as_deref().unwrap());
    for word in words {
        assert!(said.contains(word), "no {word} in: {said}");
    }
}

/// Nothing was attached, because it was clear that it would not.
fn not_tried(facts: &mut Facts) {
    facts.watch = Watch::NotTried;
}

#[test]
fn a_machine_without_gaps_is_well() {
    assert_eq!(gaps(|_| {}), (Status::AllWell, vec![]));
    let (status, _) = gaps(|facts| facts.privileges.effective = Some(ADMIN));
    assert_eq!(status, Status::AllWell);
    let (status, _) = gaps(|facts| facts.config = Config::default());
    assert_eq!(
        status,
        Status::AllWell,
        "an unknown configuration is no gap"
    );
}

/// Root in a rootless container has every capability, and none that counts.
#[test]
fn a_user_namespace() {
    for effective in [0, BOTH, ADMIN, u64::MAX] {
        one_gap(
            Status::CannotWatch,
            "capabilities",
            &["user namespace", "on the host"],
            |facts| {
                facts.privileges.in_user_namespace = true;
                facts.privileges.effective = Some(effective);
                not_tried(facts);
            },
        );
    }
}

/// EPERM and EACCES are worded differently; neither is a reason to boot another kernel.
#[test]
fn a_refusal_in_either_wording() {
    for why in [
        "failed to create map `MEMORY`: Operation not permitted (os error 1)",
        "cannot load program x: Permission denied (os error 13)",
    ] {
        one_gap(
            Status::CannotWatch,
            "probes",
            &["something else refuses bpf(2)"],
            |facts| facts.watch = Watch::Failed(why.into()),
        );
    }
}

#[test]
fn no_types() {
    use Status::CannotWatch;
    one_gap(
        CannotWatch,
        "types",
        &["no /sys/kernel/btf/vmlinux", "DEBUG_INFO_BTF"],
        |facts| {
            facts.types = Types::Missing;
            not_tried(facts);
        },
    );
    one_gap(CannotWatch, "types", &["it is empty"], |facts| {
        facts.types = Types::Unreadable("it is empty".into());
        not_tried(facts);
    });
    one_gap(
        CannotWatch,
        "types",
        &["inode has no member i_ino"],
        |facts| {
            facts.types = Types::Unusable("struct inode has no member i_ino of 8 bytes".into());
            not_tried(facts);
        },
    );
    one_gap(
        CannotWatch,
        "kernel",
        &["without CONFIG_DEBUG_INFO_BTF"],
        |facts| {
            facts.config.btf = Setting::No;
        },
    );
    one_gap(CannotWatch, "kernel", &["without CONFIG_FS_DAX"], |facts| {
        facts.config.fs_dax = Setting::No;
    });
}

#[test]
fn no_capability() {
    for (effective, missing) in [
        (0, "CAP_BPF and CAP_PERFMON is missing"),
        (1 << 38, "CAP_BPF is missing"),
        (1 << 39, "CAP_PERFMON is missing"),
    ] {
        let words = [missing, "setcap cap_bpf,cap_perfmon+ep"];
        one_gap(Status::CannotWatch, "capabilities", &words, |facts| {
            facts.privileges.effective = Some(effective);
            not_tried(facts);
        });
    }
    let words = ["user namespace", "outside of the container"];
    one_gap(Status::CannotWatch, "capabilities", &words, |facts| {
        facts.privileges.in_user_namespace = true;
    });
}

#[test]
fn lockdown() {
    let (status, _) = gaps(|facts| facts.privileges.lockdown = Some("integrity".into()));
    assert_eq!(status, Status::AllWell, "integrity forbids nothing");
    let words = [
        "confidentiality",
        "search of their mount",
        "lockdown=integrity",
    ];
    one_gap(Status::Degraded, "lockdown", &words, |facts| {
        facts.privileges.lockdown = Some("confidentiality".into());
    });
}

#[test]
fn a_refusal_in_spite_of_the_capabilities_names_who_may_have_refused() {
    let words = ["seccomp", "lockdown=confidentiality", "selinux"];
    let (status, findings) = gaps(|facts| {
        facts.privileges.filtered = true;
        facts.privileges.lockdown = Some("confidentiality".into());
        facts.privileges.lsms = vec!["lockdown".into(), "selinux".into()];
        facts.watch = Watch::Failed("cannot load: Permission denied (os error 13)".into());
    });
    assert_eq!(status, Status::CannotWatch);
    let advice = findings.last().unwrap().advice.clone().unwrap();
    for word in words {
        assert!(advice.contains(word), "no {word} in: {advice}");
    }
}

#[test]
fn a_missing_symbol() {
    let words = [
        "tracepoint dax_pmd_fault_done is not in this kernel",
        "boot a kernel",
    ];
    one_gap(Status::CannotWatch, "probes", &words, |facts| {
        let why = "cannot watch DAX faults: tracepoint dax_pmd_fault_done is not in this kernel";
        facts.watch = Watch::Failed(why.into());
    });
    let words = [
        "dax_holder_notify_failure: function",
        "memory errors told to the holder",
    ];
    one_gap(Status::Degraded, "probes", &words, |facts| {
        let Watch::Attached { probes, .. } = &mut facts.watch else {
            unreachable!()
        };
        probes.push(ProbeHealth {
            problem: Some("function dax_holder_notify_failure is not in this kernel".into()),
            ..probe("dax_holder_notify_failure", 0)
        });
    });
}

#[test]
fn a_sysctl_that_refuses_kprobes() {
    let refused = |facts: &mut Facts| {
        let Watch::Attached { probes, .. } = &mut facts.watch else {
            unreachable!()
        };
        probes.push(ProbeHealth {
            problem: Some("cannot attach: Permission denied (os error 13)".into()),
            ..probe("mf_dax_kill_procs", 0)
        });
    };
    let words = ["kernel.perf_event_paranoid from 3 to 2", "CAP_SYS_ADMIN"];
    one_gap(Status::Degraded, "probes", &words, refused);
    one_gap(Status::Degraded, "probes", &["another kernel"], |facts| {
        facts.privileges.perf_event_paranoid = Some(2);
        refused(facts);
    });
}

#[test]
fn module_absent() {
    one_gap(Status::Degraded, "module", &["install famfs.ko"], |facts| {
        facts.module = Module::Absent;
    });
    let words = ["/lib/modules/x/famfs.ko is there", "famfs module load"];
    one_gap(Status::Degraded, "module", &words, |facts| {
        facts.module = Module::Installed("/lib/modules/x/famfs.ko".into());
    });
    let (status, findings) = gaps(|facts| {
        facts.module = Module::Absent;
        facts.mounts.clear();
        facts.watch = Watch::Attached {
            probes: vec![ProbeHealth {
                problem: Some("no tracepoint famfs_fault_refused".into()),
                ..probe("famfs_fault_refused", 0)
            }],
            test: SelfTest::NoFile("no famfs is mounted".into()),
        };
    });
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(
        (status, &checks[..]),
        (
            Status::Degraded,
            &["module", "mounts", "probes", "self-test"][..]
        )
    );
}

#[test]
fn a_disabled_mount() {
    let words = ["/mnt/famfs is disabled", "famfs umount /mnt/famfs"];
    one_gap(Status::Degraded, "mounts", &words, |facts| {
        facts.mounts = vec![mount(MountState::Disabled)];
    });
}

#[test]
fn the_fault_must_be_counted_exactly_once() {
    let counted = |counted, unattributed, hits| {
        move |facts: &mut Facts| {
            facts.watch = Watch::Attached {
                probes: vec![probe("dax_pte_fault_done", hits)],
                test: made(counted, unattributed),
            };
        }
    };
    let never = ["counted 0 times", "attached and never ran"];
    one_gap(Status::CannotWatch, "self-test", &never, counted(0, 0, 0));
    let other = ["counted 0 times", "not for this file"];
    one_gap(Status::CannotWatch, "self-test", &other, counted(0, 0, 9));
    let twice = ["counted 2 times", "--file FILE"];
    one_gap(Status::Degraded, "self-test", &twice, counted(2, 0, 9));
    let lost = ["counted 0 times, 1 unattributed"];
    one_gap(Status::Degraded, "self-test", &lost, counted(0, 1, 9));
}

#[test]
fn no_hits_where_there_should_be_some() {
    let words = ["dax_pmd_fault by tp_btf: 0 hits while", "do not trust"];
    one_gap(Status::Degraded, "probes", &words, |facts| {
        let Watch::Attached { probes, .. } = &mut facts.watch else {
            unreachable!()
        };
        probes.push(ProbeHealth {
            warning: Some("0 hits while faults happen elsewhere".into()),
            ..probe("dax_pmd_fault", 0)
        });
    });
}
