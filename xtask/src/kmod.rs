//! `cargo xtask build-kmod`: famfs.ko for each kernel of the lab.
//!
//! A build runs on a copy of the sources, never in the tree, and only when the sources, the
//! kernel, the compiler or the options changed. The kernel's row in the table of what is wanted
//! says whether it runs on this machine or in the chroot.

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
use crate::setup::kernels::{self, Asked, Kernel, Line, Tools};
use crate::setup::{chroot, debugkernel, workshop};
use crate::{paths, setup};

/// Options of `cargo xtask build-kmod`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-kmod                  both kernels, into target/kmod/<kernel>/famfs.ko
  cargo xtask build-kmod --kernel lts     one kernel
  cargo xtask build-kmod --all-headers    a table of every set of headers Debian has today
  cargo xtask build-kmod --dkms           as a user of dkms gets it, for both kernels
  cargo xtask build-kmod --inject 10      with 1 % more instructions in the fault path")]
pub(crate) struct Args {
    /// Build for this kernel only
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<Asked>,
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
    for line in kernels::to_run_on(args.kernel)? {
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

/// Returns where the last build left the tree's own module for a kernel.
pub(crate) fn tree(line: Line) -> PathBuf {
    paths::target("kmod").join(line.name()).join("famfs.ko")
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
    let compiler = compiler(kernel.tools)?;
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

/// Tries to build the tree's module for a kernel of which only the headers are here; returns what
/// stands in the way.
pub(crate) fn obstacle(kernel: &Kernel) -> Result<Option<String>> {
    let out = paths::target("kmod/trial").join(&kernel.release);
    setup::apt::remove_dir(&out)?;
    let copy = out.join("src");
    copy_sources(&copy)?;
    let log = Log::create(out.join("build.log"))?;
    let mut make = make(kernel, &copy, 0)?;
    if log.try_run(&mut make)? {
        setup::apt::remove_dir(&out)?;
        return Ok(None);
    }
    let text = log.text()?;
    let first = first_error(&text, &copy);
    let log = out.join("build.log");
    let log = log.strip_prefix(paths::workspace()).unwrap_or(&log);
    Ok(Some(format!("{first} (full output: {})", log.display())))
}

/// What the compiler, or make, first found wrong.
fn first_error(log: &str, copy: &Path) -> String {
    let is_error = |line: &&str| line.contains("error: ") || line.contains("*** ");
    let line = log.lines().find(is_error).or_else(|| log.lines().last());
    in_tree(line.unwrap_or("make failed and said nothing"), copy)
}

fn make(kernel: &Kernel, copy: &Path, inject: u32) -> Result<Command> {
    let mut command = match kernel.tools {
        Tools::Host => {
            let mut make = Command::new("make");
            make.args(of_headers(kernel, &kernel.headers));
            make.arg(format!("M={}", copy.display()));
            let cc = host_compiler()?;
            make.arg(format!("CC={}", cc.display()));
            make
        }
        Tools::Chroot => in_chroot(kernel, copy),
        Tools::Workshop => {
            let mut make = workshop::command([Some(&kernel.headers), Some(copy)]);
            make.args(["make", "-C", debugkernel::BUILD_INSIDE, "M=/srv"]);
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

/// `make` in the chroot against any kernel's headers, for the module in `copy`.
pub(crate) fn in_chroot(kernel: &Kernel, copy: &Path) -> Command {
    let mut make = chroot::command_in(&chroot::root(), [Some(copy), Some(&kernel.headers)]);
    make.arg("make")
        .args(of_headers(kernel, Path::new("/srv")))
        .arg("M=/mnt");
    make
}

/// The arguments of `make` that name a kernel's headers, which were unpacked to `root`.
fn of_headers(kernel: &Kernel, root: &Path) -> [String; 3] {
    let folder = |name: &str| {
        let folder = root.join("usr/src").join(format!("linux-headers-{name}"));
        folder.display().to_string()
    };
    [
        "-C".to_owned(),
        folder(&format!("{}-common", kernel.version())),
        format!("O={}", folder(&kernel.release)),
    ]
}

/// The compiler that 6.12 itself was built with, where this machine has it.
fn host_compiler() -> Result<PathBuf> {
    ["gcc-12", "gcc"]
        .iter()
        .find_map(|name| paths::find_program(name))
        .context("no gcc on PATH; install the package gcc")
}

fn compiler(tools: Tools) -> Result<String> {
    let version = match tools {
        Tools::Host => process::stdout(Command::new(host_compiler()?).arg("--version"))?,
        Tools::Chroot => process::stdout(chroot::command(None).args(["gcc-14", "--version"]))?,
        Tools::Workshop => {
            process::stdout(workshop::command([None, None]).args(["gcc", "--version"]))?
        }
    };
    match version.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => bail!("the compiler does not say its version"),
    }
}

/// The compiler's warning lines. kbuild's remark that the host's compiler is another one than
/// the kernel's is no finding about our source.
fn warnings(log: &str, copy: &Path) -> Vec<String> {
    log.lines()
        .filter(|line| line.contains("warning:") || line.starts_with("WARNING:"))
        .filter(|line| !line.contains("the compiler differs"))
        .map(|line| in_tree(line, copy))
        .collect()
}

/// A line of output with paths as in the tree. The module is `/mnt` in the chroot, and `/srv`
/// where the debugging kernel is built.
fn in_tree(line: &str, copy: &Path) -> String {
    line.replace(&format!("{}/", copy.display()), "famfs-kmod/")
        .replace("/mnt/", "famfs-kmod/")
        .replace("/srv/", "famfs-kmod/")
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

    #[test]
    fn an_obstacle_is_the_first_error_or_the_last_words() {
        let of = |log: &str| first_error(log, Path::new("/t/src"));
        let log = "  CC [M]  map.o\n/mnt/map.c:7:2: error: too few arguments\n\
                   /mnt/map.c:9:2: error: another\nmake[1]: *** [/mnt] Error 2\n";
        assert_eq!(of(log), "famfs-kmod/map.c:7:2: error: too few arguments");
        let log = "make: Entering\nmake: *** No rule to make target 'modules'.  Stop.\n";
        assert_eq!(
            of(log),
            "make: *** No rule to make target 'modules'.  Stop."
        );
        assert_eq!(of("unshare: no\n"), "unshare: no");
        assert_eq!(of(""), "make failed and said nothing");
    }
}
