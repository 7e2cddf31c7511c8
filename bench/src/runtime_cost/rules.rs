//! One kernel's results, held against the limits. Pure: results in, rows out.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::limits::Limits;
use super::split::{Insns, Split};
use crate::runtime::mark::{WINDOWS, Window};
use crate::runtime::outcome::{Outcome, Row as Run};
use crate::workload::PAGE;

/// Instructions for a page by vectors, at the most; one for each byte by `rep movsb`.
const BY_VECTORS: f64 = 2048.0;

/// What was measured on one kernel.
#[derive(Debug)]
pub(super) struct Measured<'m> {
    pub(super) insn: &'m Outcome,
    pub(super) split: &'m Split,
    pub(super) time: Option<&'m Outcome>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Kernel {
    /// The kernel's release and build.
    pub(super) release: String,
    pub(super) rows: Vec<Row>,
    pub(super) limits: Vec<Held>,
    /// The times of cp by those of memcpy, pair by pair: smallest, median, largest. For
    /// large folios, and of single pages.
    pub(super) pairs: Option<[[f64; 3]; 2]>,
}

/// One thing that was measured.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Row {
    pub(super) what: Window,
    pub(super) count: u64,
    /// Instructions of one of `count`.
    pub(super) insn: f64,
    /// The same by whose they are; `rep movs` counts as one here.
    pub(super) user: f64,
    pub(super) kernel: f64,
    /// Nanoseconds of one of `count`.
    pub(super) ns: Option<f64>,
}

/// A number and its limit.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Held {
    pub(super) what: &'static str,
    pub(super) is: f64,
    /// `true`: at least the limit is wanted; else at most.
    pub(super) at_least: bool,
    pub(super) limit: f64,
    pub(super) missed: bool,
}

impl Held {
    fn at_most(what: &'static str, is: f64, limit: f64) -> Self {
        Self {
            what,
            is,
            at_least: false,
            limit,
            missed: is > limit,
        }
    }

    fn at_least(what: &'static str, is: f64, limit: f64) -> Self {
        Self {
            what,
            is,
            at_least: true,
            limit,
            missed: is < limit,
        }
    }
}

