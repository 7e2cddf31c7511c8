//! `lab-floor OBJECT CMD…`: runs a command while empty programs hang on the hooks of a fault.
//!
//! What they cost is what no instrument on these hooks can go below.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use aya::{Btf, Ebpf, programs::BtfTracePoint};

/// The programs in the object, named after the tracepoints that they hang on.
const HOOKS: [&str; 4] = [
    "dax_pte_fault",
    "dax_pte_fault_done",
    "dax_pmd_fault",
    "dax_pmd_fault_done",
];

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<u8> {
    let mut words = std::env::args_os().skip(1);
    let (Some(object), Some(program)) = (words.next(), words.next()) else {
        bail!("usage: lab-floor OBJECT CMD…");
    };
    let types = Btf::from_sys_fs().context("cannot read the kernel's types")?;
    let mut ebpf =
        Ebpf::load_file(&object).with_context(|| format!("cannot load {}", object.display()))?;
    for hook in HOOKS {
        let program = ebpf.program_mut(hook);
        let program = program.with_context(|| format!("no program {hook} in the object"))?;
        let program: &mut BtfTracePoint = program.try_into()?;
        program
            .load(hook, &types)
            .with_context(|| format!("cannot load {hook}"))?;
        program
            .attach()
            .with_context(|| format!("cannot attach {hook}"))?;
    }
    let status = Command::new(&program)
        .args(words)
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.with_context(|| format!("{} was ended: {status}", program.display()))
}

fn complain(message: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "lab-floor: {message}");
}
