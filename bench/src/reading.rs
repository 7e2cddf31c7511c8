//! `famfs-bench reading`: what famfs-top itself uses, at its start and with many files.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use famfs_cli::env;
use serde::{Deserialize, Serialize};

use crate::cli::Reading as Args;
use crate::workload::clock::{self, Unit};
use crate::{fingerprint, output};

const SCHEMA: u32 = 2;

/// Enough to see that a start is like the last one.
const STARTS: usize = 3;

/// What was measured on one kernel.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Document {
    pub(crate) schema: u32,
    pub(crate) kernel: String,
    pub(crate) unit: Unit,
    /// The instructions from the start of famfs-top to its first numbers: the least of a few.
    pub(crate) start: u64,
    pub(crate) rehearsal: Rehearsal,
}

/// What `famfs-top rehearse` says; in the deterministic lab a nanosecond is an instruction.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Rehearsal {
    pub(crate) files: u64,
    pub(crate) entries_per_interval: u64,
    pub(crate) intervals: u32,
    pub(crate) overflow: u64,
    pub(crate) early_drains: u64,
    pub(crate) interval_ns: u64,
    pub(crate) per_file_ns: f64,
    pub(crate) steps_ns: Steps,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Steps {
    pub(crate) early: u64,
    pub(crate) poll: u64,
    pub(crate) update: u64,
    pub(crate) draw: u64,
}

impl Document {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let document: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no result of `reading`", path.display()))?;
        ensure!(
            document.schema == SCHEMA && document.unit == Unit::Insn,
            "{} is of schema {} in {}, not of schema {SCHEMA} in instructions",
            path.display(),
            document.schema,
            document.unit.name()
        );
        Ok(document)
    }
}

impl Rehearsal {
    /// Reads what `famfs-top rehearse` printed.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not of `famfs-top rehearse`", path.display()))
    }
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let deterministic = env::DETERMINISTIC.text().is_some_and(|value| value == "1");
    let starts = (0..STARTS).map(|_| start()).collect::<Result<Vec<_>>>()?;
    let files = args.files.to_string();
    let text = stdout("famfs-top", &["rehearse", "--files", &files])?;
    let document = Document {
        schema: SCHEMA,
        kernel: fingerprint::guest()?.remove("kernel").unwrap_or_default(),
        unit: Unit::detect(deterministic),
        start: starts.into_iter().min().unwrap_or_default(),
        rehearsal: serde_json::from_str(&text).context("famfs-top rehearse says no such thing")?,
    };
    std::fs::write(&args.out, output::to_json(&document)?)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// famfs-top starts its command when it has attached and polled once: then a screen is drawn.
fn start() -> Result<u64> {
    let own = std::env::current_exe().context("cannot find famfs-bench itself")?;
    let own = own.display().to_string();
    let begin = clock::now();
    let text = stdout("famfs-top", &["--once", "--", &own, "stamp"])?;
    let stamp = text
        .lines()
        .next()
        .and_then(|line| line.parse::<u64>().ok());
    let stamp = stamp.with_context(|| format!("famfs-top's command printed {text:?}"))?;
    Ok(stamp.wrapping_sub(begin))
}

/// The clock, for [`start`].
pub(crate) fn stamp() -> Result<ExitCode> {
    output::text(&format!("{}\n", clock::now()))?;
    Ok(ExitCode::SUCCESS)
}

fn stdout(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {}: {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
