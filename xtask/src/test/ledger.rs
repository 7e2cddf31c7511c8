//! The account of a run: every verdict, where it was reached, and the totals.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use super::tally::Tally;

/// Collects verdicts from tests that run side by side, and shows each as it comes.
pub(crate) struct Ledger {
    account: Mutex<Account>,
    output: Mutex<Box<dyn Write + Send>>,
}

#[derive(Debug, Default)]
struct Account {
    tally: Tally,
    /// Every verdict in the order it came, one line each.
    ran: Vec<String>,
    /// The failures among them, one line each, with the names of tests that only their program
    /// counted.
    failures: Vec<String>,
    /// Guests that the emulator lost and that were booted again, one line each.
    again: Vec<String>,
}

impl Ledger {
    /// Starts an empty account that shows its lines on `output`.
    pub(crate) fn new(output: impl Write + Send + 'static) -> Self {
        Self {
            account: Mutex::default(),
            output: Mutex::new(Box::new(output)),
        }
    }

    /// Shows a line. A reader that goes away does not stop the tests: the exit status still says
    /// how they went.
    pub(crate) fn show(&self, line: &str) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(output, "{line}").and_then(|()| output.flush());
    }

    /// Counts and keeps a line that carries verdicts, and shows it.
    pub(crate) fn verdict(&self, line: &str) {
        self.count(line);
        self.show(line);
    }

    /// Counts and keeps a line that carries verdicts and was shown already.
    pub(crate) fn count(&self, line: &str) {
        let mut account = self.account();
        account.tally.add(line);
        account.ran.push(line.to_owned());
        if line.starts_with("FAIL ") {
            account.failures.push(line.to_owned());
        }
    }

    /// Keeps the name of a test that another line has counted.
    pub(crate) fn name(&self, line: &str) {
        self.account().ran.push(line.to_owned());
    }

    /// Shows and keeps the name of a failed test that another line has counted.
    pub(crate) fn name_failure(&self, line: &str) {
        self.account().failures.push(line.to_owned());
        self.show(line);
    }

    /// Counts a guest that was lost to the emulator and is booted again.
    pub(crate) fn again(&self, line: &str) {
        self.account().again.push(line.to_owned());
        self.show(&format!("AGAIN {line}"));
    }

    /// Returns the totals so far.
    pub(crate) fn tally(&self) -> Tally {
        self.account().tally
    }

    /// Returns how many guests were booted again.
    pub(crate) fn boots_again(&self) -> usize {
        self.account().again.len()
    }

    /// Returns the lines of failed tests.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.account().failures.clone()
    }

    /// Writes what ran and where to a file, sorted, so that two runs can be compared.
    pub(crate) fn keep(&self, file: &Path) -> Result<()> {
        let account = self.account();
        let mut lines: Vec<_> = account.ran.iter().collect();
        lines.sort();
        let mut text = String::new();
        for line in lines {
            text.extend([line, "\n"]);
        }
        for line in &account.again {
            text.extend(["AGAIN ", line, "\n"]);
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_is_kept_sorted_and_counted() {
        let ledger = Ledger::new(std::io::sink());
        ledger.verdict("PASS [b] y (1.0 s)");
        ledger.verdict("FAIL [a] x (1.0 s)");
        ledger.again("lab 7.3 cxl: it did not come up");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/ran");
        ledger.keep(&file).unwrap();
        assert_eq!(
            fs::read_to_string(file).unwrap(),
            "FAIL [a] x (1.0 s)\nPASS [b] y (1.0 s)\nAGAIN lab 7.3 cxl: it did not come up\n"
        );
        assert_eq!((ledger.tally().passed, ledger.tally().failed), (1, 1));
        assert_eq!(ledger.boots_again(), 1);
        assert_eq!(ledger.failures(), ["FAIL [a] x (1.0 s)"]);
    }
}
