//! The lab's kernels: stock Debian builds, chosen by what they are for.

mod asked;
mod choose;
mod fetch;
mod survey;
mod wanted;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use lab_init::Memory;

pub(crate) use self::asked::Asked;
pub(super) use self::fetch::make;
pub(crate) use self::survey::{Survey, first, present, survey, to_run_on};
pub(crate) use self::wanted::{SUPPORTED, TABLE, Tools, Version, Wanted};
use super::debugkernel;
use super::doctored::Doctored;
use crate::paths;

/// What a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    /// What distributions ship for years.
    Lts,
    /// The newest that the module builds for.
    Current,
    /// The current one's sources, built here with every check that finds a kernel's bugs.
    Debug,
}

impl Line {
    /// Every line that Debian builds, oldest first.
    pub(crate) const ALL: [Self; 2] = [Self::Lts, Self::Current];

    /// The name on the command line and in paths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lts => "lts",
            Self::Current => "current",
            Self::Debug => "debug",
        }
    }

    /// What is wanted of it; of the debugging kernel what is wanted of its sources.
    pub(crate) fn wanted(self) -> &'static Wanted {
        match self {
            Self::Lts => &TABLE[0],
            Self::Current | Self::Debug => &TABLE[1],
        }
    }

    /// How DAX memory can be presented to it, the usual way first.
    pub(crate) fn memories(self) -> &'static [Memory] {
        self.wanted().memories
    }

    /// The version that is set up, such as `7.3`, or the line's name.
    pub(crate) fn series(self) -> String {
        installed(self).map_or_else(|_| self.name().to_owned(), |kernel| kernel.series())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kernel on this machine, ready to boot.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(crate) line: Line,
    /// `uname -r`, such as `6.12.95+deb12-amd64`.
    pub(crate) release: String,
    /// What builds a module for it.
    pub(crate) tools: Tools,
    /// Why it is not another one; empty where there is nothing to say.
    pub(crate) notes: Vec<String>,
    pub(crate) vmlinuz: PathBuf,
    /// `lib/modules/<release>`: modules (`.ko.xz`) and the `modules.dep` made by depmod.
    pub(crate) modules: PathBuf,
    /// Root of the unpacked header packages; of the debugging kernel its own folder.
    pub(crate) headers: PathBuf,
}

impl Kernel {
    /// The version that decides what it can do, and whose known messages it prints.
    pub(crate) fn series(&self) -> String {
        Version::of_release(&self.release)
            .map_or_else(|| self.release.clone(), |version| version.to_string())
    }

    /// The release without the architecture, as folders of headers are named.
    pub(crate) fn version(&self) -> &str {
        self.release.trim_end_matches("-amd64")
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel {}: {}", self.line, self.release)?;
        if !self.notes.is_empty() {
            write!(f, " ({})", self.notes.join("; "))?;
        }
        Ok(())
    }
}

fn dir(line: Line) -> PathBuf {
    paths::setup("kernels").join(line.name())
}

/// The kernel of a line, as set-up left it.
pub(crate) fn installed(line: Line) -> Result<Kernel> {
    if line == Line::Debug {
        return debugkernel::installed();
    }
    if let Some(reason) = gap(line) {
        bail!(
            "there is no {line} kernel: {reason}; `cargo xtask setup --upgrade` looks again, and \
             --kernel takes another"
        );
    }
    let dir = dir(line);
    let release = fs::read_to_string(dir.join("release"))
        .with_context(|| format!("kernel {line} is not set up; run `cargo xtask setup`"))?;
    let (vmlinuz, modules) = image_of(&dir.join("root"), &release)?;
    let builds = line.wanted().builds;
    let build = builds.iter().find(|build| release.contains(build.mark));
    let build = build.with_context(|| {
        format!("{release} is no kernel for `{line}`; run `cargo xtask setup --upgrade`")
    })?;
    let notes = fs::read_to_string(dir.join("notes")).unwrap_or_default();
    Ok(Kernel {
        line,
        release,
        tools: build.tools,
        notes: notes.lines().map(str::to_owned).collect(),
        vmlinuz,
        modules,
        headers: dir.join("headers"),
    })
}

/// Why set-up found no kernel for a line, if it found none.
fn gap(line: Line) -> Option<String> {
    fs::read_to_string(dir(line).join("gap")).ok()
}

/// The kernel and the modules in a root that packages were unpacked to.
fn image_of(root: &Path, release: &str) -> Result<(PathBuf, PathBuf)> {
    let modules = ["usr/lib/modules", "lib/modules"]
        .map(|sub| root.join(sub).join(release))
        .into_iter()
        .find(|path| path.join("modules.dep").is_file())
        .with_context(|| format!("no modules of {release} under {}", root.display()))?;
    let vmlinuz = [
        root.join("boot").join(format!("vmlinuz-{release}")),
        modules.join("vmlinuz"),
    ]
    .into_iter()
    .find(|path| path.is_file())
    .with_context(|| format!("no kernel image of {release} under {}", root.display()))?;
    Ok((vmlinuz, modules))
}

/// Whether set-up has looked for the line, and what it found is there.
pub(super) fn is_settled(line: Line) -> bool {
    gap(line).is_some()
        || installed(line).is_ok_and(|kernel| {
            let folder = format!("usr/src/linux-headers-{}", kernel.release);
            kernel.headers.join(folder).is_dir()
        })
}

/// What the choice follows from, besides the index.
pub(super) fn key(line: Line) -> Result<String> {
    Ok(format!(
        "{:?} {SUPPORTED} {}\n",
        line.wanted(),
        Doctored::from_env()?.key()
    ))
}
