//! The measurement: two deterministic guests of one kernel and one module, side by side.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::fingerprint::Environment;
use super::say;
use crate::paths;
use crate::setup::kernels::Line;

/// As many as `bench/thresholds.toml` asks for.
const BOOTS: usize = 2;
const TIMEOUT_S: &str = "900";

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

/// One guest under way.
struct Boot {
    lab: Child,
    share: PathBuf,
    log: PathBuf,
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
) -> Result<Boot> {
    let share = paths::target(format!("gate/{line}-{}-{number}", side.name()));
    let log = share.with_extension("log");
    if share.exists() {
        fs::remove_dir_all(&share).with_context(|| format!("cannot remove {}", share.display()))?;
    }
    // What is in the folder travels into the guest, so it is empty: the guests must be equal.
    fs::create_dir_all(&share).with_context(|| format!("cannot create {}", share.display()))?;
    let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let lab = Command::new(std::env::current_exe().context("cannot find xtask itself")?)
        .args(arguments(line, module, &share))
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("cannot run xtask lab")?;
    Ok(Boot { lab, share, log })
}

fn arguments(line: Line, module: &Path, share: &Path) -> Vec<OsString> {
    let mut list: Vec<OsString> = ["lab", "--deterministic", "--timeout", TIMEOUT_S, "--kernel"]
        .map(OsString::from)
        .into();
    list.push(line.to_string().into());
    list.extend([
        "--module".into(),
        module.into(),
        "--share".into(),
        share.into(),
    ]);
    list.extend(
        [
            "--",
            "famfs-bench",
            "run",
            "--gate",
            "--out",
            "/share/result.json",
        ]
        .map(OsString::from),
    );
    list
}

fn finish(mut boot: Boot) -> Result<PathBuf> {
    let status = boot.lab.wait().context("cannot wait for xtask lab")?;
    let result = boot.share.join("result.json");
    if !status.success() || !result.is_file() {
        let said = fs::read_to_string(&boot.log).unwrap_or_default();
        bail!("the measurement failed ({status}):\n{}", said.trim_end());
    }
    Ok(result)
}
