//! The kernel's own checkers on the module: checkpatch and sparse. What each may say, and why, is
//! listed here and argued in `docs/decisions/0005-checker-exceptions.md`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{Outcome, tree};
use crate::process::Log;
use crate::setup::kernels::{self, Line};
use crate::setup::{Args, apt::remove_dir, chroot, debugkernel};
use crate::{kmod, paths};

/// Findings of a kind that are accepted in a file.
struct Exception {
    /// A file of `famfs-kmod`, by its end; empty for all.
    file: &'static str,
    kind: &'static str,
}

const CHECKPATCH: &[Exception] = &[
    Exception {
        file: "compat/compat.h",
        kind: "LINUX_VERSION_CODE",
    },
    Exception {
        file: "compat/compat.h",
        kind: "CONSTANT_COMPARISON",
    },
    Exception {
        file: "compat/compat.h",
        kind: "SPACING",
    },
    Exception {
        file: "",
        kind: "ALLOC_WITH_SIZEOF",
    },
    Exception {
        file: "trace.h",
        kind: "OPEN_ENDED_LINE",
    },
    Exception {
        file: "trace.h",
        kind: "PARENTHESIS_ALIGNMENT",
    },
];

const SPARSE: &[Exception] = &[Exception {
    file: "main.c",
    kind: "bad constant expression",
}];

const SCRIPTS: &[&str] = &["checkpatch.pl", "spelling.txt", "const_structs.checkpatch"];

/// checkpatch --strict. Its script comes with the kernel's source, 170 MB: fetched only when
/// this check is asked for by name.
pub(super) fn checkpatch(asked: bool) -> Result<Outcome> {
    let Some(script) = script(asked)? else {
        return Ok(Outcome::Skipped(
            "checkpatch.pl comes with the kernel's source; `cargo xtask check --only style` \
             fetches it (170 MB, once)"
                .into(),
        ));
    };
    let sources = sources()?;
    let mut command = Command::new("perl");
    command
        .arg(script)
        .args([
            "--no-tree",
            "--terse",
            "--no-summary",
            "--show-types",
            "--strict",
            "-f",
        ])
        .args(&sources)
        .current_dir(paths::workspace());
    // It ends with 1 when it has found something, which may all be excepted.
    let output = command.output().context("cannot run perl")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !said.trim().is_empty() {
        bail!("checkpatch.pl says: {}", said.trim());
    }
    judge("checkpatch --strict", &text, sources.len(), CHECKPATCH)
}

fn sources() -> Result<Vec<PathBuf>> {
    Ok(tree::files()?
        .into_iter()
        .filter(|file| file.starts_with("famfs-kmod"))
        .filter(|file| file.extension().is_some_and(|end| end == "c" || end == "h"))
        .collect())
}

fn judge(tool: &str, text: &str, files: usize, exceptions: &[Exception]) -> Result<Outcome> {
    let (findings, excepted) = sift(text, exceptions);
    if findings.is_empty() {
        return Ok(Outcome::Passed(format!(
            "{tool}, {files} files, {excepted} findings excepted"
        )));
    }
    bail!(
        "{tool}: {} findings:\n{}",
        findings.len(),
        findings.join("\n")
    )
}

/// The findings that no exception covers, and how many one does.
fn sift<'a>(text: &'a str, exceptions: &[Exception]) -> (Vec<&'a str>, usize) {
    let (excepted, findings): (Vec<&str>, Vec<&str>) = text
        .lines()
        .filter(|line| line.contains(": "))
        .partition(|line| {
            let file = line.split(':').next().unwrap_or_default();
            exceptions.iter().any(|exception| {
                let kind = format!(":{}:", exception.kind);
                file.ends_with(exception.file)
                    && (line.contains(&kind) || line.ends_with(exception.kind))
            })
        });
    (findings, excepted.len())
}

/// The script: of the debugging kernel's source, or fetched for itself.
fn script(may_fetch: bool) -> Result<Option<PathBuf>> {
    let own = paths::target("checkpatch");
    for dir in [debugkernel::source().join("scripts"), own.clone()] {
        if SCRIPTS.iter().all(|name| dir.join(name).is_file()) {
            return Ok(Some(dir.join(SCRIPTS[0])));
        }
    }
    if !may_fetch {
        return Ok(None);
    }
    let log = Log::create(paths::target("checkpatch.log"))?;
    let args = Args::default();
    let context = args.context();
    let package = paths::target("checkpatch.package");
    remove_dir(&package)?;
    let name = debugkernel::package();
    context
        .index(&log)?
        .unpack(std::slice::from_ref(&name), &package, &log)?;
    let tarball = package.join(format!("usr/src/{name}.tar.xz"));
    fs::create_dir_all(&own)?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xf").arg(tarball).arg("-C").arg(&own);
    unpack.arg("--strip-components=2");
    unpack.args(
        SCRIPTS
            .iter()
            .map(|script| format!("{name}/scripts/{script}")),
    );
    log.run(&mut unpack)?;
    remove_dir(&package)?;
    Ok(Some(own.join(SCRIPTS[0])))
}

