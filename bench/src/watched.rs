//! `famfs-bench watched`: the same faults again and again, each time with another instrument on.
//!
//! Everything is measured in one boot on one file, so what differs is the instrument alone.

mod instrument;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use famfs_cli::env;
use serde::{Deserialize, Serialize};

use self::instrument::{ALL, Instrument};
use crate::cli::Watched as Args;
use crate::output;
use crate::result::Outcome;
use crate::target::{self, Kind, Sizes, Spec, Unready};

pub(crate) use self::instrument::{AGAIN, FLOOR, NOTHING, SUBJECT, is_peer};

pub(crate) const SCHEMA: u32 = 1;

/// What was measured on one kernel.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Document {
    pub(crate) schema: u32,
    pub(crate) watched: Vec<Watched>,
}

/// One instrument's run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Watched {
    pub(crate) instrument: String,
    pub(crate) outcome: Outcome,
}

impl Document {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let document: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no result of `watched`", path.display()))?;
        ensure!(
            document.schema == SCHEMA,
            "{} has schema {}, this famfs-bench reads {SCHEMA}",
            path.display(),
            document.schema
        );
        Ok(document)
    }
}

pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let spec = Spec {
        kind: Kind::Famfs,
        file: None,
    };
    let device = env::DEVICE.get().map(PathBuf::from);
    let prepared = target::prepare(&spec, device.as_deref(), args.size, Sizes::Both);
    let prepared = prepared.map_err(|unready| match unready {
        Unready::Skip(reason) => anyhow::anyhow!("famfs cannot be measured: {reason}"),
        Unready::Failed(error) => error.context("cannot prepare a file to measure"),
    })?;
    let folder = std::env::temp_dir().join(format!("famfs-bench-{}-watched", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let watched = ALL
        .iter()
        .map(|instrument| {
            measure(instrument, &prepared.file, &folder, args)
                .with_context(|| format!("cannot measure with {} on", instrument.name))
        })
        .collect::<Result<Vec<_>>>();
    let removed = std::fs::remove_dir_all(&folder);
    prepared.close()?;
    let document = Document {
        schema: SCHEMA,
        watched: watched?,
    };
    removed.with_context(|| format!("cannot remove {}", folder.display()))?;
    std::fs::write(&args.out, output::to_json(&document)?)
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the workload under the instrument, and makes sure that the instrument saw it.
fn measure(instrument: &Instrument, file: &Path, folder: &Path, args: &Args) -> Result<Watched> {
    let out = folder.join("result.json");
    let own = std::env::current_exe().context("cannot find famfs-bench itself")?;
    let workload: Vec<String> = [
        own.display().to_string(),
        "run".into(),
        "--target".into(),
        format!("famfs:{}", file.display()),
        "--size".into(),
        args.size.to_string(),
        "--pte-touches".into(),
        args.pte_touches.to_string(),
        "--out".into(),
        out.display().to_string(),
    ]
    .into();
    let words = instrument.around(&workload, &args.tracers);
    let output = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", words[0]))?;
    let said = || {
        let text = [&output.stdout[..], &output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.chars().take(4000).collect::<String>()
    };
    ensure!(output.status.success(), "{}: {}", output.status, said());
    let stdout = String::from_utf8_lossy(&output.stdout);
    ensure!(
        instrument.saw.is_none_or(|mark| stdout.contains(mark)),
        "it saw no fault: {}",
        said()
    );
    let outcome = Outcome::read(&out)?;
    std::fs::remove_file(&out)?;
    Ok(Watched {
        instrument: instrument.name.to_owned(),
        outcome,
    })
}
