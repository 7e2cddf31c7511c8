//! Tests that run inside the lab guest: `lab-guest [FILTER…]` runs those whose name contains a
//! filter, prints `PASS` or `FAIL` for each, and ends with the totals. `lab-guest --exact NAME…`
//! runs exactly those, and `lab-guest --list` prints every test's name and, after a tab, what it
//! needs beyond what every guest has. `lab-guest load …` is what some of them have famfs-top watch.
//!
//! They drive the binaries from outside and assert exact counts.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test program reports on its streams and fails by panicking"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it uses nothing of ours, not even famfs_cli::env; what it reads is in the register"
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

use crate::harness::{Need, Test};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let choice = match words.split_first() {
        Some((word, rest)) if word == "load" => {
            load::run(rest);
            return ExitCode::SUCCESS;
        }
        Some((word, [])) if word == "--list" => {
            list();
            return ExitCode::SUCCESS;
        }
        Some((word, names)) if word == "--exact" => Choice::Exact(names),
        _ => Choice::Filters(&words),
    };
    if std::env::var_os("FAMFS_DEV").is_none() {
        eprintln!("lab-guest formats $FAMFS_DEV; run it with `cargo xtask lab -- lab-guest`");
        return ExitCode::from(2);
    }
    if let Some(name) = choice.unknown() {
        eprintln!("lab-guest: there is no test `{name}`; `lab-guest --list` names all");
        return ExitCode::from(2);
    }
    let chosen: Vec<_> = all()
        .filter(|(needs, test)| choice.takes(*needs, test.name))
        .collect();
    if chosen.is_empty() {
        eprintln!("lab-guest: no test matches {words:?}");
        return ExitCode::from(2);
    }
    if harness::run(&chosen) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Iterates over the tests in the order in which they run, with what each needs.
fn all() -> impl Iterator<Item = (Option<Need>, &'static Test)> {
    let groups = tests::ALL.iter();
    groups.flat_map(|group| group.tests.iter().map(|test| (group.needs, test)))
}

fn list() {
    for (needs, test) in all() {
        let need = needs.map_or("", Need::word);
        println!("{}\t{need}", test.name);
    }
}

/// Which tests to run.
enum Choice<'a> {
    Exact(&'a [String]),
    Filters(&'a [String]),
}

impl Choice<'_> {
    /// Returns the first name that no test has.
    fn unknown(&self) -> Option<&str> {
        match self {
            Self::Exact(names) => names
                .iter()
                .find(|name| all().all(|(_, test)| test.name != name.as_str()))
                .map(String::as_str),
            Self::Filters(_) => None,
        }
    }

    /// Says whether a test runs. What changes the kernel for good is asked for by its name or
    /// topic, or not run.
    fn takes(&self, needs: Option<Need>, name: &str) -> bool {
        match self {
            Self::Exact(names) => names.iter().any(|wanted| wanted == name),
            Self::Filters(filters) => {
                let topic = name.split("::").next().unwrap_or_default();
                let asked = filters.iter().any(|filter| filter.starts_with(topic));
                (asked || needs != Some(Need::OwnBoot))
                    && (filters.is_empty()
                        || filters.iter().any(|filter| name.contains(filter.as_str())))
            }
        }
    }
}