/// sparse on the module against the headers of each kernel.
pub(super) fn sparse(asked: bool) -> Result<Outcome> {
    let program = chroot::root().join("usr/bin/sparse");
    let log = Log::create(paths::target("sparse/fetch.log"))?;
    if !program.is_file() {
        if !asked {
            return Ok(Outcome::Skipped(
                "sparse is not in the build chroot; `cargo xtask check --only sparse` puts it there"
                    .into(),
            ));
        }
        let args = Args::default();
        let context = args.context();
        let index = context.index(&log)?;
        index.unpack_folder("sparse", "usr/bin", &chroot::root(), &log)?;
    }
    let (mut findings, mut checked) = (String::new(), 0);
    for line in kernels::to_run_on(None)? {
        let (found, files) = sparse_on(line)?;
        findings += &found;
        checked += files;
    }
    judge("sparse", &findings, checked, SPARSE)
}

/// Its findings against the headers of one kernel, and how many files it has read.
fn sparse_on(line: Line) -> Result<(String, usize)> {
    let log = Log::create(paths::target(format!("sparse/{line}.log")))?;
    let kernel = kernels::installed(line)?;
    let copy = paths::target("sparse/src");
    remove_dir(&copy)?;
    kmod::copy_sources(&copy)?;
    // It is in the chroot, whatever builds the module; so is this compiler.
    let mut make = kmod::in_chroot(&kernel, &copy);
    make.arg("CC=gcc-14");
    // Debian's headers lack the script that asks whether sparse is new enough; it is not: it
    // does not know an operator of newer headers, which another one stands in for.
    make.args(["C=2", "KBUILD_CHECKSRC=2"])
        .args(["CF=-D__typeof_unqual__=__typeof__", "modules"])
        .env_remove("MAKEFLAGS");
    log.run(&mut make)?;
    let text = log.text()?;
    let checked = text
        .lines()
        .filter(|line| line.trim_start().starts_with("CHECK "))
        .count();
    if checked == 0 {
        bail!("sparse looked at no file; the output is in target/sparse/{line}.log");
    }
    let mut findings = String::new();
    for line in text.lines() {
        if line.contains(" warning: ") || line.contains(" error: ") {
            findings.push_str(line.trim_start_matches("/mnt/"));
            findings.push('\n');
        }
    }
    Ok((findings, checked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_holds_for_its_file_and_kind_only() {
        let text = "\
famfs-kmod/trace.h:23: CHECK:PARENTHESIS_ALIGNMENT: Alignment should match open parenthesis
famfs-kmod/place.c:67: CHECK:PARENTHESIS_ALIGNMENT: Alignment should match open parenthesis
famfs-kmod/super.c:200: WARNING:ALLOC_WITH_SIZEOF: Prefer kzalloc_obj over kzalloc with sizeof
famfs-kmod/trace.h:5: WARNING:LONG_LINE: line length of 120 exceeds 100 columns
";
        let (findings, excepted) = sift(text, CHECKPATCH);
        assert_eq!(excepted, 2);
        assert_eq!(findings.len(), 2);
        assert!(findings[0].starts_with("famfs-kmod/place.c:67"));
        assert!(findings[1].contains("LONG_LINE"));
    }

    #[test]
    fn sparse_findings_are_sifted_by_their_end() {
        let text = "main.c:28:1: error: bad constant expression\n\
                    fault.c:88:58: warning: incorrect type in argument 7 (different base types)\n";
        let (findings, excepted) = sift(text, SPARSE);
        assert_eq!((findings.len(), excepted), (1, 1));
        let other = "map.c:1:1: error: bad constant expression\n";
        assert_eq!(sift(other, SPARSE).0.len(), 1);
    }

    #[test]
    fn nothing_said_is_nothing_found() {
        assert_eq!(sift("", CHECKPATCH), (Vec::new(), 0));
        assert!(judge("x", "", 3, CHECKPATCH).is_ok());
        assert!(judge("x", "a.c:1: ERROR:CODE: bad\n", 3, CHECKPATCH).is_err());
    }
}
