//! What the commands have in common that hold results against limits: one result for each kernel,
//! one file of limits, one report, and an exit status that says whether all were met.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{MISSED, output};

/// What was found of all kernels.
pub(crate) trait Report: Serialize {
    /// Limits that were missed.
    fn missed(&self) -> usize;
    /// Returns the text for people.
    fn human(&self) -> String;
}

/// Reads every result and judges it; what cannot be judged is named.
pub(crate) fn each<R, K>(
    results: &[PathBuf],
    read: impl Fn(&Path) -> Result<R>,
    judge: impl Fn(&R) -> Result<K>,
) -> Result<Vec<K>> {
    let judged = |path: &PathBuf| {
        let result = read(path)?;
        judge(&result).with_context(|| format!("cannot judge {}", path.display()))
    };
    results.iter().map(judged).collect()
}

/// The limits in a file.
pub(crate) fn limits<L>(path: &Path, parse: impl FnOnce(&str) -> Result<L>) -> Result<L> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the limits {}", path.display()))?;
    parse(&text).with_context(|| format!("the limits {} are wrong", path.display()))
}

/// Returns the limits of a release, which begins with its kernel line.
pub(crate) fn of_line<'l, L>(lines: &'l BTreeMap<String, L>, release: &str) -> Option<&'l L> {
    let is_of = |line: &str| {
        let rest = release.strip_prefix(line);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    lines
        .iter()
        .find(|(line, _)| is_of(line))
        .map(|(_, limits)| limits)
}

/// Says what was found, and with the exit status whether that is all right.
pub(crate) fn end(report: &impl Report, json: bool) -> Result<ExitCode> {
    if json {
        output::json(report)?;
    } else {
        output::text(&report.human())?;
    }
    Ok(match report.missed() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(MISSED),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_of_the_line_that_it_begins_with() {
        let lines = BTreeMap::from([("6.12".to_owned(), 1), ("7.3".to_owned(), 2)]);
        assert_eq!(of_line(&lines, "6.12.95+deb12-amd64"), Some(&1));
        assert_eq!(of_line(&lines, "7.3.4"), Some(&2));
        assert_eq!(of_line(&lines, "7.30.1"), None);
        assert_eq!(of_line(&lines, "7.3"), None);
    }

    #[test]
    fn what_cannot_be_judged_is_named() {
        let results = [PathBuf::from("a"), PathBuf::from("b")];
        let read = |path: &Path| Ok(path.display().to_string());
        let all = each(&results, read, |text| Ok(text.len()));
        assert_eq!(all.unwrap(), [1, 1]);
        let error = each(&results, read, |text| {
            anyhow::ensure!(text == "a", "no a");
            Ok(())
        });
        assert_eq!(format!("{:#}", error.unwrap_err()), "cannot judge b: no a");
        let error = limits(Path::new("/nowhere"), |_| Ok(()));
        assert!(format!("{:#}", error.unwrap_err()).starts_with("cannot read the limits /nowhere"));
    }
}
