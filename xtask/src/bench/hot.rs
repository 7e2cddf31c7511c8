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

/// The window whose user space is famfs-bench itself, by its number in
/// `bench/src/runtime/mark.rs`.
const MEMCPY: u32 = 7;

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

/// Returns the windows by number, and the first of several with one number.
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
        let Some((number, window)) =
            current.and_then(|number| Some((number, windows.get_mut(&number)?)))
        else {
            continue;
        };
        *window
            .entry(function(number, address, kernel, program))
            .or_default() += insns;
    }
    Some(windows.into_values().collect())
}

fn function(window: u32, address: u64, kernel: &Symbols, program: &Symbols) -> Function {
    let (name, owner) = match (address < KERNEL, window) {
        (true, MEMCPY) => ("all of it".to_owned(), "famfs-bench"),
        (in_program, _) => {
            let symbols = if in_program { program } else { kernel };
            if let Some(function) = symbols.of(address) {
                return function.clone();
            }
            (format!("{address:#x}"), "unknown")
        }
    };
    Function {
        name,
        owner: owner.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_window_of_a_number_counts_and_blocks_of_a_function_are_added() {
        let kernel = Symbols::parse("ffff800000000000 T open\n").unwrap();
        let program = Symbols::parse("1000 T play\n1100 T check\n").unwrap();
        let split = "window 0 1 1\n1000 5\n1010 6\n1100 2\nffff800000000004 9\n\
                     window 7 1 1\n1000 3\nwindow 0 1 1\n1000 99\n";
        let windows = windows(split, &kernel, &program).unwrap();
        let of = |window: &Window| -> Vec<(String, u64)> {
            let names = window.iter();
            names.map(|(f, insns)| (f.name.clone(), *insns)).collect()
        };
        let [first, last] = windows.as_slice() else {
            panic!("{windows:?}")
        };
        let named = |name: &str, insns| (name.to_owned(), insns);
        assert_eq!(
            of(first),
            [named("check", 2), named("open", 9), named("play", 11)]
        );
        assert_eq!(of(last), [named("all of it", 3)]);
        assert!(super::windows("window x", &kernel, &program).is_none());
    }
}
