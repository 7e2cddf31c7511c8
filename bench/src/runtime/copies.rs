//! `famfs cp` beside `famfs-bench memcpy`, each into a new file of a new file system.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::mark::Window;
use super::outcome::Row;
use super::stage::Stage;
use super::{size_text, source};
use crate::memcpy::Report;
use crate::settle;
use crate::workload::PAGE;

/// Copies in pairs of the order ABBA, so that what drifts meets both alike.
pub(super) fn rows(stage: &Stage, bytes: u64, pairs: u32) -> Result<Vec<Row>> {
    let from = stage.beside("source");
    source::write(&from, bytes)?;
    let from = from.to_str().context("a path that is not UTF-8")?;
    let (mut cp, mut memcpy) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        let mut by_cp = || -> Result<()> {
            cp.push(fresh(stage, bytes, |to| copy(stage, from, to))?);
            Ok(())
        };
        if pair % 2 == 0 {
            by_cp()?;
        }
        memcpy.push(fresh(stage, bytes, |to| baseline(stage, from, to, bytes))?);
        if pair % 2 == 1 {
            by_cp()?;
        }
    }
    let row = |what, ticks| Row {
        what,
        count: bytes / PAGE as u64,
        ticks,
    };
    Ok(vec![row(Window::Cp, cp), row(Window::Memcpy, memcpy)])
}

/// Ticks of a copy to a name that no other copy used.
fn fresh(stage: &Stage, bytes: u64, copy: impl FnOnce(&str) -> Result<u64>) -> Result<u64> {
    stage.mkfs(None)?;
    stage.mount(true)?;
    let to = stage.inside("copy");
    let ticks = copy(&to)?;
    source::check(Path::new(&to), bytes)?;
    stage.unmount()?;
    Ok(ticks)
}

fn copy(stage: &Stage, from: &str, to: &str) -> Result<u64> {
    let args = ["cp", "--threadct", "0", from, to];
    let (ticks, _) = stage.measure(Some(Window::Cp), &args, None)?;
    Ok(ticks)
}

fn baseline(stage: &Stage, from: &str, to: &str, bytes: u64) -> Result<u64> {
    let args = ["creat", "--size", &size_text(bytes), to];
    stage.measure(None, &args, None)?;
    let me = std::env::current_exe().context("cannot find famfs-bench itself")?;
    let me = me.to_str().context("a path that is not UTF-8")?;
    let args = ["memcpy", "--json", "--from", from, "--to", to];
    let command = stage.runner.prepare(me, &args, None)?;
    settle::settle();
    let report: Report =
        serde_json::from_str(&command.finish()?).context("famfs-bench memcpy printed no report")?;
    Ok(report.ticks)
}
