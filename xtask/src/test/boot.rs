//! One boot of a guest as a test: what it is asked to run, and what must come of that.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use famfs_cli::contract;
use nix::sys::signal::Signal;

use super::again::TRIES;
use super::ledger::Ledger;
use super::pool::Job;
use super::tally::Tally;
use crate::{lab, process};

/// Far more than any of them takes; a hung kernel must not hang the tests. The last one given
/// counts, so a boot may have its own.
const TIMEOUT_S: &str = "1500";

/// Files of the shared folder, each with what is in it. Commas mean something to QEMU.
const SHARED: (&str, &str) = ("in, put", "from the host\n");
const RETURNED: (&str, &str) = ("out, put", "from the guest\n");

/// One boot.
#[derive(Clone, Debug)]
pub(crate) struct Boot {
    pub name: String,
    /// Options of `cargo xtask lab`.
    pub lab: Vec<String>,
    pub command: Vec<String>,
    /// The exit status that the lab must end with.
    pub expected: i32,
    /// What standard output must be; `None` for the output of a test program.
    pub stdout: Option<&'static str>,
    /// Share a folder with [`SHARED`]; the guest must leave [`RETURNED`].
    pub share: bool,
}

/// What a boot came to.
struct Outcome {
    status: ExitStatus,
    stdout: String,
    stderr: String,
    /// Why the shared folder is not as it should be.
    returned: Result<()>,
}

impl Boot {
    /// Makes a boot of a test program: its lines `PASS`, `FAIL` and `SKIP` are verdicts.
    pub(crate) fn of_tests(name: String, lab: &[&str], command: Vec<String>) -> Self {
        Self {
            name,
            lab: lab.iter().map(|&word| word.to_owned()).collect(),
            command,
            expected: 0,
            stdout: None,
            share: false,
        }
    }

