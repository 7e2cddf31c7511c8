//! Programs of this machine: what is missing is installed with apt-get.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::apt;
use super::context::{Context, say};
use crate::paths;
use crate::process::{self, Log};

/// A program (or file, when absolute) and the Debian package that has it.
struct Wanted {
    file: &'static str,
    package: &'static str,
}

const WANTED: &[Wanted] = &[
    Wanted {
        file: QEMU,
        package: "qemu-system-x86",
    },
    Wanted {
        file: "mmdebstrap",
        package: "mmdebstrap",
    },
    Wanted {
        file: apt::KEYRING,
        package: "debian-archive-keyring",
    },
    Wanted {
        file: "xz",
        package: "xz-utils",
    },
    Wanted {
        file: "zstd",
        package: "zstd",
    },
    Wanted {
        file: "depmod",
        package: "kmod",
    },
    Wanted {
        file: "make",
        package: "make",
    },
    Wanted {
        file: "gcc",
        package: "gcc",
    },
    // The headers of 6.12 put type information into modules with it.
    Wanted {
        file: "pahole",
        package: "pahole",
    },
    // Their objtool links it.
    Wanted {
        file: "/usr/lib/x86_64-linux-gnu/libelf.so.1",
        package: "libelf1",
    },
    Wanted {
        file: "dpkg-deb",
        package: "dpkg",
    },
    Wanted {
        file: "unshare",
        package: "util-linux",
    },
];

const QEMU: &str = "qemu-system-x86_64";

/// The emulated CXL device is tried from this major version on.
const QEMU_MAJOR: u32 = 10;

pub(super) fn key() -> String {
    let names: Vec<&str> = WANTED.iter().map(|wanted| wanted.package).collect();
    names.join("\n")
}

pub(super) fn present() -> bool {
    missing().is_empty()
}

fn missing() -> Vec<&'static Wanted> {
    WANTED
        .iter()
        .filter(|wanted| {
            if wanted.file.starts_with('/') {
                !Path::new(wanted.file).exists()
            } else {
                paths::find_program(wanted.file).is_none()
            }
        })
        .collect()
}

pub(super) fn make(context: &Context<'_>, log: &Log) -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|wanted| wanted.package).collect();
    if let Some(reason) = cannot_install() {
        let files: Vec<&str> = missing.iter().map(|wanted| wanted.file).collect();
        bail!(
            "this machine lacks {}, and setup cannot install it because {reason}; install the \
             packages {} (Debian's names) and run `cargo xtask setup` again",
            files.join(", "),
            names.join(" ")
        );
    }
    let plain: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| *name != "qemu-system-x86")
        .collect();
    if !plain.is_empty() {
        say(&format!("installing {}", plain.join(" ")));
        install(&plain, log)?;
    }
    if plain.len() < names.len() {
        install_qemu(context, log)?;
    }
    Ok(())
}

fn cannot_install() -> Option<&'static str> {
    if paths::find_program("apt-get").is_none() {
        return Some("there is no apt-get");
    }
    (!process::is_root()).then_some("it does not run as root")
}

/// Installs from the machine's own sources; its index is refreshed only when that fails.
fn install(packages: &[&str], log: &Log) -> Result<()> {
    let attempt = || {
        let mut command = Command::new("apt-get");
        command.args(["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"]);
        command
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages);
        log.run(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    if attempt().is_ok() {
        return Ok(());
    }
    // A foreign source that fails to update must not matter: the install decides.
    let _ = log.run(Command::new("apt-get").arg("update"));
    process::retry(attempt)
}

/// QEMU comes from the suite's backports where the suite's own is too old for CXL.
fn install_qemu(context: &Context<'_>, log: &Log) -> Result<()> {
    let os = apt::os_release()?;
    if os.id != "debian" {
        say("installing qemu-system-x86");
        return install(&["qemu-system-x86"], log);
    }
    let suite = format!("{}-backports", os.codename);
    let mirror = apt::mirror(context.args.mirror.as_deref())?;
    let apt = apt::Apt::host_with_backports(&mirror, &os.codename)?;
    if let Err(error) = apt.update(log) {
        say(&format!(
            "{suite} cannot be read, taking this suite's QEMU: {error}"
        ));
        return install(&["qemu-system-x86"], log);
    }
    let policy = process::stdout(apt.command("apt-cache").args(["policy", "qemu-system-x86"]))?;
    let from_backports = candidate_major(&policy).is_none_or(|major| major < QEMU_MAJOR);
    let mut options: Vec<&str> = vec!["install", "--yes", "--no-install-recommends"];
    if from_backports {
        options.extend(["-t", &suite]);
    }
    say(&format!(
        "installing qemu-system-x86{}",
        if from_backports {
            " from backports"
        } else {
            ""
        }
    ));
    process::retry(|| log.run(apt.command("apt-get").args(&options).arg("qemu-system-x86")))
}

/// The major version in the `Candidate:` line of `apt-cache policy`.
fn candidate_major(policy: &str) -> Option<u32> {
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    let upstream = version
        .split_once(':')
        .map_or(version, |(_epoch, rest)| rest);
    upstream.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_s_major_version_is_read_past_the_epoch() {
        let policy = "qemu-system-x86:\n  Installed: (none)\n  Candidate: 1:7.2+dfsg-7\n";
        assert_eq!(candidate_major(policy), Some(7));
        assert_eq!(candidate_major("  Candidate: 10.0.2+ds-2"), Some(10));
        assert_eq!(candidate_major("  Candidate: (none)"), None);
    }
}
