//! Deterministic guests under way: one `cargo xtask lab` each, so that several run side by side.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::paths;
use crate::setup::kernels::Line;

/// What to boot, and what to run in it.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) line: Line,
    /// Of `--memory`; the kernel line's own without.
    pub(crate) memory: Option<&'a str>,
    pub(crate) module: &'a Path,
    /// Folder under `target/` whose content the guest gives back as its `/share`.
    pub(crate) share: String,
    pub(crate) timeout_s: u32,
    /// QEMU's `-plugin`.
    pub(crate) plugin: Option<String>,
    /// Of `--tracers`.
    pub(crate) tracers: bool,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) command: &'a [&'a str],
}

/// One guest under way.
#[derive(Debug)]
pub(crate) struct Guest {
    lab: Child,
    share: PathBuf,
    log: PathBuf,
}

impl Guest {
    pub(crate) fn boot(request: &Request<'_>) -> Result<Self> {
        let share = paths::target(&request.share);
        let log = share.with_added_extension("log");
        if share.exists() {
            fs::remove_dir_all(&share)
                .with_context(|| format!("cannot remove {}", share.display()))?;
        }
        // What is in the folder travels into the guest, so it is empty: guests must be equal.
        fs::create_dir_all(&share).with_context(|| format!("cannot create {}", share.display()))?;
        let output =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let lab = Command::new(std::env::current_exe().context("cannot find xtask itself")?)
            .args(arguments(request, &share))
            .envs(request.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot run xtask lab")?;
        Ok(Self { lab, share, log })
    }

    /// Waits for the guest's end and returns its share, which holds `wanted`.
    pub(crate) fn finish(mut self, wanted: &str) -> Result<PathBuf> {
        let status = self.lab.wait().context("cannot wait for xtask lab")?;
        if !status.success() || !self.share.join(wanted).is_file() {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            bail!("the measurement failed ({status}):\n{}", said.trim_end());
        }
        Ok(self.share)
    }
}

fn arguments(request: &Request<'_>, share: &Path) -> Vec<OsString> {
    let mut list: Vec<OsString> = ["lab", "--deterministic", "--timeout"]
        .map(OsString::from)
        .into();
    list.push(request.timeout_s.to_string().into());
    list.extend(["--kernel".into(), request.line.to_string().into()]);
    if let Some(memory) = request.memory {
        list.extend(["--memory".into(), memory.into()]);
    }
    if let Some(plugin) = &request.plugin {
        list.extend(["--plugin".into(), plugin.into()]);
    }
    if request.tracers {
        list.push("--tracers".into());
    }
    list.extend([
        "--module".into(),
        request.module.into(),
        "--share".into(),
        share.into(),
        "--".into(),
    ]);
    list.extend(request.command.iter().map(OsString::from));
    list
}