pub(super) fn judge(measured: &Measured<'_>, limits: Limits) -> Result<Kernel> {
    let Measured { insn, split, time } = measured;
    if let Some(time) = time {
        ensure!(
            insn.kernel == time.kernel,
            "instructions are of {}, times of {}",
            insn.kernel,
            time.kernel
        );
    }
    let rows = WINDOWS
        .into_iter()
        .map(|what| {
            let run = insn.row(what)?;
            let ns = match time {
                Some(time) => Some(time_of(run, time)?),
                None => None,
            };
            let Insns { user, kernel } = split.of(what)?;
            let of = |number: u64| number as f64 / run.count.max(1) as f64;
            Ok(Row {
                what,
                count: run.count,
                insn: run.each(),
                user: of(user),
                kernel: of(kernel),
                ns,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let play = split.of(Window::Logplay)?;
    let each = |what| insn.row(what).map(Run::each);
    let memcpy = each(Window::Memcpy)?;
    ensure!(
        memcpy < BY_VECTORS,
        "memcpy took {memcpy:.0} instructions a page: the C library copied by `rep movsb`, and a \
         ratio to it says nothing"
    );
    let pairs = match time {
        Some(time) => Some([
            pairs(time.row(Window::Cp)?, time.row(Window::Memcpy)?),
            pairs(time.row(Window::CpSmall)?, time.row(Window::MemcpySmall)?),
        ]),
        None => None,
    };
    let in_time = pairs.map(|[[_, median, _], _]| {
        Held::at_most(
            "cp: time by that of memcpy, median of pairs",
            median,
            limits.cp.time_by_memcpy,
        )
    });
    Ok(Kernel {
        release: insn.kernel.clone(),
        limits: [
            Held::at_most(
                "logplay: ours, percent of all instructions",
                play.user as f64 * 100.0 / play.all().max(1) as f64,
                limits.logplay.ours_percent,
            ),
            Held::at_most(
                "logplay: again, by the first play",
                each(Window::LogplayAgain)? / each(Window::Logplay)?,
                limits.logplay.again_by_first,
            ),
            Held::at_least(
                "creat: a file by its own command by one of many",
                // What a command pays grows with the log it reads, entry by entry: the mean
                // of all is that of the first and the last.
                f64::midpoint(each(Window::CreatFirst)?, each(Window::CreatLast)?)
                    / each(Window::CreatMany)?,
                limits.creat.times_cheaper,
            ),
            Held::at_most(
                "cp: instructions by those of memcpy and flush",
                each(Window::Cp)? / memcpy,
                limits.cp.by_memcpy,
            ),
            Held::at_most(
                "creat from a seed: instructions a byte",
                each(Window::Seed)? / PAGE as f64,
                limits.seed.insn_per_byte,
            ),
            Held::at_most(
                "verify against a seed: instructions a byte",
                each(Window::Verify)? / PAGE as f64,
                limits.seed.verify_insn_per_byte,
            ),
        ]
        .into_iter()
        .chain(in_time)
        .collect(),
        rows,
        pairs,
    })
}

/// Nanoseconds of one of what `run` counted instructions of.
fn time_of(run: &Run, time: &Outcome) -> Result<f64> {
    let timed = time.row(run.what)?;
    ensure!(
        run.count == timed.count,
        "{:?} is about {} in insn.json and {} in time.json",
        run.what,
        run.count,
        timed.count
    );
    Ok(timed.each() * time.tick_ns)
}

/// The ratios of runs that were made side by side.
fn pairs(cp: &Run, memcpy: &Run) -> [f64; 3] {
    let mut ratios: Vec<f64> = cp
        .ticks
        .iter()
        .zip(&memcpy.ticks)
        .map(|(&cp, &memcpy)| cp as f64 / memcpy.max(1) as f64)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let half = ratios.len() / 2;
    let median = if ratios.len().is_multiple_of(2) {
        f64::midpoint(ratios[half - 1], ratios[half])
    } else {
        ratios[half]
    };
    [ratios[0], median, ratios[ratios.len() - 1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::outcome::SCHEMA;
    use crate::workload::clock::Unit;

    fn outcome(unit: Unit, ticks: [&[u64]; 13]) -> Outcome {
        let rows = WINDOWS.into_iter().zip(ticks);
        Outcome {
            schema: SCHEMA,
            kernel: "6.12.95".into(),
            unit,
            tick_ns: 0.5,
            image_end: 0,
            rows: rows
                .map(|(what, ticks)| Run {
                    what,
                    count: 10,
                    ticks: ticks.to_vec(),
                })
                .collect(),
        }
    }

    const SPLIT: &str = "window 0 1 1\nwindow 1 1 1\nwindow 2 1 1\nwindow 3 1 1\nwindow 4 1 1\n\
                         window 5 20 80\nwindow 6 1 1\nwindow 7 1 1\nwindow 8 1 1\n\
                         window 9 1 1\nwindow 10 1 1\nwindow 11 1 1\nwindow 12 1 1\n";

    fn limits() -> Limits {
        Limits::parse(
            "logplay = { ours_percent = 20.0, again_by_first = 0.9 }\n\
             creat = { times_cheaper = 100.0 }\n\
             cp = { by_memcpy = 1.1, time_by_memcpy = 1.2 }\n\
             seed = { insn_per_byte = 1.5, verify_insn_per_byte = 2.6 }",
        )
        .unwrap()
    }

    fn missed(ticks: [&[u64]; 13], split: &str) -> Vec<bool> {
        let kernel = judge(
            &Measured {
                insn: &outcome(Unit::Insn, ticks),
                split: &Split::parse(split).unwrap(),
                time: None,
            },
            limits(),
        );
        let limits = kernel.unwrap().limits;
        limits.iter().map(|held| held.missed).collect()
    }

    #[test]
    fn limits_are_met_to_the_last_instruction_and_missed_by_one() {
        let met: [&[u64]; 13] = [
            &[1],
            &[10],
            &[500],
            &[1500],
            &[1],
            &[1000],
            &[110],
            &[100],
            &[900],
            &[100],
            &[900],
            &[61_440],
            &[106_496],
        ];
        assert_eq!(missed(met, SPLIT), [false; 6]);
        let mut over = met;
        over[10] = &[901];
        over[11] = &[61_441];
        over[12] = &[106_497];
        over[2] = &[499];
        over[6] = &[111];
        let split = SPLIT.replace("5 20 80", "5 21 80");
        assert_eq!(missed(over, &split), [true; 6]);
    }

    #[test]
    fn times_are_of_one_and_pairs_are_kept() {
        let kernel = judge(
            &Measured {
                insn: &outcome(Unit::Insn, [&[10]; 13]),
                split: &Split::parse(SPLIT).unwrap(),
                time: Some(&outcome(
                    Unit::Tsc,
                    [
                        &[8],
                        &[8],
                        &[8],
                        &[8],
                        &[8],
                        &[8],
                        &[9, 12, 30],
                        &[10, 10, 10],
                        &[20, 30],
                        &[10, 10],
                        &[8],
                        &[8],
                        &[8],
                    ],
                )),
            },
            limits(),
        )
        .unwrap();
        assert!((kernel.rows[0].ns.unwrap() - 0.4).abs() < 1e-9);
        let shown = kernel.pairs.unwrap().map(|ratios| format!("{ratios:.1?}"));
        assert_eq!(shown, ["[0.9, 1.2, 3.0]", "[2.0, 2.5, 3.0]"]);
        // The median is judged, and is just met.
        let missed: Vec<bool> = kernel.limits.iter().map(|held| held.missed).collect();
        assert_eq!(missed, [false, true, true, false, false, false, false]);
    }

    /// A baseline that moves byte by byte would let every copy pass.
    #[test]
    fn a_memcpy_without_vectors_is_an_error() {
        let mut insn = outcome(Unit::Insn, [&[1]; 13]);
        insn.rows[7].ticks = vec![10 * 4200];
        let split = Split::parse(SPLIT).unwrap();
        let measured = Measured {
            insn: &insn,
            split: &split,
            time: None,
        };
        let error = judge(&measured, limits()).unwrap_err().to_string();
        assert!(error.contains("4200 instructions a page"), "{error}");
    }

    #[test]
    fn results_that_do_not_belong_together_are_an_error() {
        let (insn, mut time) = (
            outcome(Unit::Insn, [&[1]; 13]),
            outcome(Unit::Tsc, [&[1]; 13]),
        );
        let judged = |insn: &Outcome, time: &Outcome, split: &str| {
            let split = Split::parse(split).unwrap();
            let (split, time) = (&split, Some(time));
            judge(&Measured { insn, split, time }, limits()).is_ok()
        };
        assert!(judged(&insn, &time, SPLIT));
        assert!(!judged(&insn, &time, "window 0 1 1"));
        time.rows[3].count = 11;
        assert!(!judged(&insn, &time, SPLIT));
        time.rows.pop();
        time.rows[3].count = 10;
        assert!(!judged(&insn, &time, SPLIT));
        let mut other = insn.clone();
        other.kernel = "7.3.4".into();
        assert!(!judged(&insn, &other, SPLIT));
    }
}
