//! Baselines: what a fault cost when somebody last looked, one file per fingerprint.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::rules::{Row, Side};
use crate::fingerprint::{self, Fingerprint};
use crate::result::{Geometry, SCHEMA};

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Baseline {
    schema: u32,
    fingerprint: Fingerprint,
    geometry: Geometry,
    rows: BTreeMap<String, Row>,
}

impl Baseline {
    pub(crate) fn of(side: &Side) -> Self {
        Self {
            schema: SCHEMA,
            fingerprint: side.fingerprint.clone(),
            geometry: side.geometry,
            rows: side.rows.clone(),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the baseline {}", path.display()))?;
        let baseline: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no baseline", path.display()))?;
        ensure!(
            baseline.schema == SCHEMA,
            "the baseline {} has schema {}, this famfs-bench reads {SCHEMA}",
            path.display(),
            baseline.schema
        );
        Ok(baseline)
    }

    fn into_side(self) -> Side {
        Side {
            fingerprint: self.fingerprint,
            geometry: self.geometry,
            rows: self.rows,
        }
    }
}

/// `6.12.95-amd64-0123456789abcdef.json`
pub(crate) fn file_name(side: &Side) -> String {
    let kernel = side
        .fingerprint
        .get("kernel")
        .map_or("unknown", String::as_str);
    let release = kernel.split(' ').next().unwrap_or("unknown");
    let release: String = release
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || ".-_+".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("{release}-{}.json", fingerprint::id(&side.fingerprint))
}

/// The baseline of this side's fingerprint, and its name.
pub(crate) fn find(dir: &Path, side: &Side) -> Result<Option<(Side, String)>> {
    let path = dir.join(file_name(side));
    if !path.exists() {
        return Ok(None);
    }
    let baseline = Baseline::read(&path)?;
    Ok(Some((baseline.into_side(), path.display().to_string())))
}

/// Says how the most similar baseline differs, which is why there is none for this side.
pub(crate) fn nearest(dir: &Path, side: &Side) -> Result<Vec<String>> {
    let mut best: Option<(Vec<String>, PathBuf)> = None;
    for path in json_files(dir)? {
        let baseline = Baseline::read(&path)?;
        let differences = fingerprint::differences(&baseline.fingerprint, &side.fingerprint);
        if best
            .as_ref()
            .is_none_or(|(least, _)| differences.len() < least.len())
        {
            best = Some((differences, path));
        }
    }
    Ok(best.map_or_else(Vec::new, |(differences, path)| {
        let mut said = vec![format!("the nearest is {}; it differs in:", path.display())];
        said.extend(differences);
        said
    }))
}

fn json_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot list {}", dir.display()));
        }
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("cannot list {}", dir.display()))?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    Ok(paths)
}
