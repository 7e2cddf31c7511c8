//! `famfs creat -r` and `famfs verify`: a file of bytes that a seed makes.

use anyhow::Result;

use super::mark::Window;
use super::outcome::Row;
use super::size_text;
use super::stage::Stage;
use crate::workload::PAGE;

const SEED: &str = "1";

/// A new file that is filled, then compared.
pub(super) fn rows(stage: &Stage, bytes: u64) -> Result<Vec<Row>> {
    stage.mkfs(None)?;
    stage.mount(true)?;
    let (file, size) = (stage.inside("seeded"), size_text(bytes));
    let args = ["creat", "-r", "-S", SEED, "-s", &size, &file];
    let (seed, _) = stage.measure(Some(Window::Seed), &args, None)?;
    // It fails where a byte is not the seed's.
    let args = ["verify", "-S", SEED, "-f", &file];
    let (verify, _) = stage.measure(Some(Window::Verify), &args, None)?;
    stage.unmount()?;
    let row = |what, ticks| Row {
        what,
        count: bytes / PAGE as u64,
        ticks: vec![ticks],
    };
    Ok(vec![row(Window::Seed, seed), row(Window::Verify, verify)])
}
