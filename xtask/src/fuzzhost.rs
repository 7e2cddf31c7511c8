//! `cargo xtask fuzz-host`: the fuzz targets of user space, for a time.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::paths;

/// Feed what reads media, plans plays, reads yaml, sizes and recordings with bytes from anyone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz-host                      a minute for each of the targets, side by side
  cargo xtask fuzz-host --seconds 3600 --seed 7
  cargo xtask fuzz-host --target player_plan

An input that breaks something is kept under target/tmp/fuzz and named. `cargo test` runs
each target with a fixed number of inputs.")]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value = "60",
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,

    /// Decides the inputs; another seed gives others
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,

    /// Only this target: `media_parse`, `player_plan`, `yaml`, `size`, or `recording`, which is two:
    /// bytes of a file, and sound frames around any payload
    #[arg(long, value_name = "NAME", default_value = "")]
    target: String,
}

/// The subcommand.
pub(crate) fn main(args: &Args) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(paths::workspace())
        .env("FAMFS_FUZZ_SECONDS", args.seconds.to_string())
        .env("FAMFS_FUZZ_SEED", args.seed.to_string())
        .args(["test", "--release", "--locked", "-p", "famfs-userspace"])
        // Side by side, however few CPUs there are.
        .args(["--test", "fuzz", "--", "--nocapture", "--test-threads=4"])
        .arg(&args.target)
        .status()
        .context("cannot run cargo test")?;
    if !status.success() {
        bail!("a target failed: {status}");
    }
    Ok(())
}
