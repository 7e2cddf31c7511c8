//! Carries out a plan. A second time changes nothing.

use std::io;
use std::path::{Path, PathBuf};

use super::again::{self, Late};
use super::plan::{Action, Make, Owner, Plan, Refused, Skipped, Stop};
use super::tree::{Found, Mapped, Tree};
use super::why::{self, InPlace};
use crate::format::Placement;
use crate::role::Role;

/// The number of actions after which the caller is asked whether to go on. Asking takes longer than
/// an action, and a user does not notice a delay of 256.
const PROGRESS_STEP: usize = 256;

/// How a plan is carried out.
#[derive(Debug)]
pub struct Options {
    /// What this host is to the file system.
    pub role: Role,
    /// Make nothing, only look.
    pub dry_run: bool,
    /// Correct what is there and differs from the log.
    pub repair: bool,
}

/// What a play did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Files that were made.
    pub new_files: u64,
    /// Folders that were made.
    pub new_dirs: u64,
    /// Files and folders that were there already, as logged.
    pub existing: u64,
    /// What was corrected.
    pub repaired: Vec<Report>,
    /// What is there and usable, but has another owner or mode than logged.
    pub differing: Vec<Report>,
    /// What could not be made or corrected.
    pub failed: Vec<Report>,
    /// Entries whose content is bad.
    pub refused: Vec<Refused>,
    /// Entries that ask for nothing that this version can do.
    pub skipped: Vec<Skipped>,
    /// Where the play ended before the counted end.
    pub stop: Option<Stop>,
    /// Whether the caller ended the play before the last entry.
    pub interrupted: bool,
}

/// An entry and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The slot of the entry.
    pub index: u64,
    /// Where the entry starts, in bytes from the start of the device.
    pub offset: u64,
    /// The name that was logged.
    pub path: PathBuf,
    /// What happened, in words.
    pub reason: String,
}

impl Outcome {
    /// Returns whether every counted entry that makes something is in the mount now.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
            && self.failed.is_empty()
            && self.stop.is_none()
            && !self.interrupted
    }
}

/// A logged name, and how what is there differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name that was logged.
    pub path: PathBuf,
    /// The difference, in words, with what to do about it.
    pub reason: String,
}

/// Lists every name of the log that is not in a tree as it was logged. Owners and modes are not
/// compared: each host may change its own.
pub fn compare(plan: &Plan, tree: &mut dyn Tree, role: Role) -> Vec<Difference> {
    let options = Options {
        role,
        dry_run: true,
        repair: false,
    };
    let differs = |action: &Action| match act(tree, action, &options, First::Look) {
        Ok(Done::New) => Some(why::missing(plan, tree, action)),
        Ok(Done::Existing | Done::Differs(_) | Done::Repaired(_)) => None,
        Err(e) => Some(why::failed(plan, tree, action, &e, false)),
    };
    let reasons = plan.actions.iter().map(differs);
    plan.actions
        .iter()
        .zip(reasons)
        .filter_map(|(action, reason)| {
            Some(Difference {
                path: action.path.path().to_owned(),
                reason: reason?,
            })
        })
        .collect()
}

/// What became of one action.
pub(super) enum Done {
    New,
    Existing,
    Differs(String),
    Repaired(String),
}

/// What is tried first for a name, before it is known whether the name is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// The cheaper way for a name that is new.
    Make,
    /// The cheaper way for a name that is there already.
    Look,
}

