//! The table of long runs in `docs/reference/long-runs.md`: reading rows and writing one more.

use anyhow::{Context as _, Result, bail};

/// The row of names; the program adds rows below it and changes nothing else of the page.
pub(super) const HEAD: &str = "| date | what | commit | kernels | seed | others | passed | failed | skipped | guests lost | minutes | failures |";

/// One finished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The day it ended, such as `2026-11-30`.
    pub date: String,
    /// The kind of run.
    pub what: String,
    /// The full hash of the commit that ran.
    pub commit: String,
    /// The versions of the kernels that ran, such as `6.12.95+deb12, 7.3.4+deb13`.
    pub kernels: String,
    pub seed: u64,
    /// The share of the machine's processor time that others used meanwhile, in percent.
    pub others: u64,
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    /// Guests that the emulator lost and that were booted again.
    pub lost: u64,
    pub minutes: u64,
    /// The names of failed tests.
    pub failures: Vec<String>,
}

/// The least share of others, in percent, with which a run was made under load.
const LOADED: u64 = 25;

impl Row {
    pub(super) fn is_loaded(&self) -> bool {
        self.others >= LOADED
    }

    /// Returns what came of it, for people who wait.
    pub(super) fn summary(&self) -> String {
        format!(
            "{} failed of {}, {} minutes, others used {} % of the CPUs, at {:.12} on {}",
            self.failed,
            self.passed + self.failed,
            self.minutes,
            self.others,
            self.commit,
            self.date
        )
    }

    fn text(&self) -> String {
        let failures = if self.failures.is_empty() {
            "none".to_owned()
        } else {
            // A bar would end the cell.
            self.failures.join("; ").replace('|', "/")
        };
        format!(
            "| {} | {} | `{}` | {} | {} | {} % | {} | {} | {} | {} | {} | {failures} |",
            self.date,
            self.what,
            self.commit,
            self.kernels,
            self.seed,
            self.others,
            self.passed,
            self.failed,
            self.skipped,
            self.lost,
            self.minutes,
        )
    }

    fn parse(line: &str) -> Result<Self> {
        let cells: Vec<_> = line
            .trim()
            .trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        let [
            date,
            what,
            commit,
            kernels,
            seed,
            others,
            passed,
            failed,
            skipped,
            lost,
            minutes,
            failures,
        ] = cells[..]
        else {
            bail!("a row has {} cells instead of 12: {line}", cells.len());
        };
        let number = |cell: &str| {
            cell.parse::<u64>()
                .with_context(|| format!("`{cell}` is no number, in the row: {line}"))
        };
        Ok(Self {
            date: date.to_owned(),
            what: what.to_owned(),
            commit: commit.trim_matches('`').to_owned(),
            kernels: kernels.to_owned(),
            seed: number(seed)?,
            others: number(others.trim_end_matches(" %"))?,
            passed: number(passed)?,
            failed: number(failed)?,
            skipped: number(skipped)?,
            lost: number(lost)?,
            minutes: number(minutes)?,
            failures: match failures {
                "none" => Vec::new(),
                some => some.split("; ").map(str::to_owned).collect(),
            },
        })
    }
}

/// Returns the rows of the page.
pub(super) fn rows(page: &str) -> Result<Vec<Row>> {
    let (_, table) = page
        .split_once(HEAD)
        .with_context(|| format!("the page has no table that begins with `{HEAD}`"))?;
    let lines = table
        .lines()
        .skip(1)
        .skip_while(|line| line.starts_with("|--"));
    lines
        .take_while(|line| line.starts_with('|'))
        .map(Row::parse)
        .collect()
}

/// Returns the page with one more row at the end of the table.
pub(super) fn append(page: &str, row: &Row) -> Result<String> {
    let at = page
        .find(HEAD)
        .with_context(|| format!("the page has no table that begins with `{HEAD}`"))?;
    let table = &page[at..];
    let length = table.find("\n\n").map_or(table.trim_end().len(), |end| end);
    let (before, after) = page.split_at(at + length);
    Ok(format!("{before}\n{}{after}", row.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: u64) -> Row {
        Row {
            date: "2026-11-30".to_owned(),
            what: "matrix".to_owned(),
            commit: "c".repeat(40),
            kernels: "6.12.95, 7.3.4".to_owned(),
            seed,
            others: seed * 24,
            passed: 1600,
            failed: 0,
            skipped: 9,
            lost: 1,
            minutes: 22,
            failures: Vec::new(),
        }
    }

    fn page() -> String {
        format!("# Long runs\n\nWords.\n\n{HEAD}\n|---|---|\n\n## After\n\nMore | words.\n")
    }

    #[test]
    fn rows_come_back_as_they_were_written_and_the_page_around_them_stays() {
        let mut bad = row(2);
        bad.failed = 2;
        bad.failures = vec!["FAIL [a] x: 1|2".to_owned(), "FAIL b".to_owned()];
        let page = append(&page(), &row(1)).unwrap();
        let page = append(&page, &bad).unwrap();
        bad.failures[0] = "FAIL [a] x: 1/2".to_owned();
        let read = rows(&page).unwrap();
        assert_eq!([false, true], [&read[0], &read[1]].map(Row::is_loaded));
        assert_eq!(read, [row(1), bad]);
        assert!(page.starts_with("# Long runs\n\nWords.\n\n"));
        assert!(page.ends_with("|\n\n## After\n\nMore | words.\n"), "{page}");
    }

    #[test]
    fn a_table_at_the_end_of_the_page_grows_too() {
        let page = append(&format!("{HEAD}\n|---|---|\n"), &row(1)).unwrap();
        let page = append(&page, &row(2)).unwrap();
        assert_eq!(rows(&page).unwrap(), [row(1), row(2)]);
        assert!(page.ends_with("|\n"));
    }

    #[test]
    fn a_row_that_somebody_broke_is_an_error() {
        let page = append(&page(), &row(1)).unwrap();
        for (from, to) in [("24 %", "most"), ("1600", "many"), ("| matrix", "")] {
            assert!(rows(&page.replacen(from, to, 1)).is_err(), "{from}");
        }
        assert!(rows("no table").is_err());
    }
}
