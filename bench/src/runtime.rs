//! `famfs-bench runtime`: what the famfs command itself costs.
//!
//! It is driven from outside, and what it did is checked before its cost counts.

mod command;
mod copies;
pub(crate) mod mark;
pub(crate) mod outcome;
mod seeded;
mod source;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use famfs_cli::{env, size};

use self::mark::Window;
use self::outcome::{Outcome, Row, SCHEMA};
use self::stage::Stage;
use crate::cli::Runtime;
use crate::output;
use crate::workload::clock::{self, Unit};

/// Every file is one allocation unit.
const FILE_BYTES: u64 = 2 << 20;
const MIB: u64 = 1 << 20;

pub(crate) fn main(args: &Runtime) -> Result<ExitCode> {
    ensure!(
        args.files <= args.entries && args.sample.saturating_mul(2) <= args.files,
        "--entries {} must be at least --files {}, and that twice --sample {}",
        args.entries,
        args.files,
        args.sample
    );
    ensure!(
        args.size > 0 && args.size.is_multiple_of(MIB),
        "--size {} is no multiple of 1 MiB",
        args.size
    );
    let deterministic = env::DETERMINISTIC.text().is_some_and(|value| value == "1");
    let unit = Unit::detect(deterministic);
    let stage = Stage::new(device(args)?)?;
    let mut rows = logs(&stage, args)?;
    rows.extend(copies::rows(&stage, args.size, args.pairs)?);
    rows.extend(seeded::rows(&stage, args.size)?);
    // Whoever reads the counter's windows goes by their numbers.
    rows.sort_by_key(|row| row.what);
    let outcome = Outcome {
        schema: SCHEMA,
        kernel: kernel()?,
        unit,
        tick_ns: if unit == Unit::Tsc {
            clock::ns_per_tick()
        } else {
            1.0
        },
        image_end: image_end()?,
        rows,
    };
    if let Some(out) = &args.out {
        std::fs::write(out, output::to_json(&outcome)?)
            .with_context(|| format!("cannot write {}", out.display()))?;
    }
    if args.json {
        output::json(&outcome)?;
    } else {
        output::text(&table(&outcome))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is about the log: making files, playing it, checking it.
fn logs(stage: &Stage, args: &Runtime) -> Result<Vec<Row>> {
    let (files, sample) = (args.files, args.sample);
    let mkfs = stage.mkfs(Some(Window::Mkfs))?;

    stage.mount(true)?;
    let many = stage.creat_many(Some(Window::CreatMany), 0..files)?;
    stage.unmount()?;

    stage.mkfs(None)?;
    stage.mount(true)?;
    let first = stage.creat_single(Window::CreatFirst, 0..sample)?;
    stage.creat_many(None, sample..files - sample)?;
    let last = stage.creat_single(Window::CreatLast, files - sample..files)?;
    stage.creat_many(None, files..args.entries)?;
    let fsck = stage.fsck(args.entries)?;
    stage.unmount()?;

    stage.mount(false)?;
    let logplay = stage.logplay(args.entries)?;
    let again = stage.logplay_again(args.entries)?;
    stage.unmount()?;

    let row = |what, count: u32, ticks| Row {
        what,
        count: count.into(),
        ticks: vec![ticks],
    };
    Ok(vec![
        row(Window::Mkfs, 1, mkfs),
        row(Window::CreatMany, files, many),
        row(Window::CreatFirst, sample, first),
        row(Window::CreatLast, sample, last),
        row(Window::Fsck, args.entries, fsck),
        row(Window::Logplay, args.entries, logplay),
        row(Window::LogplayAgain, args.entries, again),
    ])
}

/// The device that may be destroyed: named with --destroy, or the lab's own.
fn device(args: &Runtime) -> Result<PathBuf> {
    let in_lab = env::KERNEL.get().is_some();
    if let Some(device) = &args.device {
        ensure!(
            args.destroy || in_lab,
            "making file systems on {} destroys what is on it: say --destroy if that is meant",
            device.display()
        );
        return Ok(device.clone());
    }
    let own = env::DEVICE.get().filter(|_| in_lab);
    own.map(PathBuf::from)
        .context("no device to make file systems on: say --device DEV --destroy")
}

fn kernel() -> Result<String> {
    let read = |name: &str| {
        let path = format!("/proc/sys/kernel/{name}");
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    };
    let (release, version) = (read("osrelease")?, read("version")?);
    Ok(format!("{} {}", release.trim(), version.trim()))
}

/// The first address behind this program.
fn image_end() -> Result<u64> {
    let maps = std::fs::read_to_string("/proc/self/maps").context("cannot read /proc/self/maps")?;
    let here = image_end as *const () as u64;
    end_of_image(&maps, here).context("/proc/self/maps does not show this program")
}

/// The end of the mappings that follow each other from the one that holds `here` on.
fn end_of_image(maps: &str, here: u64) -> Option<u64> {
    maps.lines().fold(None, |end, line| {
        let (range, _) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let from = u64::from_str_radix(from, 16).ok()?;
        let to = u64::from_str_radix(to, 16).ok()?;
        let holds = (from..to).contains(&here);
        if holds || end == Some(from) {
            Some(to)
        } else {
            end
        }
    })
}

fn table(outcome: &Outcome) -> String {
    use std::fmt::Write as _;

    let mut text = format!("{}\n", outcome.kernel);
    for row in &outcome.rows {
        let _ = writeln!(
            text,
            "{:<12} {:>8} {:>14.1} {} each, {} run{}",
            format!("{:?}", row.what),
            row.count,
            row.each(),
            outcome.unit.name(),
            row.ticks.len(),
            if row.ticks.len() == 1 { "" } else { "s" }
        );
    }
    text
}

/// Writes a size as the famfs command takes it.
fn size_text(bytes: u64) -> String {
    size::exact(bytes).replace(" bytes", "").replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_ones_that_famfs_reads() {
        assert_eq!(size_text(FILE_BYTES), "2MiB");
        assert_eq!(size_text(4097), "4097");
    }

    #[test]
    fn the_image_ends_behind_its_last_mapping() {
        let maps = "1000-2000 r--p x\n2000-3000 r-xp x\n3000-5000 rw-p \n6000-7000 rw-p [heap]\n";
        assert_eq!(end_of_image(maps, 0x2100), Some(0x5000));
        assert_eq!(end_of_image(maps, 0x9000), None);
        assert!(image_end().unwrap() > image_end as *const () as u64);
    }
}
