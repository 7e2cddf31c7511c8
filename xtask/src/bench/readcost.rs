//! `cargo xtask bench read-cost`: what famfs-top itself uses.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{Held, famfs_bench, results};
use crate::guest::{Guest, Mode, Request};
use crate::setup::kernels;
use crate::{kmod, lab, paths};

/// What is measured: famfs-top as it is released.
const PROGRAM: &str = "famfs-top";

/// The quietest of so many runs is the program's own.
const NATIVE_RUNS: usize = 21;

/// Hold famfs-top's start, and its reading of ten thousand busy files, against their limits
///
/// Exit status: 0 every limit met, 1 one was missed, 2 usage or run error.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    held: Held,
}

pub(super) fn main(args: &Args) -> Result<u8> {
    let lines = kernels::to_run_on(args.held.kernel)?;
    let program = lab::image::build_released(PROGRAM)?;
    let run = format!(
        "mv /share/{PROGRAM} /root && export PATH=/root:$PATH && \
         exec famfs-bench reading --out /share/result.json"
    );
    let guests = lines
        .into_iter()
        .map(|line| {
            let module = kmod::build_tree(line, 0)?;
            Guest::boot(&Request {
                line,
                memory: None,
                mode: Mode::Deterministic,
                sparse: None,
                files: &[&program],
                module: &module.ko,
                share: format!("bench/reading-{line}"),
                timeout_s: 1800,
                plugin: None,
                tracers: false,
                environment: Vec::new(),
                command: &["sh", "-c", &run],
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let mut judged: Vec<OsString> = vec!["read-cost".into()];
    judged.extend(results(guests)?);
    // Of a machine that is done with the guests.
    judged.extend(["--native".into(), native(&program)?.into()]);
    famfs_bench(judged, args.held.json)
}

/// What the program takes of this machine's own processor, in a file.
fn native(program: &Path) -> Result<PathBuf> {
    let mut runs = Vec::new();
    for _ in 0..NATIVE_RUNS {
        let output = Command::new(program)
            .arg("rehearse")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        ensure!(
            output.status.success(),
            "{PROGRAM} rehearse: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        let document: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("famfs-top rehearse says no JSON")?;
        let ns = document["interval_ns"].as_u64();
        runs.push((ns.context("it says no interval_ns")?, output.stdout));
    }
    let (_, text) = runs.into_iter().min().context("there was no run")?;
    let path = paths::target("bench/reading-native.json");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
