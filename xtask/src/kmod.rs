//! `cargo xtask build-kmod`: famfs.ko for each kernel of the lab.
//!
//! A build runs on a copy of the sources, never in the tree, and only when the sources, the
//! kernel, the compiler or the options changed. 6.12 builds on this machine against unpacked
//! headers; 7.3 builds in the chroot.

mod dkms;
mod headers;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, Log};
use crate::setup::kernels::{self, Kernel, Line};
use crate::setup::{chroot, debugkernel, workshop};
use crate::{paths, setup};

/// Options of `cargo xtask build-kmod`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-kmod                  both kernels, into target/kmod/<kernel>/famfs.ko
  cargo xtask build-kmod --kernel 7.3     one kernel
  cargo xtask build-kmod --all-headers    a table of every set of headers Debian has today
  cargo xtask build-kmod --dkms           as a user of dkms gets it, for both kernels
  cargo xtask build-kmod --inject 10      with 1 % more instructions in the fault path")]
pub(crate) struct Args {
    /// Build for this kernel only
    #[arg(long, value_name = "LINE")]
    kernel: Option<Line>,
    /// Slow the fault path down by this many thousandths, to see the gate fail
    #[arg(long, value_name = "PERMILLE", default_value_t = 0)]
    inject: u32,
    /// Build with W=1 against every kernel's headers that Debian offers, 6.12 to 7.3
    #[arg(long, conflicts_with_all = ["kernel", "inject"])]
    all_headers: bool,
    /// Add, build, install and remove the module with dkms, for each kernel of the lab
    #[arg(long, conflicts_with_all = ["kernel", "inject", "all_headers"])]
    dkms: bool,
}

/// What to build.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) line: Line,
    /// The module's sources; they are copied, not written.
    pub(crate) source: &'a Path,
    /// The folder under `target/kmod/` that takes the result.
    pub(crate) name: &'a str,
    /// Thousandths to slow the fault path down by.
    pub(crate) inject: u32,
}

/// A module, built.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) ko: PathBuf,
    /// The kernel it is for, as `uname -r` says it.
    pub(crate) release: String,
    /// The compiler, as its `--version` begins.
    pub(crate) compiler: String,
    /// The compiler's warnings, with paths as in the tree.
    pub(crate) warnings: Vec<String>,
    /// Whether it was there already.
    pub(crate) reused: bool,
}

/// The subcommand.
pub(crate) fn main(args: &Args) -> Result<()> {
    if args.all_headers {
        return headers::main();
    }
    if args.dkms {
        return dkms::main();
    }
    setup::ensure()?;
    if args.kernel == Some(Line::Debug) {
        debugkernel::ensure()?;
    }
    for line in args.kernel.map_or(Line::ALL.to_vec(), |line| vec![line]) {
        let start = Instant::now();
        let built = build_tree(line, args.inject)?;
        for warning in &built.warnings {
            eprintln!("{warning}");
        }
        let elapsed = start.elapsed().as_secs_f64();
        let state = if built.reused {
            "is up to date".into()
        } else {
            format!("built, {elapsed:.1} s")
        };
        eprintln!(
            "build-kmod: {} for {} with {} {state}, {} warnings",
            built
                .ko
                .strip_prefix(paths::workspace())
                .unwrap_or(&built.ko)
                .display(),
            built.release,
            built.compiler,
            built.warnings.len()
        );
    }
    Ok(())
}

/// The tree's own module for a kernel.
pub(crate) fn build_tree(line: Line, inject: u32) -> Result<Built> {
    let name = if inject == 0 {
        line.to_string()
    } else {
        format!("{line}-inject{inject}")
    };
    let source = paths::workspace().join("famfs-kmod");
    build(&Request {
        line,
        source: &source,
        name: &name,
        inject,
    })
}

/// Copies the tree's sources into a new folder, to build or check them there.
pub(crate) fn copy_sources(to: &Path) -> Result<()> {
    source::copy(&paths::workspace().join("famfs-kmod"), to)
}

