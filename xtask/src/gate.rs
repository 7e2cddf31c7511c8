//! `cargo xtask gate`: is a fault of this tree's module more expensive than it was?
//!
//! famfs-bench measures in the guest and compares on this machine; what is here is what only
//! xtask can do: build modules, boot guests, and find the commit to compare with.

mod base;
mod boots;
mod fingerprint;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use self::boots::Side;
use crate::kmod::{self, Built};
use crate::paths;
use crate::setup::kernels::{self, Asked, Line};

/// Exit status for what could not be measured.
const RUN_ERROR: u8 = 2;
const NOT_COMPARABLE: u8 = 4;

/// Measure the instructions of a fault in deterministic guests, and fail if they grew.
///
/// The tree's module is compared with the baseline of today's fingerprint (kernel, QEMU, CPU
/// model, compiler, command line, harness) in bench/baselines; without one, with the module of
/// the base commit, measured in the same run.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask gate                          both kernels
  cargo xtask gate --kernel 7.3 --base v1   against the module of another commit
  cargo xtask gate --inject 10              with 1 % more instructions: this must fail
  cargo xtask gate --accept                 make today's numbers the baseline

Exit status: 0 pass, 1 regression, 2 usage or run error, 3 not deterministic, 4 not comparable.")]
pub(crate) struct Args {
    /// Measure on this kernel only
    #[arg(long)]
    kernel: Option<Asked>,
    /// Slow the module's fault path down by this many thousandths, to see the gate fail
    #[arg(long, value_name = "PERMILLE", default_value_t = 0)]
    inject: u32,
    /// Compare with the module of this commit, whatever baselines there are
    #[arg(long, value_name = "REV", conflicts_with = "accept")]
    base: Option<String>,
    /// Make what is measured now the baseline of its fingerprint
    #[arg(long, conflicts_with = "inject")]
    accept: bool,
}

/// Runs the subcommand; the worst kernel decides the exit status.
pub(crate) fn main(args: &Args) -> ExitCode {
    let lines = match kernels::to_run_on(args.kernel) {
        Ok(lines) => lines,
        Err(error) => {
            eprintln!("gate: {error:#}");
            return ExitCode::from(RUN_ERROR);
        }
    };
    let mut worst = 0;
    for line in lines {
        let code = gate(args, line).unwrap_or_else(|error| {
            say(line, &format!("{error:#}"));
            RUN_ERROR
        });
        worst = worst.max(code);
    }
    ExitCode::from(worst)
}

fn gate(args: &Args, line: Line) -> Result<u8> {
    let built = kmod::build_tree(line, args.inject)?;
    let harness = fingerprint::environment(&built)?;
    let new = boots::measure(line, Side::New, &built.ko, &harness)?;
    if args.base.is_none() {
        let code = compare(&new, &[], args.accept)?;
        if code != NOT_COMPARABLE {
            return Ok(code);
        }
    }
    let Some(rev) = base::commit(args.base.as_deref())? else {
        say(
            line,
            "there is no base commit to compare with: the gate cannot pass",
        );
        return Ok(NOT_COMPARABLE);
    };
    say(line, &format!("measuring the module of commit {rev}"));
    let module = base_module(line, &rev, &built)?;
    let base = boots::measure(line, Side::Base, &module.ko, &harness)?;
    compare(&new, &base, false)
}

/// The module of another commit, built like the tree's own.
fn base_module(line: Line, rev: &str, new: &Built) -> Result<Built> {
    let tree = base::sources(rev)?;
    let module = kmod::build(&kmod::Request {
        line,
        source: &tree.path().join("famfs-kmod"),
        name: &format!("{line}-base"),
        inject: 0,
    })
    .with_context(|| format!("cannot build the module of commit {rev}"))?;
    if module.compiler != new.compiler {
        bail!(
            "the compiler changed during the run: {} / {}",
            module.compiler,
            new.compiler
        );
    }
    Ok(module)
}

/// Lets famfs-bench compare; what it says is the gate's own output.
fn compare(new: &[PathBuf], base: &[PathBuf], accept: bool) -> Result<u8> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(paths::workspace())
        .args([
            "run",
            "--quiet",
            "--locked",
            "--package",
            "famfs-bench",
            "--",
            "gate",
        ])
        .stdin(Stdio::null());
    let given = |flag: &'static str, files: &[PathBuf]| -> Vec<PathBuf> {
        files
            .iter()
            .flat_map(|file| [Path::new(flag).to_owned(), file.clone()])
            .collect()
    };
    command
        .args(given("--new", new))
        .args(given("--base", base));
    if accept {
        command.arg("--accept");
    }
    let status = command.status().context("cannot run cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.with_context(|| format!("famfs-bench gate was ended: {status}"))
}

fn say(line: Line, text: &str) {
    eprintln!("gate: {line}: {text}");
}
