//! Carries out a plan. Doing it twice is doing it once.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::plan::{Action, Make, Owner, Plan, Refused, Skipped, Stop};
use super::tree::{Found, Mapped, Tree};
use crate::host::Role;
use crate::media::Placement;

/// How often the caller hears of it: once in so many actions.
const PROGRESS_STEP: usize = 256;

/// How a plan is carried out.
#[derive(Debug)]
pub struct Options {
    pub role: Role,
    /// Make nothing, only look.
    pub dry_run: bool,
    /// Put right what is there and differs from the log.
    pub repair: bool,
}

/// What a play did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub new_files: u64,
    pub new_dirs: u64,
    /// Files and folders that were there already, as logged.
    pub existing: u64,
    /// What was put right.
    pub repaired: Vec<Report>,
    /// What is there and usable, with another owner or mode than logged.
    pub differing: Vec<Report>,
    pub failed: Vec<Report>,
    pub refused: Vec<Refused>,
    pub skipped: Vec<Skipped>,
    pub stop: Option<Stop>,
    /// Whether it was told to end before it came to the last entry.
    pub interrupted: bool,
}

/// An entry, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub index: u64,
    pub offset: u64,
    pub path: PathBuf,
    pub reason: String,
}

impl Outcome {
    /// Whether every counted entry that makes something is in the mount now.
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
    pub path: PathBuf,
    pub reason: String,
}

/// Every name of the log that is not in a tree as it was logged. Other owners and modes are
/// the host's own business.
pub fn compare(plan: &Plan, tree: &mut dyn Tree, role: Role) -> Vec<Difference> {
    let options = Options {
        role,
        dry_run: true,
        repair: false,
    };
    let differs = |action: &Action| match act(tree, action, plan, &options, First::Look) {
        Ok(Done::New) => Some(missing(tree, action)),
        Ok(Done::Existing | Done::Differs(_) | Done::Repaired(_)) => None,
        Err(e) => Some(e.to_string()),
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

fn missing(tree: &dyn Tree, action: &Action) -> String {
    let path = action.path.path();
    let holder = match &action.make {
        Make::File { placement, .. } => tree.holder(path, placement),
        Make::Dir => None,
    };
    let index = action.index;
    match holder {
        Some(holder) => format!(
            "log entry {index} made it, and it is missing here: its memory is held by {}, which \
             may be this file under another name; move it back",
            holder.display()
        ),
        None => format!(
            "log entry {index} made it, and it is missing here: `famfs logplay` makes it again"
        ),
    }
}

/// What one action came to.
enum Done {
    New,
    Existing,
    Differs(String),
    Repaired(String),
}

/// What is tried first for a name, to find out whether it is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// The cheaper way for a name that is new.
    Make,
    /// The cheaper way for a name that is there already.
    Look,
}

/// Carries out the actions of a plan from number `first` on. `progress` hears how many of
/// how many are done, and says whether to go on.
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
    let mut waiting = Vec::new();
    for (done, action) in actions.iter().enumerate() {
        if done % PROGRESS_STEP == 0 && !progress(done, actions.len()) {
            outcome.interrupted = true;
            break;
        }
        let done = act(tree, action, plan, options, guess);
        guess = match done {
            Ok(Done::New) => First::Make,
            _ => First::Look,
        };
        match done {
            Err(e) if options.repair && e.kind() == io::ErrorKind::ResourceBusy => {
                waiting.push(action);
            }
            done => outcome.add(action, done),
        }
    }
    make_waiting(waiting, plan, tree, options, &mut outcome);
    if !outcome.interrupted {
        progress(actions.len(), actions.len());
    }
    outcome
}

/// Makes the files whose memory another logged name held: that one was put right since, or is
/// itself among them, as where names were exchanged.
fn make_waiting(
    mut waiting: Vec<&Action>,
    plan: &Plan,
    tree: &mut dyn Tree,
    options: &Options,
    outcome: &mut Outcome,
) {
    loop {
        let before = waiting.len();
        let mut failed = Vec::new();
        waiting.retain(|action| {
            let done = match act(tree, action, plan, options, First::Make) {
                Ok(Done::New) => Ok(Done::Repaired(
                    "another name held its memory, which was put right".to_owned(),
                )),
                Err(e) => {
                    failed.push(e);
                    return true;
                }
                done => done,
            };
            outcome.add(action, done);
            false
        });
        if waiting.is_empty() || waiting.len() == before {
            for (action, e) in waiting.into_iter().zip(failed) {
                outcome.add(action, Err(e));
            }
            return;
        }
    }
}

impl Outcome {
    fn add(&mut self, action: &Action, done: io::Result<Done>) {
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
            Err(e) => self.failed.push(report(e.to_string())),
        }
    }
}

fn act(
    tree: &mut dyn Tree,
    action: &Action,
    plan: &Plan,
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
            Err(e) => return Err(of_memory(tree, action, plan, e)),
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
                .map_err(|e| of_memory(tree, action, plan, e))
        }
        (Make::Dir, Found::File(..)) => Err(in_place("a file")),
        (Make::File { .. }, Found::Dir(_)) => Err(in_place("a folder")),
        (_, Found::Other) => Err(in_place("neither a file nor a folder")),
    }
}

fn in_place(what: &str) -> io::Error {
    io::Error::other(format!("{what} stands in its place; remove it"))
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
            "{why}; `famfs logplay --repair` makes it anew"
        )));
    }
    if !options.dry_run {
        tree.remove_file(path, in_use)?;
        tree.make_file(path, wanted.owner, wanted.size, wanted.placement)?;
    }
    Ok(Done::Repaired(why))
}

/// Says who has the memory that a file cannot have, and what to do about it.
fn of_memory(tree: &dyn Tree, action: &Action, plan: &Plan, e: io::Error) -> io::Error {
    let Make::File { placement, .. } = &action.make else {
        return e;
    };
    if e.kind() != io::ErrorKind::ResourceBusy {
        return e;
    }
    let is_logged = |path: &Path| plan.names.contains_key(path.as_os_str().as_bytes());
    let why = match tree.holder(action.path.path(), placement) {
        Some(holder) if is_logged(&holder) => format!(
            "its memory is held by {}, a name that the log gives other memory: the two may have \
             been exchanged; `famfs logplay --repair` puts both right",
            holder.display()
        ),
        Some(holder) => format!(
            "its memory is held by {}, which the log does not have under that name: move that \
             file to where it belongs, or remove it, and play the log again (`famfs opts MPT \
             --set rename,unlink` allows it)",
            holder.display()
        ),
        // A removed file keeps its memory as long as somebody has it open.
        None => "its memory is still in use: a process has a removed file open that has it, or \
                 another file lies over it"
            .to_owned(),
    };
    io::Error::new(e.kind(), why)
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
