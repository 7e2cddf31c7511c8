//! The functions that a command's instructions go to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::runtime::{PROGRAM, SYMBOLS};
use super::symbols::{Function, Symbols};
use crate::setup::kernels::Line;

/// Where the kernel's half of the addresses begins.
const KERNEL: u64 = 1 << 63;

/// Instructions of a window by function.
type Window = BTreeMap<Function, u64>;

/// The most costly functions of each window, per file, entry or page.
pub(super) fn table(
    line: Line,
    results: &Path,
    insns: &str,
    split: &str,
    top: usize,
) -> Result<String> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let kernel = Symbols::unzip(&read(&results.join(SYMBOLS))?)?;
    let outcome: Value = serde_json::from_slice(&read(&results.join(insns))?)
        .with_context(|| format!("{insns} is no result"))?;
    let end = outcome["image_end"]
        .as_u64()
        .context("no end of the image")?;
    let program = Symbols::of_program(&read(&results.join(PROGRAM))?, "famfs", end)?;
    let windows = windows(split, &kernel, &program).context("the split is wrong")?;
    let rows = outcome["rows"].as_array().context("no rows")?;
    let mut text = String::new();
    for (row, window) in rows.iter().zip(&windows) {
        let count = row["count"].as_u64().unwrap_or(1).max(1);
        let _ = writeln!(text, "{line} {}", row["what"].as_str().unwrap_or_default());
        let mut functions: Vec<(&Function, &u64)> = window.iter().collect();
        functions.sort_by_key(|(_, insns)| std::cmp::Reverse(**insns));
        let all: u64 = window.values().sum();
        for (function, insns) in functions.into_iter().take(top) {
            let _ = writeln!(
                text,
                "{:>12.1} {:>5.1}%  {} [{}]",
                *insns as f64 / count as f64,
                *insns as f64 * 100.0 / all.max(1) as f64,
                function.name,
                function.owner
            );
        }
        text.push('\n');
    }
    Ok(text)
}

/// By number; of several windows of one number, the first.
fn windows(split: &str, kernel: &Symbols, program: &Symbols) -> Option<Vec<Window>> {
    let mut windows: BTreeMap<u32, Window> = BTreeMap::new();
    let mut current: Option<u32> = None;
    for line in split.lines() {
        let mut words = line.split(' ');
        let first = words.next()?;
        if first == "window" {
            let number = words.next()?.parse().ok()?;
            let known = windows.contains_key(&number);
            current = (!known).then_some(number);
            windows.entry(number).or_default();
            continue;
        }
        let address = u64::from_str_radix(first, 16).ok()?;
        let insns: u64 = words.next()?.parse().ok()?;
        let Some(window) = current.and_then(|number| windows.get_mut(&number)) else {
            continue;
        };
        let symbols = if address < KERNEL { program } else { kernel };
        let function = symbols.of(address).cloned().unwrap_or(Function {
            name: format!("{address:#x}"),
            owner: "unknown".to_owned(),
        });
        *window.entry(function).or_default() += insns;
    }
    Some(windows.into_values().collect())
}
