//! The lab's kernels: stock Debian builds of two lines, at the newest patch level offered.

use std::cmp::Ordering;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt::{Apt, remove_dir};
use super::{Context, debugkernel, say};
use crate::paths;
use crate::process::Log;

/// A kernel line that the lab runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub(crate) enum Line {
    /// The long-term line: pmem only.
    #[value(name = "6.12")]
    V6_12,
    /// The current line: pmem, fsdev and CXL.
    #[value(name = "7.3")]
    V7_3,
    /// The current line, built here with every check that finds a kernel's bugs.
    #[value(name = "debug")]
    Debug,
}

impl Line {
    /// Every line that Debian builds, oldest first.
    pub(crate) const ALL: [Self; 2] = [Self::V6_12, Self::V7_3];

    /// The name on the command line and in paths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V6_12 => "6.12",
            Self::V7_3 => "7.3",
            Self::Debug => "debug",
        }
    }

    /// The line of the sources: what it can do, and whose known messages it prints.
    pub(crate) fn series(self) -> &'static str {
        match self {
            Self::V6_12 => "6.12",
            Self::V7_3 | Self::Debug => "7.3",
        }
    }

    /// The archive's mark in the release: 6.12 is taken as built for Debian 12, whose headers
    /// work with older host tools; 7.3 exists for Debian 13 only.
    fn mark(self) -> &'static str {
        match self {
            Self::V6_12 => "+deb12",
            Self::V7_3 | Self::Debug => "+deb13",
        }
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
    pub(crate) vmlinuz: PathBuf,
    /// `lib/modules/<release>`: modules (`.ko.xz`) and the `modules.dep` made by depmod.
    pub(crate) modules: PathBuf,
    /// Root of the unpacked header packages (6.12; those of 7.3 are in the build chroot).
    pub(crate) headers: PathBuf,
}

fn dir(line: Line) -> PathBuf {
    paths::setup("kernels").join(line.name())
}

/// The kernel of a line, as set-up left it.
pub(crate) fn installed(line: Line) -> Result<Kernel> {
    if line == Line::Debug {
        return debugkernel::installed();
    }
    let dir = dir(line);
    let release = fs::read_to_string(dir.join("release"))
        .with_context(|| format!("kernel {line} is not set up; run `cargo xtask setup`"))?;
    let modules = ["root/usr/lib/modules", "root/lib/modules"]
        .map(|sub| dir.join(sub).join(&release))
        .into_iter()
        .find(|path| path.join("modules.dep").is_file())
        .with_context(|| format!("no modules of {release} under {}", dir.display()))?;
    let vmlinuz = [
        dir.join("root/boot").join(format!("vmlinuz-{release}")),
        modules.join("vmlinuz"),
    ]
    .into_iter()
    .find(|path| path.is_file())
    .with_context(|| format!("no kernel image of {release} under {}", dir.display()))?;
    Ok(Kernel {
        line,
        release,
        vmlinuz,
        modules,
        headers: dir.join("headers"),
    })
}

pub(super) fn key(line: Line) -> String {
    format!("{line} {} image modules headers\n", line.mark())
}

pub(super) fn make(line: Line, context: &Context<'_>, log: &Log) -> Result<()> {
    let index = context.index(log)?;
    let release = newest_release(index, line)?;
    say(&format!("newest of the line: {release}"));
    let new = paths::setup("kernels").join(format!("{line}.new"));
    remove_dir(&new)?;
    index.unpack(
        &image_packages(index, line, &release)?,
        &new.join("root"),
        log,
    )?;
    if line == Line::V6_12 {
        index.unpack(&header_packages(&release), &new.join("headers"), log)?;
    }
    let base = if new.join("root/lib").is_dir() {
        "root"
    } else {
        "root/usr"
    };
    log.run(
        Command::new(depmod()?)
            .arg("-b")
            .arg(new.join(base))
            .arg(&release),
    )?;
    fs::write(new.join("release"), &release)?;
    remove_dir(&dir(line))?;
    fs::rename(&new, dir(line)).with_context(|| format!("cannot place {}", dir(line).display()))
}

fn depmod() -> Result<PathBuf> {
    paths::find_program("depmod").context("depmod is missing (package kmod)")
}

/// Headers go first when a patch level leaves the archive, so they say what can be used.
fn newest_release(index: &Apt, line: Line) -> Result<String> {
    let pattern = format!("^linux-headers-{}\\.", line.name().replace('.', "\\."));
    let names = index.names(&pattern)?;
    newest(&names, line)
        .with_context(|| format!("the package index has no linux-headers of the {line} line with the mark {}; has the suite moved to a newer line?", line.mark()))
}

/// The newest `linux-headers-RELEASE` of a line, as `RELEASE`.
fn newest(names: &[String], line: Line) -> Option<String> {
    names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-headers-"))
        .filter(|release| {
            release
                .strip_suffix("-amd64")
                .is_some_and(|version| version.contains(line.mark()) && !version.contains('-'))
        })
        .max_by(|a, b| compare(a, b))
        .map(str::to_owned)
}

/// Compares by the numbers before the architecture.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.trim_end_matches("-amd64")
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|n| n.parse().ok())
            .collect()
    };
    numbers(a).cmp(&numbers(b))
}

/// Since 7.x the `linux-image` package is empty and its content lies in two others.
fn image_packages(index: &Apt, line: Line, release: &str) -> Result<Vec<String>> {
    let pattern = format!(
        "^linux-(image|binary|binary-unsigned|modules)-{}",
        release.replace('+', "\\+")
    );
    let names = index.names(&pattern)?;
    let first = |wanted: &[String]| -> Result<String> {
        match wanted.iter().find(|name| names.contains(name)) {
            Some(name) => Ok(name.clone()),
            None => bail!("the package index has none of {}", wanted.join(", ")),
        }
    };
    match line {
        Line::V6_12 => Ok(vec![first(&[
            format!("linux-image-{release}"),
            format!("linux-image-{release}-unsigned"),
        ])?]),
        Line::V7_3 | Line::Debug => Ok(vec![
            first(&[
                format!("linux-binary-{release}"),
                format!("linux-binary-unsigned-{release}"),
            ])?,
            first(&[format!("linux-modules-{release}")])?,
        ]),
    }
}

fn header_packages(release: &str) -> Vec<String> {
    let version = release.trim_end_matches("-amd64");
    vec![
        format!("linux-headers-{release}"),
        format!("linux-headers-{version}-common"),
        format!("linux-kbuild-{version}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_plain_release_of_the_line_is_taken() {
        let names: Vec<String> = [
            "linux-headers-6.12.95+deb12-amd64",
            "linux-headers-6.12.107+deb13-amd64",
            "linux-headers-6.12.9+deb12-amd64",
            "linux-headers-6.12.95+deb12.1-amd64",
            "linux-headers-6.12.99+deb12-cloud-amd64",
            "linux-headers-6.12.99+deb12-rt-amd64",
            "linux-headers-6.12.99+deb12-common",
        ]
        .map(String::from)
        .to_vec();
        assert_eq!(
            newest(&names, Line::V6_12).as_deref(),
            Some("6.12.95+deb12.1-amd64")
        );
        assert_eq!(
            newest(&names, Line::V7_3).as_deref(),
            Some("6.12.107+deb13-amd64")
        );
        assert_eq!(newest(&names[4..], Line::V6_12), None);
    }
}
