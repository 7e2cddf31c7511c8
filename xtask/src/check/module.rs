//! Checks of the kernel module's sources.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Outcome, tree};
use crate::setup::kernels::{self, Line};
use crate::{kmod, paths, process};

pub(super) fn warnings_6_12() -> Result<Outcome> {
    warnings(Line::V6_12)
}

pub(super) fn warnings_7_3() -> Result<Outcome> {
    warnings(Line::V7_3)
}

fn warnings(line: Line) -> Result<Outcome> {
    let built = kmod::build_tree(line, 0)?;
    if built.warnings.is_empty() {
        return Ok(Outcome::Passed(format!("none, W=1, {}", built.compiler)));
    }
    bail!(
        "{} warnings:\n{}",
        built.warnings.len(),
        built.warnings.join("\n")
    )
}

/// The kernel's own style checker, where the headers bring it along (Debian's do not always).
pub(super) fn style() -> Result<Outcome> {
    let Some(script) = checkpatch() else {
        return Ok(Outcome::Skipped(
            "the kernel headers here carry no scripts/checkpatch.pl".into(),
        ));
    };
    let sources: Vec<PathBuf> = tree::files()?
        .into_iter()
        .filter(|file| file.starts_with("famfs-kmod"))
        .filter(|file| file.extension().is_some_and(|end| end == "c" || end == "h"))
        .collect();
    let mut command = Command::new("perl");
    command
        .arg(script)
        .args(["--no-tree", "--terse", "--no-summary", "--strict", "-f"]);
    let text = process::stdout(command.args(&sources).current_dir(paths::workspace()))?;
    Ok(Outcome::Passed(format!("{} files{text}", sources.len())))
}

fn checkpatch() -> Option<PathBuf> {
    let kernel = kernels::installed(Line::V6_12).ok()?;
    let common = format!(
        "linux-headers-{}-common",
        kernel.release.trim_end_matches("-amd64")
    );
    let script = kernel
        .headers
        .join("usr/src")
        .join(common)
        .join("scripts/checkpatch.pl");
    script.is_file().then_some(script)
}
