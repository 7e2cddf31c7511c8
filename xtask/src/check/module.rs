//! Checks of the kernel module's sources.

use anyhow::{Result, bail};

use super::Outcome;
use crate::kmod;
use crate::setup::kernels::{self, Line};

pub(super) fn warnings_lts() -> Result<Outcome> {
    warnings(Line::Lts)
}

pub(super) fn warnings_current() -> Result<Outcome> {
    warnings(Line::Current)
}

fn warnings(line: Line) -> Result<Outcome> {
    if let Some(gap) = kernels::survey()?.gap(line) {
        return Ok(Outcome::Skipped(gap.reason.clone()));
    }
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
