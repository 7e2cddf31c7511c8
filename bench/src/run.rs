//! `famfs-bench run`: what a fault costs, per target.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use famfs_cli::env;

use crate::cli::Run;
use crate::result::{Geometry, Outcome, SCHEMA, Target};
use crate::target::{self, Kind, Sizes, Spec, Unready};
use crate::workload::clock::{self, Unit};
use crate::workload::{PAGE, PMD, mark};
use crate::{RUN_ERROR, fingerprint, measure, output, settle, sys};

/// Faults by 4 KiB that the gate measures: enough for an exact p50, few enough to be quick.
const GATE_PTE_TOUCHES: usize = 4096;
/// The largest file to measure: one time per page of it is kept in memory.
const MAX_BYTES: u64 = 16 << 30;

pub(crate) fn main(args: &Run) -> Result<ExitCode> {
    let deterministic = env::DETERMINISTIC.text().is_some_and(|value| value == "1");
    let unit = Unit::detect(deterministic);
    ensure!(
        !args.gate || unit == Unit::Insn,
        "--gate counts instructions, which only the deterministic lab shows: \
         cargo xtask lab --deterministic -- famfs-bench run --gate"
    );
    let geometry = geometry(args)?;
    let device = device(args)?;
    let mut fingerprint = fingerprint::guest()?;
    fingerprint.extend(fingerprint::host(env::FINGERPRINT.family()));
    let pinned_cpu = sys::pin();
    let tick_ns = if unit == Unit::Tsc {
        clock::ns_per_tick()
    } else {
        1.0
    };
    let clock_overhead = clock::overhead();

    let targets = specs(args)
        .iter()
        .map(|spec| measure_target(spec, device.as_deref(), geometry))
        .collect::<Result<Vec<_>>>()?;
    let outcome = Outcome {
        schema: SCHEMA,
        fingerprint,
        unit,
        deterministic,
        tick_ns,
        clock_overhead,
        pinned_cpu,
        geometry,
        targets,
    };
    write(args, &outcome)?;
    Ok(verdict(&outcome, args.gate))
}

fn write(args: &Run, outcome: &Outcome) -> Result<()> {
    if let Some(out) = &args.out {
        std::fs::write(out, output::to_json(outcome)?)
            .with_context(|| format!("cannot write {}", out.display()))?;
    }
    if args.json {
        output::json(outcome)
    } else {
        output::text(&report::table(outcome))
    }
}

/// Nothing measured, or counts that say it was not what it is called: neither is a success.
/// Wrong counts in a result for the gate are the gate's to judge.
fn verdict(outcome: &Outcome, for_gate: bool) -> ExitCode {
    let mut measured = outcome.scenarios().peekable();
    let nothing = measured.peek().is_none();
    let wrong = measured
        .filter(|scenario| !scenario.unexpected.is_empty())
        .count();
    if nothing {
        output::complain("nothing was measured: every target was skipped");
    }
    if wrong > 0 {
        output::complain(&format!(
            "{wrong} rows have other fault counts than expected"
        ));
    }
    if nothing || (wrong > 0 && !for_gate) {
        ExitCode::from(RUN_ERROR)
    } else {
        ExitCode::SUCCESS
    }
}

fn specs(args: &Run) -> Vec<Spec> {
    let made = |kind: &Kind| Spec {
        kind: *kind,
        file: None,
    };
    match (args.targets.as_slice(), args.gate) {
        ([], true) => vec![made(&Kind::Famfs)],
        ([], false) => target::ALL.iter().map(made).collect(),
        (given, _) => given.to_vec(),
    }
}

fn geometry(args: &Run) -> Result<Geometry> {
    let size = args.size;
    ensure!(
        size > 0 && size.is_multiple_of(PMD as u64) && size <= MAX_BYTES,
        "--size {size} is no multiple of 2 MiB up to 16 GiB"
    );
    let bytes = usize::try_from(size)?;
    let pages = bytes / PAGE;
    let default = if args.gate {
        GATE_PTE_TOUCHES.min(pages)
    } else {
        pages
    };
    let pte_touches = args.pte_touches.unwrap_or(default);
    ensure!(
        (1..=pages).contains(&pte_touches),
        "--pte-touches {pte_touches}: the file has {pages} pages"
    );
    Ok(Geometry {
        file_bytes: size,
        pmd_touches: bytes / PMD,
        pte_touches,
        reps: args.reps,
    })
}

