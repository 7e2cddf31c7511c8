//! Two hosts that share one memory: what the master does, and what the client sees of it.

mod killed;
mod sharing;
mod stale;

use std::time::Instant;

use anyhow::{Context as _, Result};

use super::stage::{self, Pair, Setting, Stage};
use super::{report, tally::Tally};

struct Test {
    name: &'static str,
    run: fn(&mut Pair<'_>) -> Result<()>,
}

const TESTS: &[&[Test]] = &[sharing::TESTS, stale::TESTS, killed::TESTS];

/// Runs the tests whose name or hosts contain a filter, with each kernel as the master once, and
/// on fsdev.
pub(crate) fn run(filters: &[String], tally: &mut Tally) -> Result<()> {
    for setting in stage::settings() {
        on(setting, setting.masters(), filters, tally)?;
    }
    Ok(())
}

fn on(setting: Setting, masters: &[usize], filters: &[String], tally: &mut Tally) -> Result<()> {
    let mut chosen = Vec::new();
    for master in masters {
        let direction = setting.direction(*master);
        for test in TESTS.iter().copied().flatten() {
            let name = format!("{} [{direction}]", test.name);
            if filters.is_empty() || filters.iter().any(|f| name.contains(f.as_str())) {
                chosen.push((*master, name, test));
            }
        }
    }
    if chosen.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    let mut stage = Stage::sharing(setting)?;
    for (master, name, test) in chosen {
        let start = Instant::now();
        let mut pair = stage.pair(master)?;
        let outcome = (test.run)(&mut pair);
        let seconds = start.elapsed().as_secs_f64();
        report(
            tally,
            &match outcome {
                Ok(()) => format!("PASS {name} ({seconds:.1} s)"),
                Err(error) => format!("FAIL {name} ({seconds:.1} s): {error:#}"),
            },
        );
        // A host that failed a test may be in any state.
        pair.reset().context("cannot go on with the other tests")?;
    }
    let direction = setting.direction(masters[0]);
    let seconds = start.elapsed().as_secs_f64();
    report(
        tally,
        &match stage.end() {
            Ok(()) => format!("PASS hosts [{direction}]: both kernels are well ({seconds:.1} s)"),
            Err(error) => format!("FAIL hosts [{direction}]: {error:#}"),
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_test() {
        let path = crate::paths::workspace().join("docs/reference/crash.md");
        let text = std::fs::read_to_string(path).unwrap();
        for test in TESTS.iter().copied().flatten() {
            let named = text.contains(&format!("| `{}` |", test.name))
                || text.contains(&format!("`{}`,", test.name))
                || text.contains(&format!(", `{}`", test.name));
            assert!(named, "{}", test.name);
        }
    }
}
