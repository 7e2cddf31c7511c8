//! The gate on made-up results: every exit status, and the edges of the thresholds.

use std::path::{Path, PathBuf};

use super::report::Report;
use super::rules::{Refusal, State, compare, side};
use super::thresholds::{Growth, Thresholds};
use super::{Stop, judge};
use crate::cli::Gate;
use crate::output;
use crate::result::{Faults, Geometry, ModuleFaults, Outcome, SCHEMA, Scenario, Target};
use crate::stats::{self, Summary};
use crate::workload::clock::Unit;

const GROWTH: Growth = Growth {
    permyriad: 50,
    insn: 25,
};
const THRESHOLDS: Thresholds = Thresholds {
    boots: 2,
    growth: GROWTH,
};

fn scenario(id: &str, p50: u64) -> Scenario {
    let times = [p50; 32];
    let module = ModuleFaults {
        pmd: 32,
        ..ModuleFaults::default()
    };
    Scenario {
        id: id.to_owned(),
        times: Summary::of(&times).unwrap(),
        hdr: stats::hdr(&times).unwrap(),
        sha256: stats::fingerprint(&times),
        unmap: 267,
        faults: Faults {
            touches: 32,
            minor: 32,
            later: 0,
            module: Some(module),
        },
        unexpected: Vec::new(),
    }
}

