//! The measurement: two deterministic guests of one kernel and one module, side by side.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;

use super::fingerprint::Environment;
use super::say;
use crate::guest::{Guest, Mode, Request};
use crate::setup::kernels::Line;

/// The number of boots that `bench/thresholds.toml` asks for.
const BOOTS: usize = 2;
const TIMEOUT_S: u32 = 900;

/// Which module is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    New,
    Base,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Base => "base",
        }
    }
}

/// Boots the guests and returns their results, which a later call for the same side replaces.
pub(super) fn measure(
    line: Line,
    side: Side,
    module: &Path,
    environment: &Environment,
) -> Result<Vec<PathBuf>> {
    let start = Instant::now();
    let boots = (1..=BOOTS)
        .map(|number| boot(line, side, number, module, environment))
        .collect::<Result<Vec<_>>>()?;
    let results = boots.into_iter().map(finish).collect::<Vec<_>>();
    let results = results.into_iter().collect::<Result<Vec<_>>>()?;
    let name = side.name();
    let took = start.elapsed().as_secs();
    say(
        line,
        &format!("measured the {name} module in {BOOTS} boots, {took} s"),
    );
    Ok(results)
}

fn boot(
    line: Line,
    side: Side,
    number: usize,
    module: &Path,
    environment: &Environment,
) -> Result<Guest> {
    Guest::boot(&Request {
        line,
        memory: None,
        mode: Mode::Deterministic,
        sparse: None,
        module,
        share: format!("gate/{line}-{}-{number}", side.name()),
        files: &[],
        timeout_s: TIMEOUT_S,
        plugin: None,
        tracers: false,
        environment: environment.clone().into_iter().collect(),
        command: &[
            "famfs-bench",
            "run",
            "--gate",
            "--out",
            "/share/result.json",
        ],
    })
}

fn finish(guest: Guest) -> Result<PathBuf> {
    const RESULT: &str = "result.json";
    Ok(guest.finish(RESULT)?.join(RESULT))
}
