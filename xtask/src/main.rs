//! `cargo xtask`: sets a machine up, builds the module and the BPF object, and checks the tree.

mod ebpf;
mod kmod;
mod lab;
mod paths;
mod process;
mod setup;

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
    Lab(lab::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Setup(args) => setup::main(&args),
        Command::BuildEbpf(args) => ebpf::main(&args),
        Command::BuildKmod(args) => kmod::main(&args),
        Command::Lab(args) => return lab::main(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
