//! Puts the chosen kernels in place, and takes away those that are not wanted any more.
//!
//! A kernel has two pieces, itself with its modules and its headers. Each is unpacked beside its
//! place and moved there when it is whole, so a piece that is there is right, and is not fetched
//! again: not after an interruption, and not when a later look at the index chooses the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::choose::{Candidate, Choice, choose};
use super::{Kernel, Line, dir, image_of};
use crate::kmod;
use crate::paths;
use crate::process::Log;
use crate::setup::apt::{Apt, remove_dir};
use crate::setup::context::{Context, say};

/// What names all packages that a choice is made from.
const NAMES: &str = "^linux-(headers|image|binary|binary-unsigned|modules|kbuild)-[0-9]";

/// Chooses a kernel and makes it ready, or writes down why there is none.
pub(crate) fn make(line: Line, context: &Context<'_>, log: &Log) -> Result<()> {
    let index = context.index(log)?;
    let names = index.names(NAMES)?;
    let choice = choose(line.wanted(), &names, |candidate| {
        obstacle(line, candidate, index, log)
    })?;
    for note in &choice.notes {
        say(note);
    }
    match &choice.taken {
        Some(candidate) => place(line, candidate, &choice.notes, index, log)?,
        None => leave_gap(line, &choice)?,
    }
    remove_unwanted()
}

/// Tries to build the module for a kernel that is not here yet; says why it does not build.
fn obstacle(line: Line, candidate: &Candidate, index: &Apt, log: &Log) -> Result<Option<String>> {
    let release = &candidate.release;
    say(&format!("trying to build famfs.ko for {release}"));
    let new = new_dir(line);
    put_headers(&new, candidate, index, log)?;
    kmod::obstacle(&Kernel {
        line,
        release: release.clone(),
        tools: candidate.tools,
        notes: Vec::new(),
        vmlinuz: PathBuf::new(),
        modules: PathBuf::new(),
        headers: new.join("headers"),
    })
}

fn place(
    line: Line,
    candidate: &Candidate,
    notes: &[String],
    index: &Apt,
    log: &Log,
) -> Result<()> {
    let release = &candidate.release;
    let new = new_dir(line);
    put_headers(&new, candidate, index, log)?;
    let is_kernel = |root: &Path| image_of(root, release).is_ok();
    put(&new.join("root"), is_kernel, |part| {
        index.unpack(&candidate.image, part, log)?;
        let base = if part.join("lib").is_dir() {
            part.to_owned()
        } else {
            part.join("usr")
        };
        log.run(Command::new(depmod()?).arg("-b").arg(base).arg(release))
    })?;
    image_of(&new.join("root"), release)?;
    // An interrupted run may have left it.
    let _ = fs::remove_file(new.join("gap"));
    fs::write(new.join("notes"), notes.join("\n"))?;
    fs::write(new.join("release"), release)?;
    settle(line, &new)?;
    say(&format!("{line} is {release}"));
    Ok(())
}

fn leave_gap(line: Line, choice: &Choice) -> Result<()> {
    let reason = choice.notes.join("; ");
    say(&format!(
        "there is no {line} kernel; what needs it is skipped"
    ));
    let new = new_dir(line);
    remove_dir(&new)?;
    fs::create_dir_all(&new).with_context(|| format!("cannot create {}", new.display()))?;
    fs::write(new.join("gap"), reason)?;
    settle(line, &new)
}

/// Replaces the line's last folder by a new one.
fn settle(line: Line, new: &Path) -> Result<()> {
    let dir = dir(line);
    remove_dir(&dir)?;
    fs::rename(new, &dir).with_context(|| format!("cannot place {}", dir.display()))
}

fn put_headers(new: &Path, candidate: &Candidate, index: &Apt, log: &Log) -> Result<()> {
    let folder = format!("usr/src/linux-headers-{}", candidate.release);
    put(
        &new.join("headers"),
        |headers| headers.join(&folder).is_dir(),
        |part| index.unpack(&candidate.header_packages(), part, log),
    )
}

/// Makes `to` a piece that is right: the one that any kernel's folder has already, or a new one.
fn put(
    to: &Path,
    is_right: impl Fn(&Path) -> bool,
    unpack: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    if is_right(to) {
        return Ok(());
    }
    remove_dir(to)?;
    let folder = to.parent().context("a piece of a kernel has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = to.file_name().context("a piece of a kernel has a name")?;
    for other in folders()? {
        if is_right(&other.join(name)) {
            return fs::rename(other.join(name), to)
                .with_context(|| format!("cannot place {}", to.display()));
        }
    }
    let part = to.with_extension("part");
    remove_dir(&part)?;
    unpack(&part)?;
    fs::rename(&part, to).with_context(|| format!("cannot place {}", to.display()))
}

/// Removes the folders that belong to no line, once every line has been looked for.
fn remove_unwanted() -> Result<()> {
    if !Line::ALL.into_iter().all(|line| dir(line).is_dir()) {
        return Ok(());
    }
    for folder in folders()? {
        if Line::ALL.into_iter().all(|line| dir(line) != folder) {
            remove_dir(&folder)?;
        }
    }
    Ok(())
}

/// All folders of kernels.
fn folders() -> Result<Vec<PathBuf>> {
    let all = paths::setup("kernels");
    let entries = fs::read_dir(&all).with_context(|| format!("cannot read {}", all.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders)
}

fn new_dir(line: Line) -> PathBuf {
    paths::setup("kernels").join(format!("{line}.new"))
}

fn depmod() -> Result<PathBuf> {
    paths::find_program("depmod").context("depmod is missing (package kmod)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_whole_is_not_unpacked_again() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("headers");
        let is_right = |piece: &Path| piece.join("whole").is_file();
        // An interrupted run left half of it.
        fs::create_dir_all(dir.path().join("headers.part")).unwrap();
        fs::write(dir.path().join("headers.part/half"), "").unwrap();
        put(&to, is_right, |part| {
            fs::create_dir_all(part)?;
            fs::write(part.join("whole"), "")?;
            Ok(())
        })
        .unwrap();
        assert!(is_right(&to) && !to.join("half").exists());
        put(&to, is_right, |_| panic!("it is there")).unwrap();
    }
}
