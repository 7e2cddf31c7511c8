//! What a play came to, in words and in JSON.

use serde::Serialize;

use super::output::Output;
use super::{Error, FAILED, OK, complain};
use crate::host::Role;
use crate::ops::mount::Played;

#[derive(Serialize)]
struct View<'p> {
    schema: u32,
    role: &'static str,
    entries: u64,
    new_files: u64,
    new_directories: u64,
    existing: u64,
    refused: Vec<Bad<'p>>,
    failed: Vec<Bad<'p>>,
    /// The slot that ended the play.
    stopped: Option<Bad<'p>>,
}

#[derive(Serialize)]
struct Bad<'p> {
    index: u64,
    offset: u64,
    path: Option<&'p str>,
    reason: String,
}

impl Bad<'_> {
    fn line(&self, verb: &str) -> String {
        let Self {
            index,
            offset,
            path,
            reason,
        } = self;
        let path = path.map(|p| format!(" {p:?}")).unwrap_or_default();
        format!("{verb} log entry {index}{path} at offset {offset}: {reason}")
    }
}

/// Prints it and returns the exit status: whether every counted entry is there.
pub(super) fn print(played: &Played, json: bool, out: &mut Output) -> Result<u8, Error> {
    let view = view(played);
    for bad in &view.refused {
        complain(&bad.line("refused"));
    }
    for bad in &view.failed {
        complain(&bad.line("cannot play"));
    }
    if let Some(stop) = &view.stopped {
        complain(&stop.line("stopped before"));
        complain("hint: if its writer is at work, try again; else `famfs fsck` shows more");
    }
    if json {
        out.json(&view)?;
    } else {
        out.line(&format!(
            "{} log entries, {} new files, {} new directories, {} there already",
            view.entries, view.new_files, view.new_directories, view.existing
        ))?;
    }
    Ok(if played.outcome.is_complete() {
        OK
    } else {
        FAILED
    })
}

fn view(played: &Played) -> View<'_> {
    let outcome = &played.outcome;
    View {
        schema: 1,
        role: match played.role {
            Role::Master => "master",
            Role::Client => "client",
        },
        entries: played.entries,
        new_files: outcome.new_files,
        new_directories: outcome.new_dirs,
        existing: outcome.existing,
        refused: outcome
            .refused
            .iter()
            .map(|r| Bad {
                index: r.index,
                offset: r.offset,
                path: r.path.as_deref(),
                reason: r.reason.to_string(),
            })
            .collect(),
        failed: outcome
            .failed
            .iter()
            .map(|f| Bad {
                index: f.index,
                offset: f.offset,
                path: Some(&f.path),
                reason: f.reason.clone(),
            })
            .collect(),
        stopped: outcome.stop.as_ref().map(|s| Bad {
            index: s.index,
            offset: s.offset,
            path: None,
            reason: s.reason.to_string(),
        }),
    }
}