/// Builds from any folder of module sources, such as another commit's.
pub(crate) fn build(request: &Request<'_>) -> Result<Built> {
    let kernel = kernels::installed(request.line)?;
    let out = paths::target("kmod").join(request.name);
    let _lock = process::lock(&out.with_added_extension("lock"), "build-kmod")?;
    let compiler = compiler(request.line)?;
    let digest = source::digest(request.source)?;
    let key = format!(
        "{} {compiler} inject={} {digest:016x}\n",
        kernel.release, request.inject
    );
    let ko = out.join("famfs.ko");
    let log_path = out.join("build.log");
    let reused = ko.is_file() && fs::read_to_string(out.join("key")).is_ok_and(|old| old == key);
    let text = if reused {
        fs::read_to_string(&log_path).unwrap_or_default()
    } else {
        setup::apt::remove_dir(&out)?;
        let copy = out.join("src");
        source::copy(request.source, &copy)?;
        let log = Log::create(log_path)?;
        log.run(&mut make(&kernel, &copy, request.inject)?)
            .with_context(|| format!("cannot build famfs.ko for {}", kernel.release))?;
        // Line tables multiply the size; the unstripped module stays beside its objects.
        log.run(
            Command::new("strip")
                .arg("--strip-debug")
                .arg(copy.join("famfs.ko"))
                .arg("-o")
                .arg(&ko),
        )?;
        fs::write(out.join("key"), key)?;
        log.text()?
    };
    let warnings = warnings(&text, &out.join("src"));
    Ok(Built {
        ko,
        release: kernel.release,
        compiler,
        warnings,
        reused,
    })
}

fn make(kernel: &Kernel, copy: &Path, inject: u32) -> Result<Command> {
    let mut command = match kernel.line {
        Line::V6_12 => {
            let src = kernel.headers.join("usr/src");
            let common = format!(
                "linux-headers-{}-common",
                kernel.release.trim_end_matches("-amd64")
            );
            let mut make = Command::new("make");
            make.arg("-C").arg(src.join(common));
            make.arg(format!(
                "O={}",
                src.join(format!("linux-headers-{}", kernel.release))
                    .display()
            ));
            make.arg(format!("M={}", copy.display()));
            let cc = host_compiler()?;
            make.arg(format!("CC={}", cc.display()));
            make
        }
        Line::Debug => {
            let mut make = workshop::command([Some(&kernel.headers), Some(copy)]);
            make.args(["make", "-C", debugkernel::BUILD_INSIDE, "M=/srv"]);
            make
        }
        Line::V7_3 => {
            let mut make = chroot::command(Some(copy));
            make.args(["make", "-C"])
                .arg(format!("/usr/src/linux-headers-{}", kernel.release));
            make.arg("M=/mnt");
            make
        }
    };
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    command.arg(format!("-j{jobs}")).arg("W=1");
    if inject > 0 {
        command.arg(format!("FAMFS_INJECT={inject}"));
    }
    command
        .arg("modules")
        .env("LC_ALL", "C")
        .env_remove("MAKEFLAGS");
    Ok(command)
}

/// The compiler that 6.12 itself was built with, where this machine has it.
fn host_compiler() -> Result<PathBuf> {
    ["gcc-12", "gcc"]
        .iter()
        .find_map(|name| paths::find_program(name))
        .context("no gcc on PATH; install the package gcc")
}

fn compiler(line: Line) -> Result<String> {
    let version = match line {
        Line::V6_12 => process::stdout(Command::new(host_compiler()?).arg("--version"))?,
        Line::Debug => process::stdout(workshop::command([None, None]).args(["gcc", "--version"]))?,
        Line::V7_3 => process::stdout(chroot::command(None).args(["gcc-14", "--version"]))?,
    };
    match version.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => bail!("the compiler does not say its version"),
    }
}

/// The compiler's warning lines. kbuild's remark that the host's compiler is another one than
/// the kernel's is no finding about our source.
fn warnings(log: &str, copy: &Path) -> Vec<String> {
    let copy = format!("{}/", copy.display());
    log.lines()
        .filter(|line| line.contains("warning:") || line.starts_with("WARNING:"))
        .filter(|line| !line.contains("the compiler differs"))
        .map(|line| {
            line.replace(&copy, "famfs-kmod/")
                .replace("/mnt/", "famfs-kmod/")
                .replace("/srv/", "famfs-kmod/")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_carry_the_tree_s_paths() {
        let log = "  CC [M]  fault.o\n\
                   /t/kmod/6.12/src/fault.c:3:5: warning: unused variable 'x' [-Wunused-variable]\n\
                   warning: the compiler differs from the one used to build the kernel\n\
                   WARNING: modpost: missing MODULE_DESCRIPTION() in famfs.o\n";
        let found = warnings(log, Path::new("/t/kmod/6.12/src"));
        let expected = [
            "famfs-kmod/fault.c:3:5: warning: unused variable 'x' [-Wunused-variable]",
            "WARNING: modpost: missing MODULE_DESCRIPTION() in famfs.o",
        ];
        assert_eq!(found, expected);
    }
}