/// Carries out the actions of a plan from number `first` on. `progress` is called with how many
/// actions are done and how many there are, and returns whether to go on.
pub fn play(
    plan: &Plan,
    first: usize,
    tree: &mut dyn Tree,
    options: &Options,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Outcome {
    let mut outcome = Outcome {
        refused: plan.refused.clone(),
        skipped: plan.skipped.clone(),
        stop: plan.stop.clone(),
        ..Outcome::default()
    };
    let actions = plan.actions.get(first..).unwrap_or_default();
    // The names of a log are nearly always all new or all there, so each is taken for what the
    // one before it was. A wrong guess costs a system call or two, and changes nothing else.
    let mut guess = First::Make;
    let mut late = Vec::new();
    for (done, action) in actions.iter().enumerate() {
        if done % PROGRESS_STEP == 0 && !progress(done, actions.len()) {
            again::stop(plan, tree, options, late, &mut outcome);
            outcome.interrupted = true;
            return outcome;
        }
        let done = act(tree, action, options, guess);
        guess = match done {
            Ok(Done::New) => First::Make,
            _ => First::Look,
        };
        match done {
            // What is in its way may be a logged name that this repair has not come to yet.
            Err(error) if options.repair && !options.dry_run => late.push(Late::new(action, error)),
            done => outcome.add(plan, tree, action, done, options.repair),
        }
    }
    progress(actions.len(), actions.len());
    again::settle(plan, tree, options, late, &mut outcome);
    outcome
}

impl Outcome {
    pub(super) fn add(
        &mut self,
        plan: &Plan,
        tree: &mut dyn Tree,
        action: &Action,
        done: io::Result<Done>,
        repaired: bool,
    ) {
        let report = |reason: String| Report {
            index: action.index,
            offset: action.offset,
            path: action.path.path().to_owned(),
            reason,
        };
        match done {
            Ok(Done::New) if action.make == Make::Dir => self.new_dirs += 1,
            Ok(Done::New) => self.new_files += 1,
            Ok(Done::Existing) => self.existing += 1,
            Ok(Done::Differs(how)) => {
                self.existing += 1;
                self.differing.push(report(how));
            }
            Ok(Done::Repaired(how)) => self.repaired.push(report(how)),
            Err(e) => self
                .failed
                .push(report(why::failed(plan, tree, action, &e, repaired))),
        }
    }
}

/// Carries out one action. The kernel's errors are returned as they are, since only the caller,
/// which has the plan, can explain them.
pub(super) fn act(
    tree: &mut dyn Tree,
    action: &Action,
    options: &Options,
    first: First,
) -> io::Result<Done> {
    let path = action.path.path();
    let mut owner = action.owner;
    // A folder's bits are what was logged, as with upstream's tools: it is the files of another
    // host that must not be written.
    if action.make != Make::Dir {
        owner.mode &= options.role.mode_mask();
    }
    let mut found = None;
    if options.dry_run || first == First::Look {
        found = tree.look(path)?;
    }
    if found.is_none() && !options.dry_run {
        let made = match &action.make {
            Make::Dir => tree.make_dir(path, owner),
            Make::File { size, placement } => tree.make_file(path, owner, *size, placement),
        };
        match made {
            Ok(()) => return Ok(Done::New),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
        found = tree.look(path)?;
    }
    let Some(found) = found else {
        return if options.dry_run {
            Ok(Done::New)
        } else {
            Err(io::Error::other("it was removed while it was looked at"))
        };
    };
    match (&action.make, found) {
        (Make::Dir, Found::Dir(has)) => settle_owner(tree, path, has, owner, options),
        (Make::File { size, placement }, Found::File(has, mapped)) => {
            let wanted = Wanted {
                owner,
                size: *size,
                placement,
            };
            settle_file(tree, path, has, mapped, &wanted, options)
        }
        (Make::Dir, Found::File(_, mapped)) => Err(InPlace::File(mapped).into()),
        (Make::File { .. }, Found::Dir(_)) => Err(InPlace::Folder.into()),
        (_, Found::Other) => Err(InPlace::Other.into()),
    }
}

struct Wanted<'p> {
    owner: Owner,
    size: u64,
    placement: &'p Placement,
}

/// A file is there: is it the logged one?
fn settle_file(
    tree: &mut dyn Tree,
    path: &Path,
    has: Owner,
    mapped: Mapped,
    wanted: &Wanted<'_>,
    options: &Options,
) -> io::Result<Done> {
    let (why, in_use) = match mapped {
        Mapped::Nothing if options.dry_run => return Ok(Done::New),
        Mapped::Nothing => {
            // Made afresh, not adopted: whoever made it may have it open for writing, and would
            // keep that way into another host's memory.
            tree.remove_file(path, false)?;
            tree.make_file(path, wanted.owner, wanted.size, wanted.placement)?;
            return Ok(Done::New);
        }
        Mapped::Map { size, placement }
            if size == wanted.size && placement == *wanted.placement =>
        {
            return settle_owner(tree, path, has, wanted.owner, options);
        }
        Mapped::Hidden { size } if size == wanted.size => {
            return settle_owner(tree, path, has, wanted.owner, options);
        }
        Mapped::Map { size, .. } | Mapped::Hidden { size } => (
            format!("a file of {size} bytes with another map stands in its place"),
            true,
        ),
        Mapped::Invalid => (
            "its size was changed, which made it invalid".to_owned(),
            false,
        ),
    };
    if !options.repair {
        return Err(io::Error::other(format!(
            "{why}; `famfs logplay --repair` makes it again"
        )));
    }
    if !options.dry_run {
        tree.remove_file(path, in_use)?;
        tree.make_file(path, wanted.owner, wanted.size, wanted.placement)?;
    }
    Ok(Done::Repaired(why))
}

/// It is what was logged; who may use it may differ.
fn settle_owner(
    tree: &mut dyn Tree,
    path: &Path,
    has: Owner,
    wanted: Owner,
    options: &Options,
) -> io::Result<Done> {
    if has == wanted {
        return Ok(Done::Existing);
    }
    let how = format!(
        "it is {:o} {}:{}, logged as {:o} {}:{}",
        has.mode, has.uid, has.gid, wanted.mode, wanted.uid, wanted.gid
    );
    if !options.repair {
        return Ok(Done::Differs(how));
    }
    if !options.dry_run {
        tree.set_owner(path, wanted)?;
    }
    Ok(Done::Repaired(how))
}
