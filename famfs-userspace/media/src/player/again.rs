//! What a repair tries again at its end, because names were in each other's way.

use std::io;
use std::path::PathBuf;

use super::act::{Done, First, Options, Outcome, act};
use super::plan::{Action, Make, Plan};
use super::tree::{Found, Mapped, Tree};
use super::why;

/// An action that failed, and how.
pub(super) struct Late<'p> {
    action: &'p Action,
    error: io::Error,
    /// What it was called before it was moved to where it belongs.
    was: Option<PathBuf>,
}

impl<'p> Late<'p> {
    pub(super) fn new(action: &'p Action, error: io::Error) -> Self {
        Self {
            action,
            error,
            was: None,
        }
    }
}

/// Tries what failed again until nothing more succeeds. If logged names were swapped, each gave its
/// memory back when the repair came to it, so a second try succeeds; a file under a name that the
/// log does not have is moved back.
pub(super) fn settle(
    plan: &Plan,
    tree: &mut dyn Tree,
    options: &Options,
    mut late: Vec<Late<'_>>,
    outcome: &mut Outcome,
) {
    while !late.is_empty() {
        let before = late.len();
        late = once(plan, tree, options, late, outcome);
        if late.len() == before && !take_back(plan, tree, &mut late) {
            break;
        }
    }
    give_up(plan, tree, late, outcome);
    // In the order of the log, as everything else.
    outcome.repaired.sort_by_key(|report| report.index);
}

/// Tries what failed a last time, for a repair that is interrupted: no name that was taken away is
/// left out for lack of one more call, and none that cannot be made goes unreported.
pub(super) fn stop(
    plan: &Plan,
    tree: &mut dyn Tree,
    options: &Options,
    late: Vec<Late<'_>>,
    outcome: &mut Outcome,
) {
    let left = once(plan, tree, options, late, outcome);
    give_up(plan, tree, left, outcome);
}

/// Reports what could not be made.
fn give_up(plan: &Plan, tree: &mut dyn Tree, late: Vec<Late<'_>>, outcome: &mut Outcome) {
    for Late { action, error, .. } in late {
        outcome.add(plan, tree, action, Err(error), true);
    }
}

/// Tries each action once more, and returns those that failed again.
fn once<'p>(
    plan: &Plan,
    tree: &mut dyn Tree,
    options: &Options,
    late: Vec<Late<'p>>,
    outcome: &mut Outcome,
) -> Vec<Late<'p>> {
    let mut left = Vec::new();
    for late in late {
        let done = match act(tree, late.action, options, First::Make) {
            Err(error) => {
                left.push(Late { error, ..late });
                continue;
            }
            Ok(done) => done,
        };
        let done = match late.was {
            Some(was) => Done::Repaired(format!("it was called {}", was.display())),
            None if why::is_of_memory(&late.error) => {
                Done::Repaired("another name had its memory".to_owned())
            }
            None => done,
        };
        outcome.add(plan, tree, late.action, Ok(done), true);
    }
    left
}

/// Moves back each file whose name the log does not have for any file. Its map shows that it is the
/// logged file. A process that has it open keeps it.
fn take_back(plan: &Plan, tree: &mut dyn Tree, late: &mut [Late<'_>]) -> bool {
    let mut moved = false;
    for late in late {
        let Make::File { size, placement } = &late.action.make else {
            continue;
        };
        if late.was.is_some() || !why::is_of_memory(&late.error) {
            continue;
        }
        let path = late.action.path.path();
        let Some(holder) = tree.holder(path, placement) else {
            continue;
        };
        if plan.has_file(&holder) || !is_logged_one(tree, &holder, *size, placement) {
            continue;
        }
        match tree.rename(&holder, path) {
            Ok(()) => {
                late.was = Some(holder);
                moved = true;
            }
            Err(e) => {
                let why = format!("cannot move {} back to its name: {e}", holder.display());
                late.error = io::Error::new(e.kind(), why);
            }
        }
    }
    moved
}

/// Returns whether the file of this name has exactly this map.
pub(super) fn is_logged_one(
    tree: &mut dyn Tree,
    path: &std::path::Path,
    size: u64,
    placement: &crate::format::Placement,
) -> bool {
    matches!(
        tree.look(path),
        Ok(Some(Found::File(_, Mapped::Map { size: has, placement: map })))
            if has == size && map == *placement
    )
}