fn result(p50s: &[u64]) -> Outcome {
    let ids = [
        "famfs/pmd/write/steady",
        "famfs/pmd/read/steady",
        "famfs/pmd/write/first",
    ];
    let scenarios = ids
        .iter()
        .zip(p50s)
        .map(|(id, &p50)| scenario(id, p50))
        .collect();
    Outcome {
        schema: SCHEMA,
        fingerprint: [("kernel", "6.12.95 #1 SMP"), ("qemu", "10.0.2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        unit: Unit::Insn,
        deterministic: true,
        tick_ns: 1.0,
        clock_overhead: 4,
        pinned_cpu: Some(0),
        geometry: Geometry {
            file_bytes: 64 << 20,
            pmd_touches: 32,
            pte_touches: 4096,
            reps: 2,
        },
        targets: vec![Target {
            name: "famfs".into(),
            file: None.into(),
            skipped: Vec::new(),
            scenarios,
        }],
    }
}

fn states(base: &Outcome, new: &Outcome) -> Vec<State> {
    let base = side(&[base.clone(), base.clone()], 2).unwrap();
    let new = side(&[new.clone(), new.clone()], 2).unwrap();
    let rows = compare(&base, &new, GROWTH).unwrap();
    rows.into_iter().map(|row| row.state).collect()
}

#[test]
fn one_percent_more_on_a_fault_of_4300_instructions_fails() {
    assert_eq!(
        states(&result(&[4_300]), &result(&[4_343])),
        [State::Regressed]
    );
}

#[test]
fn a_row_fails_only_beyond_both_thresholds() {
    for (base, new, state) in [
        (4_300, 4_300, State::Equal),
        (4_300, 4_301, State::Changed),
        (4_300, 4_325, State::Changed),
        (4_300, 4_326, State::Regressed),
        (100_000, 100_500, State::Changed),
        (100_000, 100_501, State::Regressed),
        (1_000, 1_025, State::Changed),
        (1_000, 1_026, State::Regressed),
        (10_000, 9_950, State::Changed),
        (10_000, 9_949, State::Improved),
    ] {
        assert_eq!(
            states(&result(&[base]), &result(&[new])),
            [state],
            "{base} -> {new}"
        );
    }
}

#[test]
fn one_bad_row_among_good_ones_fails_the_whole() {
    let base = result(&[4_300, 4_000, 12_000]);
    let new = result(&[4_300, 4_100, 11_000]);
    // Rows are in the order of their names.
    assert_eq!(
        states(&base, &new),
        [State::Regressed, State::Improved, State::Equal]
    );
    let report = compared(&base, &new);
    assert_eq!(report.verdict.exit(), 1);
    let text = report.human();
    assert!(
        text.contains("4000 -> 4100") && text.contains("+100 (+2.50 %)  REGRESSED"),
        "{text}"
    );
    assert!(
        text.ends_with("gate: regression (3 rows: 1 equal, 0 changed, 1 improved, 1 regressed)\n"),
        "{text}"
    );
}

#[test]
fn a_dearer_unmap_is_reported_and_passes() {
    let mut new = result(&[4_300]);
    new.targets[0].scenarios[0].unmap = 959;
    assert_eq!(states(&result(&[4_300]), &new), [State::Changed]);
    assert!(
        compared(&result(&[4_300]), &new)
            .human()
            .contains("unmap 267 -> 959")
    );
}

#[test]
fn other_counts_fail_at_equal_cost() {
    let mut new = result(&[4_300]);
    new.targets[0].scenarios[0]
        .faults
        .module
        .as_mut()
        .unwrap()
        .fallback = 1;
    assert_eq!(states(&result(&[4_300]), &new), [State::Counts]);
    assert_eq!(compared(&result(&[4_300]), &new).verdict.exit(), 1);
}

#[test]
fn counts_that_are_wrong_on_both_sides_fail_too() {
    let mut wrong = result(&[4_300]);
    wrong.targets[0].scenarios[0]
        .unexpected
        .push("PMD faults in the module 0, not 32".into());
    assert_eq!(states(&wrong, &wrong), [State::Counts]);
}

#[test]
fn boots_that_differ_in_a_single_fault_are_not_deterministic() {
    let one = result(&[4_300]);
    let mut other = one.clone();
    let mut times = [4_300; 32];
    times[31] = 4_301;
    other.targets[0].scenarios[0].sha256 = stats::fingerprint(&times);
    let refused = side(&[one, other], 2).unwrap_err();
    assert!(matches!(&refused, Refusal::NotDeterministic(rows) if rows.len() == 1));
    assert_eq!(Report::refused(&refused).verdict.exit(), 3);
}

#[test]
fn what_was_not_measured_never_passes() {
    let good = result(&[4_300]);
    let mut ticks = good.clone();
    ticks.unit = Unit::Tsc;
    let mut nothing = good.clone();
    nothing.targets[0].scenarios.clear();
    let mut twice = good.clone();
    twice.targets[0]
        .scenarios
        .push(scenario("famfs/pmd/write/steady", 1));
    for results in [
        vec![],
        vec![good],
        vec![ticks.clone(), ticks],
        vec![nothing.clone(), nothing],
        vec![twice.clone(), twice],
    ] {
        let refused = side(&results, 2).unwrap_err();
        assert!(matches!(refused, Refusal::Unmeasured(_)), "{refused:?}");
        assert_eq!(Report::refused(&refused).verdict.exit(), 2);
    }
}

#[test]
fn unlike_sides_are_not_comparable() {
    let base = result(&[4_300]);
    let mut qemu = base.clone();
    qemu.fingerprint.insert("qemu".into(), "11.1.3".into());
    let mut geometry = base.clone();
    geometry.geometry.pte_touches = 16_384;
    let more = result(&[4_300, 4_000]);
    for new in [qemu, geometry, more] {
        let base = side(&[base.clone(), base.clone()], 2).unwrap();
        let new = side(&[new.clone(), new], 2).unwrap();
        let refused = compare(&base, &new, GROWTH).unwrap_err();
        assert!(matches!(refused, Refusal::NotComparable(_)));
        assert_eq!(Report::refused(&refused).verdict.exit(), 4);
    }
}

fn compared(base: &Outcome, new: &Outcome) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let args = Gate {
        base: pair(dir.path(), "base", base),
        ..args(dir.path(), new)
    };
    report(&args).unwrap()
}

/// The results of two boots that agree, as they do in the deterministic lab.
fn pair(dir: &Path, name: &str, result: &Outcome) -> Vec<PathBuf> {
    [1, 2]
        .map(|boot| write(dir, &format!("{name}-{boot}"), result))
        .into()
}

fn write(dir: &Path, name: &str, result: &Outcome) -> PathBuf {
    let path = dir.join(format!("{name}.json"));
    std::fs::write(&path, output::to_json(result).unwrap()).unwrap();
    path
}

fn args(dir: &Path, new: &Outcome) -> Gate {
    Gate {
        new: pair(dir, "new", new),
        base: Vec::new(),
        baselines: dir.join("baselines"),
        thresholds: PathBuf::new(),
        accept: false,
        strict: false,
        json: false,
    }
}

fn report(args: &Gate) -> Result<Report, Refusal> {
    judge(args, THRESHOLDS).map_err(|stop| match stop {
        Stop::Refused(refusal) => refusal,
        Stop::Error(error) => panic!("{error:#}"),
    })
}

#[test]
fn without_a_baseline_it_is_not_comparable_until_one_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let base = args(dir.path(), &result(&[4_300]));
    assert!(matches!(
        report(&base).unwrap_err(),
        Refusal::NotComparable(_)
    ));

    let accepted = report(&Gate {
        accept: true,
        ..base
    })
    .unwrap();
    assert_eq!(accepted.verdict.exit(), 0);
    let name = std::fs::read_dir(dir.path().join("baselines"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert!(name.file_name().to_string_lossy().starts_with("6.12.95-"));

    let report_of = |p50| report(&args(dir.path(), &result(&[p50]))).unwrap();
    assert_eq!(report_of(4_300).verdict.exit(), 0);
    assert_eq!(report_of(4_343).verdict.exit(), 1);

    let mut other = result(&[4_300]);
    other.fingerprint.insert("qemu".into(), "11.1.3".into());
    let Refusal::NotComparable(reasons) = report(&args(dir.path(), &other)).unwrap_err() else {
        panic!("comparable")
    };
    assert!(
        reasons
            .iter()
            .any(|reason| reason == "qemu: 10.0.2 / 11.1.3"),
        "{reasons:?}"
    );
}

#[test]
fn accepting_replaces_the_baseline_and_still_shows_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let accept = |p50| {
        let args = Gate {
            accept: true,
            ..args(dir.path(), &result(&[p50]))
        };
        report(&args).unwrap()
    };
    accept(4_300);
    let costlier = accept(4_400);
    assert_eq!(costlier.verdict.exit(), 0);
    assert_eq!(costlier.rows[0].state, State::Regressed);
    assert!(costlier.human().contains("REGRESSED"));
    assert_eq!(
        report(&args(dir.path(), &result(&[4_400])))
            .unwrap()
            .verdict
            .exit(),
        0
    );
}

#[test]
fn wrong_counts_cannot_become_a_baseline() {
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = result(&[4_300]);
    wrong.targets[0].scenarios[0]
        .unexpected
        .push("minor faults 31, not 32".into());
    let args = Gate {
        accept: true,
        ..args(dir.path(), &wrong)
    };
    assert!(matches!(report(&args).unwrap_err(), Refusal::Unmeasured(_)));
}

#[test]
fn one_file_is_not_two_boots() {
    let dir = tempfile::tempdir().unwrap();
    let good = args(dir.path(), &result(&[4_300]));
    let base = pair(dir.path(), "base", &result(&[4_300]));
    let link = dir.path().join("link.json");
    std::os::unix::fs::symlink(&good.new[0], &link).unwrap();
    let hard = dir.path().join("hard.json");
    std::fs::hard_link(&good.new[0], &hard).unwrap();
    let dotted = dir.path().join(".").join("new-1.json");
    let first = good.new[0].clone();
    for (new, base) in [
        (vec![first.clone(), first.clone()], base.clone()),
        (vec![first.clone(), link], base.clone()),
        (vec![first.clone(), hard], base.clone()),
        (vec![first, dotted], base.clone()),
        (good.new.clone(), vec![base[0].clone(), base[0].clone()]),
        // A side that is compared with itself is always equal.
        (good.new.clone(), good.new.clone()),
    ] {
        let args = Gate {
            new,
            base,
            ..args(dir.path(), &result(&[4_300]))
        };
        let refused = report(&args).unwrap_err();
        assert!(
            matches!(&refused, Refusal::Unmeasured(why) if why[0].contains("a result of its own"))
        );
        assert_eq!(Report::refused(&refused).verdict.exit(), 2);
    }
}

#[test]
fn statistics_that_no_fault_has_are_refused() {
    let good = || result(&[4_300]);
    let spoil = |how: fn(&mut Summary)| {
        let mut spoilt = good();
        how(&mut spoilt.targets[0].scenarios[0].times);
        spoilt
    };
    for (bad, why) in [
        (result(&[0]), "p50 is 0"),
        (spoil(|t| t.count = 0), "no fault"),
        (spoil(|t| t.p90 = 1), "in order"),
        (spoil(|t| t.min = 5_000), "in order"),
        (spoil(|t| t.mean = 1.0), "mean"),
        (spoil(|t| t.mean = f64::NAN), "mean"),
    ] {
        let refused = side(&[bad.clone(), bad], 2).unwrap_err();
        let Refusal::Unmeasured(reasons) = &refused else {
            panic!("{refused:?}")
        };
        assert!(reasons[0].contains(why), "{reasons:?}");
    }
    let mut free = side(&[good(), good()], 2).unwrap();
    free.rows.values_mut().for_each(|row| row.p50 = 0);
    let new = side(&[good(), good()], 2).unwrap();
    let refused = compare(&free, &new, GROWTH).unwrap_err();
    assert!(matches!(refused, Refusal::Unmeasured(_)), "{refused:?}");
}

#[test]
fn what_moved_at_an_equal_p50_is_changed_and_strict_fails_it() {
    for (what, how) in [
        ("p90", (|s| s.times.p90 += 1) as fn(&mut Scenario)),
        ("p99", |s| s.times.p99 += 1),
        ("mean", |s| s.times.mean += 0.5),
        ("hash", |s| s.sha256.replace_range(..1, "x")),
        ("unmap", |s| s.unmap += 1),
    ] {
        let mut base = result(&[4_300]);
        // Room above the median, so that what moves stays possible.
        base.targets[0].scenarios[0].times.max = 9_000;
        base.targets[0].scenarios[0].times.p99 = 8_000;
        let mut new = base.clone();
        how(&mut new.targets[0].scenarios[0]);
        let report = compared(&base, &new);
        assert_eq!(report.rows[0].state, State::Changed, "{what}");
        assert_eq!(report.rows[0].moved, [what]);
        assert_eq!(report.verdict.exit(), 0);
        assert!(report.human().contains(&format!("moved: {what}\n")));

        let strict = |new: &Outcome| {
            let dir = tempfile::tempdir().unwrap();
            let args = Gate {
                base: pair(dir.path(), "base", &base),
                strict: true,
                ..args(dir.path(), new)
            };
            judge(&args, THRESHOLDS).map_or(u8::MAX, |report| report.verdict.exit())
        };
        assert_eq!((strict(&new), strict(&base)), (1, 0), "{what}");
    }
}

#[test]
fn a_baseline_without_the_later_statistics_is_still_compared() {
    let new = side(&[result(&[4_300]), result(&[4_300])], 2).unwrap();
    let mut old = new.clone();
    for row in old.rows.values_mut() {
        (row.p90, row.p99, row.mean) = (None, None, None);
    }
    let rows = compare(&old, &new, GROWTH).unwrap();
    assert_eq!(rows[0].state, State::Equal);
}
