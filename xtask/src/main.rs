//! `cargo xtask`: sets a machine up, builds, boots, tests and checks famfs-toolkit.

#![expect(
    clippy::disallowed_methods,
    reason = "it reads what cargo sets, too; `cargo xtask check` finds variables that are not registered"
)]

mod bench;
mod check;
mod demo;
mod ebpf;
mod fuzz;
mod fuzzhost;
mod gate;
mod guest;
mod kmod;
mod lab;
mod longrun;
mod man;
mod paths;
mod process;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the build and the lab need: host packages, kernels, headers, BPF toolchain
    Setup(setup::Args),
    /// Build the BPF object that famfs-top embeds
    BuildEbpf(ebpf::Args),
    /// Build famfs.ko for the lab's kernels
    BuildKmod(kmod::Args),
    /// Check formatting, lints, licences and the tree's own rules
    Check(check::Args),
    Lab(lab::Args),
    /// Write the man pages of famfs, its helpers and famfs-top
    Man(man::Args),
    Demo(demo::Args),
    Fuzz(fuzz::Args),
    Gate(gate::Args),
    Bench(bench::Args),
    FuzzHost(fuzzhost::Args),
    Test(test::Args),
    LongRun(longrun::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Setup(args) => setup::main(&args).map(success),
        Command::BuildEbpf(args) => ebpf::main(&args).map(success),
        Command::BuildKmod(args) => kmod::main(&args).map(success),
        Command::Check(args) => check::main(&args).map(success),
        Command::Lab(args) => return lab::main(&args),
        Command::Man(args) => man::main(&args).map(success),
        Command::Demo(args) => return demo::main(&args),
        Command::Fuzz(args) => fuzz::main(&args),
        Command::Gate(args) => return gate::main(&args),
        Command::Bench(args) => return bench::main(&args),
        Command::FuzzHost(args) => fuzzhost::main(&args).map(success),
        Command::Test(args) => test::main(&args),
        Command::LongRun(args) => longrun::main(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn success((): ()) -> ExitCode {
    ExitCode::SUCCESS
}
