//! Reads every file of the repository and applies the rules to it.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, str};

use anyhow::{Context as _, Result, bail};

use super::words::Words;
use super::{Outcome, rules};
use crate::{paths, process};

/// Files of the repository, as git lists them: those tracked, and new ones it does not ignore.
pub(super) fn files() -> Result<Vec<PathBuf>> {
    let text = process::stdout(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(paths::workspace()),
    )
    .context("the tree rules look at the files that git knows")?;
    let mut files: Vec<PathBuf> = text
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        // A file deleted but not yet staged is still listed.
        .filter(|file| paths::workspace().join(file).is_file())
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

pub(super) fn check() -> Result<Outcome> {
    let files = files()?;
    let words = Words::new()?;
    let mut findings = Vec::new();
    let mut lengths = Vec::new();
    for file in &files {
        let bytes = fs::read(paths::workspace().join(file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        let Ok(text) = str::from_utf8(&bytes) else {
            continue;
        };
        findings.extend(rules::findings(file, text));
        findings.extend(words.findings(file, text));
        if rules::is_source(file) {
            lengths.push(text.lines().count());
        }
    }
    if !findings.is_empty() {
        bail!("{} findings:\n{}", findings.len(), findings.join("\n"));
    }
    lengths.sort_unstable();
    let longest = lengths.last().copied().unwrap_or_default();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    Ok(Outcome::Passed(format!(
        "{} files, {} of them sources, median {median} lines, longest {longest}",
        files.len(),
        lengths.len()
    )))
}
