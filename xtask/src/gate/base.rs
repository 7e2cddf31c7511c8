//! The commit to compare with where no baseline fits, and its module's sources.

use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{paths, process};

/// The commit asked for; else where this branch left origin/main; else the commit before this
/// one. A tree that differs from its commit in the module is compared with that commit.
pub(super) fn commit(wanted: Option<&str>) -> Result<Option<String>> {
    if let Some(wanted) = wanted {
        let rev = format!("{wanted}^{{commit}}");
        let found = resolve(&["rev-parse", "--verify", "--quiet", &rev]);
        return found
            .map(Some)
            .with_context(|| format!("there is no commit {wanted}"));
    }
    let Some(head) = resolve(&["rev-parse", "--verify", "--quiet", "HEAD"]) else {
        return Ok(None);
    };
    let fork = resolve(&["merge-base", "HEAD", "origin/main"]);
    if let Some(fork) = fork.filter(|fork| *fork != head) {
        return Ok(Some(fork));
    }
    let edited = resolve(&["status", "--porcelain", "--", "famfs-kmod"]).is_some();
    Ok(if edited {
        Some(head)
    } else {
        resolve(&["rev-parse", "--verify", "--quiet", "HEAD~1"])
    })
}

/// The module's sources of a commit, in a folder of their own.
pub(super) fn sources(rev: &str) -> Result<TempDir> {
    let dir = tempfile::Builder::new()
        .prefix("famfs-gate-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let archive = dir.path().join("sources.tar");
    process::stdout(
        git()
            .arg("archive")
            .arg("--output")
            .arg(&archive)
            .args([rev, "famfs-kmod"]),
    )
    .with_context(|| format!("commit {rev} has no module to compare with"))?;
    let file = std::fs::File::open(&archive).context("cannot open the archive")?;
    tar::Archive::new(file)
        .unpack(dir.path())
        .with_context(|| format!("cannot unpack the sources of commit {rev}"))?;
    Ok(dir)
}

fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(paths::workspace());
    git
}

/// One line that git says; nothing said is nothing found.
fn resolve(args: &[&str]) -> Option<String> {
    let said = process::stdout(git().args(args)).ok()?;
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}
