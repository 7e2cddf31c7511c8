//! Guests under way that measure: one `cargo xtask lab` each, so that several run side by side.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::paths;
use crate::setup::kernels::Line;

/// What the guest's clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One tick an instruction.
    Deterministic,
    /// Time.
    Clock,
}

/// DAX memory of another size than the lab's, in a file that takes only what is written to it.
#[derive(Clone, Debug)]
pub(crate) struct Sparse {
    /// GiB.
    pub(crate) size: u64,
    pub(crate) file: PathBuf,
}

impl Sparse {
    /// An empty one; [`Guest::finish`] removes it.
    fn create(&self) -> Result<()> {
        let named = || format!("cannot create {}", self.file.display());
        let _ = fs::remove_file(&self.file);
        let file = File::create(&self.file).with_context(named)?;
        file.set_len(self.size << 30).with_context(named)
    }
}

/// What to boot, and what to run in it.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) line: Line,
    /// The value of `--memory`; without it, the kernel line's own.
    pub(crate) memory: Option<&'a str>,
    pub(crate) mode: Mode,
    pub(crate) sparse: Option<Sparse>,
    pub(crate) module: &'a Path,
    /// Folder under `target/` whose content the guest gives back as its `/share`.
    pub(crate) share: String,
    /// Put there first.
    pub(crate) files: &'a [&'a Path],
    pub(crate) timeout_s: u32,
    /// QEMU's `-plugin`.
    pub(crate) plugin: Option<String>,
    /// Whether `--tracers` was given.
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
    sparse: Option<Sparse>,
}

impl Guest {
    pub(crate) fn boot(request: &Request<'_>) -> Result<Self> {
        let share = paths::target(&request.share);
        let log = share.with_added_extension("log");
        if share.exists() {
            fs::remove_dir_all(&share)
                .with_context(|| format!("cannot remove {}", share.display()))?;
        }
        // What is in the folder travels into the guest, so there is nothing else: guests must be
        // equal.
        fs::create_dir_all(&share).with_context(|| format!("cannot create {}", share.display()))?;
        for file in request.files {
            let to = share.join(file.file_name().unwrap_or_default());
            fs::copy(file, &to)
                .with_context(|| format!("cannot copy {} to the share", file.display()))?;
        }
        if let Some(sparse) = &request.sparse {
            sparse.create()?;
        }
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
        Ok(Self {
            lab,
            share,
            log,
            sparse: request.sparse.clone(),
        })
    }

    /// Waits for the guest's end and returns its share, which holds `wanted`.
    pub(crate) fn finish(mut self, wanted: &str) -> Result<PathBuf> {
        let status = self.lab.wait().context("cannot wait for xtask lab")?;
        if let Some(sparse) = &self.sparse {
            fs::remove_file(&sparse.file)
                .with_context(|| format!("cannot remove {}", sparse.file.display()))?;
        }
        if !status.success() || !self.share.join(wanted).is_file() {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            bail!("the measurement failed ({status}):\n{}", said.trim_end());
        }
        Ok(self.share)
    }
}

fn arguments(request: &Request<'_>, share: &Path) -> Vec<OsString> {
    let mut list: Vec<OsString> = vec!["lab".into()];
    if request.mode == Mode::Deterministic {
        list.push("--deterministic".into());
    }
    list.extend(["--timeout".into(), request.timeout_s.to_string().into()]);
    list.extend(["--kernel".into(), request.line.to_string().into()]);
    if let Some(memory) = request.memory {
        list.extend(["--memory".into(), memory.into()]);
    }
    if let Some(Sparse { size, file }) = &request.sparse {
        list.extend(["--size".into(), format!("{size}G").into()]);
        list.extend(["--memory-file".into(), file.into()]);
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