    /// Turns the boot into a job of about so many seconds.
    pub(crate) fn job(self, seconds: u32) -> Job<'static> {
        Job {
            name: self.name.clone(),
            seconds,
            run: Box::new(move |ledger| self.run(ledger)),
        }
    }

    /// Boots and judges; a guest that the emulator loses is counted and booted again.
    fn run(&self, ledger: &Ledger) -> Result<()> {
        for attempt in 1.. {
            let start = Instant::now();
            let outcome = self.boot(ledger)?;
            for line in outcome.stderr.lines().filter(|line| is_again(line)) {
                ledger.again(&format!("{}: {line}", self.name));
            }
            let lost = outcome.status.code() == Some(i32::from(lab::LOST));
            // What failed before the emulator did is a failure all the same.
            if lost && attempt < TRIES && !self.has_failed(&outcome) {
                ledger.again(&format!("{}: the emulator ended", self.name));
                continue;
            }
            self.judge(&outcome, start.elapsed().as_secs_f64(), ledger);
            break;
        }
        Ok(())
    }

    fn boot(&self, ledger: &Ledger) -> Result<Outcome> {
        let xtask = std::env::current_exe().context("cannot find xtask's own binary")?;
        let mut lab = Command::new(xtask);
        lab.args(["lab", "--built", "--timeout", TIMEOUT_S])
            .args(&self.lab);
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        if self.share {
            fs::write(folder.path().join(SHARED.0), SHARED.1)
                .context("cannot write a file to share")?;
            lab.arg("--share").arg(folder.path());
        }
        lab.arg("--")
            .args(&self.command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut lab = process::tied(&mut lab, Signal::SIGTERM)
            .spawn()
            .context("cannot run the lab")?;
        let mut errors = lab.stderr.take().context("the lab has no output")?;
        let errors = thread::spawn(move || {
            let mut said = Vec::new();
            let read = errors.read_to_end(&mut said);
            read.map(|_| String::from_utf8_lossy(&said).into_owned())
        });
        let mut output = BufReader::new(lab.stdout.take().context("the lab has no output")?);
        let (mut stdout, mut line) = (String::new(), Vec::new());
        while output
            .read_until(b'\n', &mut line)
            .context("cannot read the lab's output")?
            > 0
        {
            let text = String::from_utf8_lossy(&line);
            if let Some(verdict) = self.verdict(text.trim_end()) {
                ledger.show(&verdict);
            }
            stdout.push_str(&text);
            line.clear();
        }
        let status = lab.wait().context("cannot wait for the lab")?;
        let stderr = errors
            .join()
            .map_err(|_panic| anyhow::anyhow!("a reader died"))?;
        Ok(Outcome {
            status,
            stdout,
            stderr: stderr.context("cannot read the lab's messages")?,
            returned: if self.share {
                returned(folder.path())
            } else {
                Ok(())
            },
        })
    }

    /// Returns a test program's verdict with the name of the guest in it.
    fn verdict(&self, line: &str) -> Option<String> {
        let (word, rest) = line.split_once(' ')?;
        let verdict = ["PASS", "FAIL", "SKIP"].contains(&word) && rest.contains("::");
        (self.stdout.is_none() && verdict).then(|| format!("{word} [{}] {rest}", self.name))
    }

    fn has_failed(&self, outcome: &Outcome) -> bool {
        let mut verdicts = outcome.stdout.lines().filter_map(|line| self.verdict(line));
        verdicts.any(|verdict| verdict.starts_with("FAIL "))
    }

    /// Says why not every verdict of `lab-guest` can have arrived: its own count at the end is
    /// missing or another.
    fn incomplete(&self, outcome: &Outcome) -> Option<String> {
        if self.stdout.is_some() || self.command.first().is_none_or(|name| name != "lab-guest") {
            return None;
        }
        let mut lines = outcome.stdout.lines();
        let Some(closing) = lines.find_map(|line| line.strip_prefix("lab-guest: ")) else {
            return Some("lab-guest did not come to its end".to_owned());
        };
        let mut counted = Tally::default();
        for verdict in outcome.stdout.lines().filter_map(|line| self.verdict(line)) {
            counted.add(&verdict);
        }
        (closing != counted.to_string())
            .then(|| format!("lab-guest counted {closing}, but {counted} were read"))
    }

    /// Compares the JSON documents that the guest's tests saw with the register of contracts; one
    /// verdict each.
    fn documents(&self, outcome: &Outcome) -> impl Iterator<Item = String> {
        let lines = outcome.stdout.lines();
        let documents = lines.filter_map(|line| line.strip_prefix("DOCUMENT "));
        documents.map(|line| {
            let (schema, text) = line.split_once(' ').unwrap_or((line, ""));
            let wrong = match serde_json::from_str(text) {
                Ok(document) => contract::violations(schema, &document),
                Err(error) => vec![error.to_string()],
            };
            if wrong.is_empty() {
                format!("PASS [{}] a document is as {schema} has it", self.name)
            } else {
                let wrong = wrong.join("; ");
                format!("FAIL [{}] {schema}: {wrong}: {text}", self.name)
            }
        })
    }

    /// Counts the test program's verdicts, and the boot as a whole as one test more.
    fn judge(&self, outcome: &Outcome, seconds: f64, ledger: &Ledger) {
        for verdict in outcome.stdout.lines().filter_map(|line| self.verdict(line)) {
            ledger.count(&verdict);
        }
        for verdict in self.documents(outcome) {
            if verdict.starts_with("FAIL ") {
                ledger.verdict(&verdict);
            } else {
                ledger.count(&verdict);
            }
        }
        let status = outcome.status.code() == Some(self.expected);
        let streams = self
            .stdout
            .is_none_or(|expected| expected == outcome.stdout);
        if let Err(error) = &outcome.returned {
            ledger.show(&format!("    {error:#}"));
        }
        let incomplete = self.incomplete(outcome);
        if let Some(why) = &incomplete {
            ledger.show(&format!("    {why}"));
        }
        if status && streams && outcome.returned.is_ok() && incomplete.is_none() {
            ledger.verdict(&format!("PASS {} ({seconds:.1} s)", self.name));
            return;
        }
        for line in outcome.stdout.lines().chain(outcome.stderr.lines()) {
            ledger.show(&format!("    {line}"));
        }
        ledger.verdict(&format!(
            "FAIL {}: {}, expected exit status {}",
            self.name, outcome.status, self.expected
        ));
    }
}

