//! `famfs cp` beside `famfs-bench memcpy`, each into a new file of a new file system.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::mark::Window;
use super::outcome::Row;
use super::stage::Stage;
use super::{size_text, source};
use crate::memcpy::Report;
use crate::settle;
use crate::workload::PAGE;

/// The C library copies by vectors whatever the size, and not by `rep movsb`: an emulated
/// processor makes as many steps of that as there are bytes.
const BY_VECTORS: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.cpu.x86_rep_movsb_threshold=1099511627776",
);

/// Copies of a source in large folios, and of one in single pages.
pub(super) fn rows(stage: &Stage, bytes: u64, pairs: u32) -> Result<Vec<Row>> {
    let large = stage.large()?.join("source");
    source::write(&large, bytes)?;
    stage.expect_large(bytes)?;
    // The host's memory behind the device appears when it is first written: not measured.
    let text = large.to_str().context("a path that is not UTF-8")?;
    fresh(stage, bytes, |to| copy(stage, None, text, to))?;
    let mut rows = beside(stage, &large, bytes, pairs, [Window::Cp, Window::Memcpy])?;
    remove(&large)?;
    let small = stage.beside("source");
    source::write(&small, bytes)?;
    let windows = [Window::CpSmall, Window::MemcpySmall];
    rows.extend(beside(stage, &small, bytes, pairs, windows)?);
    remove(&small)?;
    Ok(rows)
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

/// Copies in pairs of the order ABBA, so that what drifts meets both alike.
fn beside(
    stage: &Stage,
    from: &Path,
    bytes: u64,
    pairs: u32,
    windows: [Window; 2],
) -> Result<Vec<Row>> {
    let from = from.to_str().context("a path that is not UTF-8")?;
    let mut ticks = [const { Vec::new() }; 2];
    for pair in 0..pairs {
        let order = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            let window = windows[which];
            ticks[which].push(fresh(stage, bytes, |to| match which {
                0 => copy(stage, Some(window), from, to),
                _ => baseline(stage, window, from, to, bytes),
            })?);
        }
    }
    let rows = windows.into_iter().zip(ticks);
    let row = |(what, ticks)| Row {
        what,
        count: bytes / PAGE as u64,
        ticks,
    };
    Ok(rows.map(row).collect())
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

fn copy(stage: &Stage, window: Option<Window>, from: &str, to: &str) -> Result<u64> {
    let args = ["cp", "--threadct", "0", from, to];
    let (ticks, _) = stage.measure(window, &args, None)?;
    Ok(ticks)
}

fn baseline(stage: &Stage, window: Window, from: &str, to: &str, bytes: u64) -> Result<u64> {
    let args = ["creat", "--size", &size_text(bytes), to];
    stage.measure(None, &args, None)?;
    let me = std::env::current_exe().context("cannot find famfs-bench itself")?;
    let me = me.to_str().context("a path that is not UTF-8")?;
    let small = (window == Window::MemcpySmall).then_some("--small");
    let args: Vec<&str> = ["memcpy", "--json", "--from", from, "--to", to]
        .into_iter()
        .chain(small)
        .collect();
    let command = stage.runner.prepare(me, &args, None)?.with(BY_VECTORS);
    settle::settle();
    let report: Report =
        serde_json::from_str(&command.finish()?).context("famfs-bench memcpy printed no report")?;
    Ok(report.ticks)
}
