//! Attaches, runs a command, and prints everything the instrument knows, as it is in memory:
//! `cargo run --example snapshot -- COMMAND [ARGS]`. For work on the probes; users have famfs-top.

#![expect(clippy::print_stdout, reason = "it prints")]
#![expect(clippy::disallowed_methods, reason = "no program that we ship")]

use std::{env, process::Command, time::Instant};

use famfs_instruments::live::{Live, Options};
use famfs_snapshot::source::Source as _;

fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let begin = Instant::now();
    let mut live = Live::attach(Options {
        all_dax: env::var_os("ALL_DAX").is_some(),
        ..Options::default()
    })?;
    println!("attached in {:?}", begin.elapsed());
    if let Some(command) = args.next() {
        println!("{command}: {}", Command::new(&command).args(args).status()?);
    }
    println!("{:#?}", live.poll()?);
    Ok(())
}
