//! What a play came to, in words and in JSON.

use famfs_cli::name::MaybePath;
use serde::Serialize;

use super::output::Output;
use super::{Error, FAILED, OK, complain};
use famfs_machine::host::{self};
use famfs_media::player::act::Report;
use famfs_media::player::{Refused, Skipped, Stop};
use famfs_media::role::Role;
use famfs_runtime::ops::follow::Round;
use famfs_runtime::ops::logplay::Played;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct View {
    schema: u32,
    role: &'static str,
    entries: u64,
    new_files: u64,
    new_directories: u64,
    existing: u64,
    repaired: Vec<Line>,
    differing: Vec<Line>,
    skipped: Vec<Line>,
    refused: Vec<Line>,
    failed: Vec<Line>,
    /// The slot that ended the play.
    stopped: Option<Line>,
}

/// Returns what to say of a mount that a signal ended.
pub(super) fn interrupted(remount: bool) -> &'static str {
    if remount {
        "interrupted: not every file of the log is there"
    } else {
        "interrupted: it is not mounted"
    }
}

/// One entry and what is to be said about it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Line {
    index: u64,
    offset: u64,
    #[serde(flatten)]
    path: MaybePath,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    reason: String,
}

impl Line {
    fn text(&self, verb: &str) -> String {
        let Self {
            index,
            offset,
            path,
            reason,
            ..
        } = self;
        let path = path.text().map(|p| format!(" {p:?}")).unwrap_or_default();
        format!("{verb} log entry {index}{path} at offset {offset}: {reason}")
    }
}

impl From<&Report> for Line {
    fn from(report: &Report) -> Self {
        Self {
            index: report.index,
            offset: report.offset,
            path: Some(&*report.path).into(),
            code: None,
            reason: report.reason.clone(),
        }
    }
}

impl From<&Refused> for Line {
    fn from(refused: &Refused) -> Self {
        Self {
            index: refused.index,
            offset: refused.offset,
            path: refused.path.as_deref().into(),
            code: Some(refused.reason.code()),
            reason: refused.reason.to_string(),
        }
    }
}

impl From<&Skipped> for Line {
    fn from(skipped: &Skipped) -> Self {
        Self {
            index: skipped.index,
            offset: skipped.offset,
            path: MaybePath::default(),
            code: Some(skipped.what.code()),
            reason: skipped.what.to_string(),
        }
    }
}

impl From<&Stop> for Line {
    fn from(stop: &Stop) -> Self {
        Self {
            index: stop.index,
            offset: stop.offset,
            path: MaybePath::default(),
            code: Some("bad-entry"),
            reason: stop.reason.to_string(),
        }
    }
}

fn lines<'p, T>(items: &'p [T]) -> Vec<Line>
where
    Line: From<&'p T>,
{
    items.iter().map(Line::from).collect()
}

impl View {
    pub(super) fn new(played: &Played) -> Self {
        let outcome = &played.outcome;
        Self {
            schema: 1,
            role: match played.role {
                Role::Master => "master",
                Role::Client => "client",
            },
            entries: played.entries,
            new_files: outcome.new_files,
            new_directories: outcome.new_dirs,
            existing: outcome.existing,
            repaired: lines(&outcome.repaired),
            differing: lines(&outcome.differing),
            skipped: lines(&outcome.skipped),
            refused: lines(&outcome.refused),
            failed: lines(&outcome.failed),
            stopped: outcome.stop.as_ref().map(Line::from),
        }
    }

    /// Says on standard error what is not simply there now.
    pub(super) fn complain(&self) {
        for (verb, lines) in [
            ("note: skipped", &self.skipped),
            ("note: left as it is:", &self.differing),
            ("note: put right", &self.repaired),
            ("refused", &self.refused),
            ("cannot play", &self.failed),
        ] {
            for line in lines {
                complain(&line.text(verb));
            }
        }
        if let Some(stop) = &self.stopped {
            complain(&stop.text("stopped before"));
            complain("hint: if its writer is at work, try again; else `famfs fsck` shows more");
        }
    }
}

/// Says why this host is a client of everything, if it does not know who it is.
pub(super) fn complain_of_identity(role: Role) {
    if role == Role::Client
        && let Err(e) = host::system_uuid()
    {
        let hint = e.hint();
        complain(&format!("note: {:#}", anyhow::Error::from(e)));
        if let Some(hint) = hint {
            complain(&format!("hint: {hint}"));
        }
    }
}

/// Prints it and returns the exit status: whether every counted entry is there.
pub(super) fn print(played: &Played, json: bool, out: &mut Output) -> Result<u8, Error> {
    complain_of_identity(played.role);
    let view = View::new(played);
    view.complain();
    if json {
        out.json(&view)?;
    } else {
        out.line(&format!(
            "{} log entries, {} new files, {} new directories, {} there already",
            view.entries, view.new_files, view.new_directories, view.existing
        ))?;
    }
    Ok(status(played))
}

/// One look of `logplay --follow`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RoundView {
    /// How many entries the mount was behind the log.
    behind: u64,
    /// How long it took to catch up.
    took_ms: u64,
    #[serde(flatten)]
    played: View,
}

/// Prints what a look at the log came to, at once.
pub(super) fn round(round: &Round, json: bool, out: &mut Output) -> Result<(), Error> {
    let view = RoundView {
        behind: round.behind,
        took_ms: u64::try_from(round.took.as_millis()).unwrap_or(u64::MAX),
        played: View::new(&round.played),
    };
    view.played.complain();
    if json {
        out.json_line(&view)?;
    } else {
        out.line(&format!(
            "{} entries behind: {} new files, {} new directories after {} ms; {} entries",
            view.behind,
            view.played.new_files,
            view.played.new_directories,
            view.took_ms,
            view.played.entries
        ))?;
    }
    out.finish().map_err(Error::Output)
}

pub(super) fn status(played: &Played) -> u8 {
    if played.outcome.is_complete() {
        OK
    } else {
        FAILED
    }
}
