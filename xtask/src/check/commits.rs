//! The commits that are new: each has a subject that says where and what, and a body that says why.

use std::process::Command;

use anyhow::Result;

use super::Outcome;
use crate::{paths, process};

/// The longest subject, in characters. Git's own listings cut longer ones.
const SUBJECT_MAX: usize = 60;

/// Where the default branch may be found, the first that exists counts.
const BASES: [&str; 4] = ["origin/HEAD", "origin/main", "main", "master"];

/// Separates a commit's fields, and commits: bytes that no message holds.
const FIELD: char = '\u{1f}';
const RECORD: char = '\u{1e}';

/// A commit as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
struct Commit<'t> {
    hash: &'t str,
    subject: &'t str,
    body: &'t str,
}

/// Looks at the commits that are not on the default branch, or at the newest one if there is none.
/// Merges are not looked at.
pub(super) fn check() -> Result<Outcome> {
    if git(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_err() {
        return Ok(Outcome::Skipped("there is no commit here".to_owned()));
    }
    let text = match base() {
        Some(base) => log(&[&format!("{base}..HEAD")])?,
        None => String::new(),
    };
    let text = if text.is_empty() {
        log(&["-1", "HEAD"])?
    } else {
        text
    };
    let commits = parse(&text);
    let found: Vec<String> = commits.iter().flat_map(findings).collect();
    anyhow::ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(Outcome::Passed(format!("{} commits", commits.len())))
}

/// Returns the default branch, if it is known and another commit than HEAD's.
fn base() -> Option<&'static str> {
    let hash = |name: &str| git(&["rev-parse", "--verify", "--quiet", name]).ok();
    let head = hash("HEAD");
    BASES
        .into_iter()
        .find(|name| hash(name).is_some_and(|base| Some(base) != head))
}

fn log(range: &[&str]) -> Result<String> {
    let format = format!("--format=%h{FIELD}%s{FIELD}%b{RECORD}");
    let mut args = vec!["log", "--no-merges", &format];
    args.extend(range);
    args.push("--");
    git(&args)
}

fn git(args: &[&str]) -> Result<String> {
    process::stdout(
        Command::new("git")
            .args(args)
            .current_dir(paths::workspace()),
    )
}

fn parse(text: &str) -> Vec<Commit<'_>> {
    let records = text.split(RECORD).map(str::trim);
    records
        .filter_map(|record| {
            let mut fields = record.splitn(3, FIELD);
            Some(Commit {
                hash: fields.next()?,
                subject: fields.next()?,
                body: fields.next()?.trim(),
            })
        })
        .collect()
}

fn findings(commit: &Commit<'_>) -> Vec<String> {
    let Commit {
        hash,
        subject,
        body,
    } = commit;
    let mut found = Vec::new();
    let length = subject.chars().count();
    if length > SUBJECT_MAX {
        found.push(format!(
            "{hash}: the subject has {length} characters; {SUBJECT_MAX} are the limit: {subject}"
        ));
    }
    if !names_an_area(subject) {
        found.push(format!(
            "{hash}: the subject is not `area: imperative`: {subject}"
        ));
    }
    if body.is_empty() {
        found.push(format!(
            "{hash}: there is no body that says why, and shows the number or the test: {subject}"
        ));
    }
    found
}

/// Returns whether a subject begins with an area in lower case, or with several between commas.
fn names_an_area(subject: &str) -> bool {
    let is_area = |area: &str| {
        !area.is_empty()
            && area
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    subject
        .split_once(": ")
        .is_some_and(|(areas, rest)| areas.split(", ").all(is_area) && !rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(subject: &str, body: &str) -> usize {
        let hash = "0123abc";
        findings(&Commit {
            hash,
            subject,
            body,
        })
        .len()
    }

    #[test]
    fn a_subject_names_an_area_and_is_short_and_a_body_says_why() {
        assert_eq!(
            found("kmod: refuse a map of no extents", "It was taken."),
            0
        );
        assert_eq!(found("kmod: refuse a map of no extents", ""), 1);
        assert_eq!(found("top, runtime: hear a signal", "It was lost."), 0);
        assert_eq!(found("Refuse a map of no extents", "It was taken."), 1);
        assert_eq!(found("a thing: or two: three", "Why."), 1);
        assert_eq!(found(&format!("kmod: {}", "é".repeat(54)), "Why."), 0);
        assert_eq!(found(&format!("kmod: {}", "é".repeat(55)), "Why."), 1);
        assert_eq!(found(&"x".repeat(61), ""), 3);
    }

    #[test]
    fn a_log_is_taken_apart() {
        let text =
            format!("1a{FIELD}a: b{FIELD}why\n\nmore\n{RECORD}\n2b{FIELD}c: d{FIELD}{RECORD}\n");
        let commits = parse(&text);
        assert_eq!(commits.len(), 2);
        assert_eq!(
            (commits[0].subject, commits[0].body),
            ("a: b", "why\n\nmore")
        );
        assert_eq!((commits[1].hash, commits[1].body), ("2b", ""));
    }
}
