//! Explains why a name is not as it was logged, and what to do about it. Advice to remove a file is
//! given only after a look at the plan: a file that the log lists must not be removed because it has
//! the wrong name.

use std::io;
use std::path::Path;

use thiserror::Error;

use super::again::is_logged_one;
use super::plan::{Action, Make, Plan};
use super::tree::{Mapped, Tree};
use crate::format::Placement;

/// What stands where something else was logged.
#[derive(Debug, Error)]
pub(super) enum InPlace {
    #[error("a file stands in its place")]
    File(Mapped),
    #[error("a folder stands in its place")]
    Folder,
    #[error("neither a file nor a folder stands in its place")]
    Other,
}

impl From<InPlace> for io::Error {
    fn from(what: InPlace) -> Self {
        Self::other(what)
    }
}

/// Returns whether a file could not be made because something else has its memory.
pub(super) fn is_of_memory(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::ResourceBusy
}

/// Explains why an action failed. `repaired` says whether a repair has tried.
pub(super) fn failed(
    plan: &Plan,
    tree: &mut dyn Tree,
    action: &Action,
    e: &io::Error,
    repaired: bool,
) -> String {
    if let Make::File { size, placement } = &action.make
        && is_of_memory(e)
    {
        let path = action.path.path();
        return held(plan, tree, path, *size, placement, repaired).unwrap_or_else(|| {
            // A removed file keeps its memory as long as somebody has it open.
            "its memory is still in use: a process has a removed file open that has it, or \
             another file lies over it"
                .to_owned()
        });
    }
    let in_place = e.get_ref().and_then(|e| e.downcast_ref::<InPlace>());
    in_place.map_or_else(|| e.to_string(), |what| in_the_way(plan, what))
}

/// Explains that a logged name is missing.
pub(super) fn missing(plan: &Plan, tree: &mut dyn Tree, action: &Action) -> String {
    let index = action.index;
    let how = match &action.make {
        Make::File { size, placement } => {
            held(plan, tree, action.path.path(), *size, placement, false)
        }
        Make::Dir => None,
    };
    let how = how.unwrap_or_else(|| "`famfs logplay` makes it again".to_owned());
    format!("log entry {index} made it, and it is missing here: {how}")
}

/// Names the file that has the memory that another file cannot have, with what to do about it.
fn held(
    plan: &Plan,
    tree: &mut dyn Tree,
    path: &Path,
    size: u64,
    placement: &Placement,
    repaired: bool,
) -> Option<String> {
    let holder = tree.holder(path, placement)?;
    let shown = holder.display();
    let advice = if plan.has_file(&holder) {
        if repaired {
            format!(
                "a name that the log gives other memory, and which could not be put right either: \
                 see what is said of {shown}, then play the log with --repair again"
            )
        } else {
            "a name that the log gives other memory: `famfs logplay --repair` puts both right"
                .to_owned()
        }
    } else if is_logged_one(tree, &holder, size, placement) {
        if repaired {
            "which is this file under another name: move it back".to_owned()
        } else {
            "which is this file under another name: `famfs logplay --repair` moves it back"
                .to_owned()
        }
    } else if plan.has_refused(&holder) {
        "which the log has in an entry that is refused: `famfs fsck` shows both".to_owned()
    } else {
        "which the log does not have under any name: remove that file and play the log again \
         (`famfs opts MPT --set unlink` allows it)"
            .to_owned()
    };
    Some(format!("its memory is held by {shown}, {advice}"))
}

fn in_the_way(plan: &Plan, what: &InPlace) -> String {
    match what {
        InPlace::File(Mapped::Map { placement, .. }) => match plan.file_with(placement) {
            Some(logged) => format!(
                "{what}, which the log has as {}: move it back",
                logged.path.path().display()
            ),
            None => format!("{what}; remove it"),
        },
        // What is in it may be logged under another name, too.
        InPlace::Folder => format!("{what}; move it away"),
        InPlace::File(_) | InPlace::Other => format!("{what}; remove it"),
    }
}
