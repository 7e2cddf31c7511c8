//! Checks of the kernel module's sources.

use anyhow::{Result, bail};

use super::Outcome;
use crate::kmod;
use crate::setup::kernels::Line;

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
