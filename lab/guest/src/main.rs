//! Tests that run inside the lab guest: `lab-guest [FILTER…]` runs those whose name contains a
//! filter, prints `PASS` or `FAIL` for each, and ends with the totals. `lab-guest load …` is what
//! some of them have famfs-top watch.
//!
//! They drive the binaries from outside and assert exact counts.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test program reports on its streams and fails by panicking"
)]

mod bare;
mod caps;
mod child;
mod command;
mod failing;
mod fixture;
mod harness;
mod hostile;
mod iomap_counter;
mod load;
mod mapping;
#[cfg(test)]
mod promises;
mod raw;
mod tests;
mod top;
mod witness;

use std::process::ExitCode;

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).collect();
    if let Some((word, rest)) = filters.split_first()
        && word == "load"
    {
        load::run(rest);
        return ExitCode::SUCCESS;
    }
    if std::env::var_os("FAMFS_DEV").is_none() {
        eprintln!("lab-guest formats $FAMFS_DEV; run it with `cargo xtask lab -- lab-guest`");
        return ExitCode::from(2);
    }
    let chosen: Vec<_> = tests::ALL
        .iter()
        .flat_map(|list| list.iter())
        .filter(|test| is_chosen(test.name, &filters))
        .collect();
    if chosen.is_empty() {
        eprintln!("lab-guest: no test matches {filters:?}");
        return ExitCode::from(2);
    }
    if harness::run(&chosen) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What changes the kernel for good is asked for by its topic, or not run.
fn is_chosen(name: &str, filters: &[String]) -> bool {
    use tests::lockdown::TOPIC;
    if name.starts_with(TOPIC) && !filters.iter().any(|filter| filter.starts_with(TOPIC)) {
        return false;
    }
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}