/// The device that may be destroyed: named with --destroy, or the lab's own.
fn device(args: &Run) -> Result<Option<PathBuf>> {
    if let Some(device) = &args.device {
        ensure!(
            args.destroy || in_lab(),
            "making a file system on {} destroys what is on it: say --destroy if that is meant",
            device.display()
        );
        return Ok(Some(device.clone()));
    }
    Ok(if in_lab() {
        env::DEVICE.get().map(PathBuf::from)
    } else {
        None
    })
}

fn in_lab() -> bool {
    env::KERNEL.get().is_some()
}

fn measure_target(
    spec: &Spec,
    device: Option<&std::path::Path>,
    geometry: Geometry,
) -> Result<Target> {
    let mut target = Target {
        name: spec.kind.name().to_owned(),
        file: None.into(),
        skipped: Vec::new(),
        scenarios: Vec::new(),
    };
    mark::target(spec.kind.place());
    for sizes in target::passes(spec, device) {
        measure_pass(spec, *sizes, device, geometry, &mut target)?;
    }
    Ok(target)
}

fn measure_pass(
    spec: &Spec,
    sizes: Sizes,
    device: Option<&std::path::Path>,
    geometry: Geometry,
    target: &mut Target,
) -> Result<()> {
    let name = spec.kind.name();
    let prepared = match target::prepare(spec, device, geometry.file_bytes, sizes) {
        Ok(prepared) => prepared,
        Err(Unready::Skip(reason)) => {
            target.skipped.push(reason);
            return Ok(());
        }
        Err(Unready::Failed(error)) => {
            return Err(error.context(format!("cannot prepare the target {name}")));
        }
    };
    if !settle::settle() {
        output::complain(&format!(
            "other work goes on beside the measurement of {name}"
        ));
    }
    let measured = measure::file(name, &prepared, geometry);
    target.file = Some(&*prepared.file).into();
    let no_pte = prepared.no_pte.iter();
    target
        .skipped
        .extend(no_pte.map(|reason| format!("pte: {reason}")));
    prepared.close()?;
    target.scenarios.extend(measured?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(line: &str) -> Run {
        let words = ["famfs-bench", "run"]
            .into_iter()
            .chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_gate_measures_famfs_and_fewer_small_faults() {
        let gate = args("--gate");
        assert_eq!(
            specs(&gate),
            [Spec {
                kind: Kind::Famfs,
                file: None
            }]
        );
        assert_eq!(
            geometry(&gate).unwrap(),
            Geometry {
                file_bytes: 64 << 20,
                pmd_touches: 32,
                pte_touches: 4096,
                reps: 2
            }
        );
        assert_eq!(specs(&args("")).len(), 4);
        assert_eq!(geometry(&args("")).unwrap().pte_touches, 16_384);
    }

    #[test]
    fn a_geometry_that_does_not_fit_is_refused() {
        for line in [
            "--size 3M --pte-touches 1",
            "--size 0",
            "--size 2M --pte-touches 513",
            "--pte-touches 0",
            "--size 17G",
        ] {
            assert!(geometry(&args(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn outside_the_lab_a_device_needs_destroy() {
        if in_lab() {
            return;
        }
        assert!(device(&args("--device /dev/pmem0")).is_err());
        assert_eq!(
            device(&args("--device /dev/pmem0 --destroy")).unwrap(),
            Some(PathBuf::from("/dev/pmem0"))
        );
        assert_eq!(device(&args("")).unwrap(), None);
    }

    #[test]
    fn outside_the_deterministic_lab_the_gate_is_a_usage_error() {
        if env::DETERMINISTIC.get().is_none() {
            assert!(
                main(&args("--gate"))
                    .unwrap_err()
                    .to_string()
                    .contains("deterministic")
            );
        }
    }
}
