//! `cargo xtask bench profile`: which functions the instructions of a fault go to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::plugin::{self, Place, Windows};
use super::symbols::{Function, Symbols};
use super::{RESULT, table};
use crate::guest::{Guest, Mode, Request};
use crate::setup::kernels::{self, Asked, Line};
use crate::{kmod, paths};

/// Enough faults of 4 KiB for a median.
const PTE_TOUCHES: &str = "512";

/// Show where the instructions of a fault go, function by function, for every target
///
/// The kernel's instructions only, in faults of the median length: those that no timer tick ran
/// into. A plugin watches the emulated processor, so the guest executes what it always does.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Profile on this kernel only
    #[arg(long)]
    kernel: Option<Asked>,
    /// Rows to show: a part of their name, such as pmd/write/steady or unmap
    #[arg(long, value_name = "PART", default_value = "")]
    row: String,
    /// Functions to show per row
    #[arg(long, value_name = "N", default_value_t = 40)]
    top: usize,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Instructions per window by function, for one target in one row.
pub(super) type Profile = BTreeMap<Function, f64>;
/// All rows of one kernel: by row, then by target.
pub(super) type Rows = BTreeMap<String, BTreeMap<&'static str, Profile>>;

pub(super) fn main(args: &Args) -> Result<()> {
    let lines = kernels::to_run_on(args.kernel)?;
    let plugin = plugin::build("profile")?;
    let guests = lines
        .into_iter()
        .map(|line| Ok((line, boot(line, &plugin)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut kernels = BTreeMap::new();
    for (line, guest) in guests {
        let share = guest.finish(RESULT)?;
        let mut rows = read(line, &share)?;
        rows.retain(|row, _| row.contains(&args.row));
        ensure!(!rows.is_empty(), "no row has {:?} in its name", args.row);
        kernels.insert(line.series(), rows);
    }
    if args.json {
        println!("{:#}", table::json(&kernels));
    } else {
        print!("{}", table::human(&kernels, args.top));
    }
    Ok(())
}

fn output(line: Line) -> std::path::PathBuf {
    paths::target(format!("bench/profile-{line}.txt"))
}

fn boot(line: Line, plugin: &Path) -> Result<Guest> {
    let module = kmod::build_tree(line, 0)?;
    let output = output(line);
    let _ = fs::remove_file(&output);
    let run = format!(
        "famfs-bench run --pte-touches {PTE_TOUCHES} --out /share/{RESULT} && \
         grep -i ' [tw] ' /proc/kallsyms | gzip >/share/symbols.gz"
    );
    Guest::boot(&Request {
        line,
        memory: Some("pmem"),
        mode: Mode::Deterministic,
        sparse: None,
        module: &module.ko,
        share: format!("bench/profile-{line}"),
        files: &[],
        timeout_s: 1800,
        plugin: Some(format!("{},out={}", plugin.display(), output.display())),
        tracers: false,
        environment: Vec::new(),
        command: &["sh", "-c", &run],
    })
}

fn read(line: Line, share: &Path) -> Result<Rows> {
    let file = share.join("symbols.gz");
    let symbols = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let symbols = Symbols::unzip(&symbols)?;
    let file = output(line);
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(rows(&plugin::parse(&text)?, &symbols))
}

/// The windows of the length that half of all do not exceed: what p50 is about.
fn median(windows: &[Windows]) -> Option<&Windows> {
    let mut sorted: Vec<&Windows> = windows.iter().collect();
    sorted.sort_by_key(|windows| windows.insns);
    let half = sorted
        .iter()
        .map(|windows| windows.count)
        .sum::<u64>()
        .div_ceil(2);
    let mut seen = 0;
    sorted.into_iter().find(|windows| {
        seen += windows.count;
        seen >= half
    })
}

fn rows(places: &BTreeMap<Place, Vec<Windows>>, symbols: &Symbols) -> Rows {
    let mut rows = Rows::new();
    for (place, windows) in places {
        let Some(usual) = median(windows) else {
            continue;
        };
        // munmap(2) is one window for all faults of its mapping.
        let faults = place.row.strip_prefix("unmap ").map(|row| Place {
            target: place.target,
            row: row.to_owned(),
        });
        let per = faults
            .and_then(|faults| places.get(&faults))
            .map_or(usual.count, |all| all.iter().map(|one| one.count).sum());
        let target = rows
            .entry(place.row.clone())
            .or_default()
            .entry(place.target)
            .or_default();
        for (address, insns) in &usual.blocks {
            let function = symbols.of(*address).cloned().unwrap_or(Function {
                name: format!("{address:#x}"),
                owner: "unknown".to_owned(),
            });
            *target.entry(function).or_default() += *insns as f64 / per.max(1) as f64;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(insns: u64, count: u64) -> Windows {
        Windows {
            insns,
            count,
            blocks: BTreeMap::new(),
        }
    }

    #[test]
    fn the_median_length_is_the_nearest_rank() {
        let of = |list: &[(u64, u64)]| {
            let list: Vec<_> = list.iter().map(|&(insns, n)| windows(insns, n)).collect();
            median(&list).map(|windows| windows.insns)
        };
        assert_eq!(of(&[(50, 3), (40, 2), (90, 1)]), Some(50));
        assert_eq!(of(&[(50, 2), (40, 2)]), Some(40));
        assert_eq!(of(&[]), None);
    }
}