/// Says whether the lab's line tells of a guest that it booted again.
fn is_again(line: &str) -> bool {
    line.starts_with("lab: ") && line.ends_with(lab::AGAIN)
}

fn returned(folder: &Path) -> Result<()> {
    let (name, expected) = RETURNED;
    let content = fs::read_to_string(folder.join(name))
        .with_context(|| format!("`{name}` did not come back"))?;
    ensure!(content == expected, "`{name}` came back as {content:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn outcome(code: i32, stdout: &str) -> Outcome {
        Outcome {
            status: ExitStatus::from_raw(code << 8),
            stdout: stdout.to_owned(),
            stderr: String::new(),
            returned: Ok(()),
        }
    }

    #[test]
    fn verdicts_of_a_guest_are_counted_under_its_name_and_so_is_the_boot() {
        let boot = Boot::of_tests("lab 7.3 cxl".to_owned(), &[], Vec::new());
        let ledger = Ledger::new(std::io::sink());
        let said = "PASS a::b (0.1 s)\nnoise: PASS\nFAIL a::c (0.2 s)\nSKIP a::d: why\n";
        boot.judge(&outcome(1, said), 3.0, &ledger);
        let tally = ledger.tally();
        assert_eq!((tally.passed, tally.failed, tally.skipped), (1, 2, 1));
        assert_eq!(
            ledger.failures(),
            [
                "FAIL [lab 7.3 cxl] a::c (0.2 s)",
                "FAIL lab 7.3 cxl: exit status: 1, expected exit status 0"
            ]
        );
    }

    #[test]
    fn a_document_that_is_not_as_registered_fails() {
        let boot = Boot::of_tests("lab x".to_owned(), &[], Vec::new());
        let verdicts = |line: &str| {
            let verdicts: Vec<_> = boot.documents(&outcome(0, line)).collect();
            verdicts
        };
        assert_eq!(verdicts("PASS a::b (0.1 s)\n").len(), 0);
        for bad in [
            "DOCUMENT famfs-check {}",
            "DOCUMENT famfs-check {",
            "DOCUMENT famfs-check",
            "DOCUMENT famfs-no-such-thing {}",
        ] {
            let verdicts = verdicts(bad);
            assert!(
                verdicts[0].starts_with("FAIL [lab x] famfs-"),
                "{verdicts:?}"
            );
        }
    }

    #[test]
    fn a_guest_that_loses_a_verdict_fails() {
        let mut boot = Boot::of_tests("lab x".to_owned(), &[], vec!["lab-guest".to_owned()]);
        let whole = "PASS a::b (0.1 s)\nlab-guest: 1 passed, 0 failed, 0 skipped\n";
        assert_eq!(boot.incomplete(&outcome(0, whole)), None);
        for lost in [
            "PASS a::b (0.1 s)\n",
            "noise PASS a::b\nlab-guest: 1 passed, 0 failed, 0 skipped\n",
        ] {
            assert!(boot.incomplete(&outcome(0, lost)).is_some(), "{lost}");
        }
        assert!(boot.has_failed(&outcome(0, "FAIL a::b (0.1 s)\n")));
        assert!(!boot.has_failed(&outcome(0, whole)));
        boot.command = vec!["sh".to_owned()];
        assert_eq!(boot.incomplete(&outcome(0, "")), None);
    }

    #[test]
    fn a_boot_with_another_output_or_status_fails() {
        let mut boot = Boot::of_tests("lab: x".to_owned(), &[], Vec::new());
        boot.stdout = Some("out\n");
        boot.expected = 7;
        for (code, said, failed) in [(7, "out\n", 0), (7, "out", 1), (0, "out\n", 1)] {
            let ledger = Ledger::new(std::io::sink());
            boot.judge(&outcome(code, said), 0.0, &ledger);
            assert_eq!(ledger.tally().failed, failed, "{code} {said:?}");
        }
    }

    #[test]
    fn only_the_labs_own_line_tells_of_another_boot() {
        let line = format!("lab: the guest did not come up within 45 s; {}", lab::AGAIN);
        assert!(is_again(&line));
        assert!(!is_again(lab::AGAIN));
        assert!(!is_again("lab: the guest died before the command ended"));
    }
}
