//! Plays into a model of a mount: what is made, compared, put right; and logs that grow
//! or arrive late.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use common::Ram;
use common::builder::{Builder, DATA, DEVICE, ENTRY, LOG, MIB, interleaved_entry, put32, put64};
use common::model::Model;
use common::play::{MASTER, REPAIR, plan, play};
use famfs_media::format::{Extent, Placement};
use famfs_media::memory::Memory;
use famfs_media::player::plan::{Make, Owner};
use famfs_media::player::tree::{Found, Mapped};
use famfs_media::player::{self, Options, Plan, compare};
use famfs_media::role::Role;
use famfs_media::volume::{News, Volume};
use proptest::prelude::*;

const DRY: Options = Options {
    dry_run: true,
    ..MASTER
};

/// The sample, played.
fn played() -> (Plan, Model) {
    let plan = plan(&Builder::sample().image);
    let mut model = Model::default();
    let outcome = play(&plan, &mut model, &MASTER);
    assert_eq!((outcome.new_files, outcome.new_dirs), (3, 2));
    assert!(outcome.is_complete());
    (plan, model)
}

fn file<'m>(model: &'m mut Model, path: &str) -> &'m mut Found {
    model.nodes.get_mut(&PathBuf::from(path)).unwrap()
}

#[test]
fn a_second_play_changes_nothing() {
    let (plan, mut model) = played();
    let before = model.clone();
    for options in [&MASTER, &REPAIR, &DRY] {
        let outcome = play(&plan, &mut model, options);
        assert_eq!((outcome.existing, outcome.new_files), (5, 0));
        assert!(outcome.is_complete() && outcome.repaired.is_empty());
        assert_eq!(model, before);
    }
}

#[test]
fn a_dry_run_makes_nothing() {
    let plan = plan(&Builder::sample().image);
    let mut model = Model::default();
    let outcome = play(&plan, &mut model, &DRY);
    assert_eq!((outcome.new_files, outcome.new_dirs), (3, 2));
    assert_eq!(model, Model::default());
}

/// Upstream's client clears write bits only of what the log says, and so does this one.
#[test]
fn a_client_has_no_write_bits() {
    let plan = plan(&Builder::sample().image);
    let mut model = Model::default();
    let client = Options {
        role: Role::Client,
        ..MASTER
    };
    play(&plan, &mut model, &client);
    let mode = |path: &str| match &model.nodes[&PathBuf::from(path)] {
        Found::Dir(owner) | Found::File(owner, _) => owner.mode,
        Found::Other => panic!("{path}"),
    };
    assert_eq!((mode("one"), mode("d")), (0o444, 0o755));
    // And finds it as it should be.
    assert_eq!(play(&plan, &mut model, &client).differing, []);
}

#[test]
fn interleaved_files_are_made() {
    let strips = [DATA + 30 * MIB, DATA + 40 * MIB];
    let mut builder = Builder::sample();
    builder.push(interleaved_entry(b"strips", 4 * MIB, 2 * MIB, &strips));
    // A chunk of pages need not be a power of two.
    builder.push(interleaved_entry(b"odd", 1, 12288, &[DATA + 44 * MIB]));
    let mut model = Model::default();
    let outcome = play(&plan(&builder.image), &mut model, &MASTER);
    assert_eq!((outcome.new_files, outcome.failed.len()), (5, 0));
    let Found::File(_, Mapped::Map { size, placement }) = file(&mut model, "strips") else {
        panic!("no file")
    };
    let (devindex, len) = (0, 2 * MIB);
    let extent = |offset| Extent {
        devindex,
        offset,
        len,
    };
    let expected = Placement::Interleaved {
        chunk_size: 2 * MIB,
        strips: strips.map(extent).to_vec(),
    };
    assert_eq!((*size, &*placement), (4 * MIB, &expected));
}

/// A truncate on one host makes a file invalid there; no remount is needed.
#[test]
fn an_invalid_file_is_made_anew() {
    let (plan, mut model) = played();
    let before = model.nodes.clone();
    let Found::File(_, mapped) = file(&mut model, "one") else {
        panic!("no file")
    };
    *mapped = Mapped::Invalid;
    let outcome = play(&plan, &mut model, &MASTER);
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(
        (outcome.failed[0].index, &*outcome.failed[0].path),
        (1, Path::new("one"))
    );
    assert!(outcome.failed[0].reason.contains("--repair"));
    let outcome = play(&plan, &mut model, &REPAIR);
    assert_eq!((outcome.repaired.len(), outcome.existing), (1, 4));
    assert!(outcome.is_complete());
    assert_eq!(model.nodes, before);
}

#[test]
fn another_map_is_told_and_put_right() {
    let (plan, mut model) = played();
    let before = model.nodes.clone();
    let Found::File(_, Mapped::Map { placement, .. }) = file(&mut model, "one") else {
        panic!("no file")
    };
    let Placement::Simple(extents) = placement else {
        panic!("no extents")
    };
    extents[0].offset = DATA + 50 * MIB;
    assert_eq!(play(&plan, &mut model, &MASTER).failed.len(), 1);
    assert!(play(&plan, &mut model, &REPAIR).is_complete());
    assert_eq!(model.nodes, before);
}

/// Memory of a removed file that somebody has open is not given to another.
#[test]
fn a_file_in_use_cannot_be_made_anew() {
    let (plan, mut model) = played();
    let Found::File(_, mapped) = file(&mut model, "one") else {
        panic!("no file")
    };
    let Mapped::Map { placement, .. } = std::mem::replace(mapped, Mapped::Invalid) else {
        panic!("no map")
    };
    model.orphans.push(placement);
    let outcome = play(&plan, &mut model, &REPAIR);
    assert!(outcome.failed[0].reason.contains("has a removed file open"));
    model.orphans.clear();
    assert!(play(&plan, &mut model, &MASTER).is_complete());
}

#[test]
fn owners_are_compared_and_put_right() {
    let (plan, mut model) = played();
    let before = model.nodes.clone();
    for path in ["d", "one"] {
        let (Found::Dir(owner) | Found::File(owner, _)) = file(&mut model, path) else {
            panic!("{path}")
        };
        *owner = Owner {
            uid: 7,
            gid: 7,
            mode: 0o700,
        };
    }
    let outcome = play(&plan, &mut model, &MASTER);
    assert!(outcome.is_complete(), "they can be used");
    assert_eq!(outcome.differing.len(), 2);
    assert_eq!(
        outcome.differing[1].reason,
        "it is 700 7:7, logged as 644 1000:1001"
    );
    let outcome = play(&plan, &mut model, &REPAIR);
    assert_eq!(outcome.repaired.len(), 2);
    assert_eq!(model.nodes, before);
}

#[test]
fn a_file_without_a_map_gets_it() {
    let (plan, mut model) = played();
    let before = model.nodes.clone();
    let Found::File(_, mapped) = file(&mut model, "one") else {
        panic!("no file")
    };
    *mapped = Mapped::Nothing;
    assert_eq!(play(&plan, &mut model, &DRY).new_files, 1);
    assert_eq!(play(&plan, &mut model, &MASTER).new_files, 1);
    assert_eq!(model.nodes, before);
}

#[test]
fn what_stands_in_the_way_is_told_and_left_alone() {
    let (plan, mut model) = played();
    *file(&mut model, "one") = Found::Other;
    let owner = Owner {
        uid: 0,
        gid: 0,
        mode: 0o755,
    };
    *file(&mut model, "d/two") = Found::Dir(owner);
    *file(&mut model, "d/e") = Found::File(owner, Mapped::Nothing);
    let before = model.clone();
    for options in [&MASTER, &REPAIR] {
        let outcome = play(&plan, &mut model, options);
        let told: Vec<_> = outcome.failed.iter().map(|f| f.reason.as_str()).collect();
        assert_eq!(
            told,
            [
                "neither a file nor a folder stands in its place; remove it",
                "a folder stands in its place; move it away",
                "a file stands in its place; remove it",
                // What is below the file.
                "entity not found",
            ]
        );
        assert_eq!(model, before);
    }
}

#[test]
fn progress_of_a_long_play() {
    let mut builder = Builder::new();
    for i in 0..600 {
        builder.mkdir(format!("d{i}").as_bytes());
    }
    let mut heard = Vec::new();
    let plan = plan(&builder.image);
    player::play(
        &plan,
        0,
        &mut Model::default(),
        &MASTER,
        &mut |done, all| {
            heard.push((done, all));
            true
        },
    );
    assert_eq!(heard, [(0, 600), (256, 600), (512, 600), (600, 600)]);
    // Told to end, it does so with what it has made.
    let mut model = Model::default();
    let outcome = player::play(&plan, 0, &mut model, &MASTER, &mut |done, _| done < 256);
    assert_eq!((outcome.new_dirs, model.nodes.len()), (256, 256));
    assert!(!outcome.is_complete());
}

/// Memory that shows part of the log only when it was asked so often.
struct Late {
    now: Ram,
    /// What a slot reads as before.
    stale: Vec<u8>,
    at: u64,
    asked: Cell<u32>,
    shown_after: u32,
}

impl Memory for Late {
    fn len(&self) -> u64 {
        self.now.len()
    }

    fn load(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.now.load(at, into)?;
        let (end, stale_end) = (at + into.len() as u64, self.at + self.stale.len() as u64);
        if self.asked.get() < self.shown_after && at <= self.at && stale_end <= end {
            let from = usize::try_from(self.at - at).unwrap();
            into[from..from + self.stale.len()].copy_from_slice(&self.stale);
        }
        Ok(())
    }

    fn store(&mut self, _at: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn publish(&mut self, _at: u64, _value: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self, _at: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn fence(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn pause(&mut self) {}

    fn invalidate(&mut self, at: u64, len: u64) -> io::Result<()> {
        if at <= self.at && self.at < at + len {
            self.asked.set(self.asked.get() + 1);
        }
        Ok(())
    }
}

fn late(shown_after: u32) -> Late {
    let builder = Builder::sample();
    Late {
        at: builder.entry_at(3) as u64,
        now: Ram::new(builder.image),
        stale: vec![0; ENTRY],
        asked: Cell::new(0),
        shown_after,
    }
}

/// Upstream checks a private copy again, which cannot change.
#[test]
fn a_late_entry_is_asked_of_the_memory_again() {
    // The first look and three more.
    for (shown_after, asked) in [(1, 1), (2, 2), (4, 4)] {
        let mut memory = late(shown_after);
        let volume = Volume::load(&mut memory).unwrap();
        assert_eq!(memory.asked.get(), asked);
        let plan = Plan::new(&volume, None);
        assert_eq!((plan.actions.len(), plan.stop), (5, None));
    }
    let mut memory = late(5);
    let mut volume = Volume::load(&mut memory).unwrap();
    assert_eq!(memory.asked.get(), 4, "it is not asked for ever");
    let mut plan = Plan::new(&volume, None);
    let stop = plan.stop.clone().unwrap();
    assert_eq!(
        (stop.index, stop.offset, plan.actions.len()),
        (3, (LOG + 48 + 3 * ENTRY) as u64, 3)
    );
    // Who follows the log finds it with the next look.
    assert_eq!(volume.refresh(&mut memory).unwrap(), News::Grown);
    plan.extend(&volume);
    assert_eq!((plan.actions.len(), plan.stop), (5, None));
    assert_eq!(volume.refresh(&mut memory).unwrap(), News::Nothing);
}

#[test]
fn another_file_system_is_noticed() {
    let mut builder = Builder::sample();
    let mut volume = Volume::load(&mut Ram::new(builder.image.clone())).unwrap();
    let look =
        |volume: &mut Volume, image: &[u8]| volume.refresh(&mut Ram::new(image.to_vec())).unwrap();
    assert_eq!(look(&mut volume, &builder.image), News::Nothing);
    builder.mkdir(b"more");
    assert_eq!(look(&mut volume, &builder.image), News::Grown);
    assert_eq!(volume.counted(), 6);
    let mut shrunk = builder.image.clone();
    put64(&mut shrunk, LOG + 32, 2);
    put64(&mut shrunk, LOG + 40, 2);
    let mut made_anew = builder.image.clone();
    put32(&mut made_anew, 48, 7);
    let mut other_log = builder.image.clone();
    put64(&mut other_log, LOG, 0);
    for image in [shrunk, made_anew, other_log] {
        assert_eq!(look(&mut volume, &image), News::Replaced);
        assert_eq!(volume.counted(), 6, "nothing was taken over");
    }
    assert_eq!(look(&mut volume, &builder.image), News::Nothing);
}

/// A name, whether it is a folder, and where a file lies in units of 2 MiB.
type Step = (&'static str, bool, u64, u64);

/// Folders and files, some of them where they may not be.
fn logs() -> impl Strategy<Value = Vec<Step>> {
    let name = prop_oneof![
        Just("a"),
        Just("b"),
        Just("a/c"),
        Just("b/c"),
        Just("a/c/d"),
        Just("")
    ];
    proptest::collection::vec((name, any::<bool>(), 0..20_u64, 1..6_u64), 0..24)
}

fn build(steps: &[Step]) -> Vec<u8> {
    let mut builder = Builder::new();
    for (name, is_dir, at, len) in steps {
        if *is_dir {
            builder.mkdir(name.as_bytes());
        } else {
            let (offset, len) = (DATA + at * 2 * MIB, len * 2 * MIB);
            builder.file(name.as_bytes(), len, &[(offset, len)]);
        }
    }
    builder.image
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The second play finds everything and changes nothing, whatever the log is.
    #[test]
    fn twice_is_once(steps in logs()) {
        let plan = plan(&build(&steps));
        let mut model = Model::default();
        let first = play(&plan, &mut model, &MASTER);
        prop_assert_eq!(&first.failed, &[], "the plan asks for nothing impossible");
        let once = model.clone();
        let second = play(&plan, &mut model, &REPAIR);
        prop_assert_eq!(&model, &once);
        prop_assert_eq!(second.existing, first.new_files + first.new_dirs);
        // Each name as the entry that made it says.
        let named: BTreeMap<PathBuf, bool> = plan.actions.iter().map(|a| {
            let path = PathBuf::from(a.path.lossy());
            (path, a.make == Make::Dir)
        }).collect();
        prop_assert_eq!(named.len(), model.nodes.len());
        for (path, is_dir) in named {
            prop_assert_eq!(matches!(model.nodes[&path], Found::Dir(_)), is_dir);
        }
    }

    /// A log that was followed while it grew is played as one that was read at once.
    #[test]
    fn in_pieces_is_at_once(
        steps in logs(),
        cuts in proptest::collection::vec(0..24_u64, 0..4),
    ) {
        let image = build(&steps);
        let whole = plan(&image);
        let count = whole.read();
        let mut cuts: Vec<u64> = cuts.into_iter().filter(|c| *c < count).collect();
        cuts.sort_unstable();
        cuts.push(count);
        let at = |count: u64| {
            let mut image = image.clone();
            put64(&mut image, LOG + 32, count);
            put64(&mut image, LOG + 40, count);
            Ram::new(image)
        };
        let mut volume = Volume::load(&mut at(cuts[0])).unwrap();
        let mut grown = Plan::new(&volume, Some(DEVICE));
        for pair in cuts.windows(2) {
            let news = volume.refresh(&mut at(pair[1])).unwrap();
            prop_assert_eq!(news == News::Grown, pair[0] < pair[1]);
            grown.extend(&volume);
        }
        prop_assert_eq!(grown.actions, whole.actions);
        prop_assert_eq!(grown.refused, whole.refused);
    }
}

/// What `compare` says of the model, as `path: reason`.
fn differences(plan: &Plan, model: &mut Model) -> Vec<String> {
    compare(plan, model, Role::Master)
        .iter()
        .map(|d| format!("{}: {}", d.path.display(), d.reason))
        .collect()
}

#[test]
fn what_is_missing_or_truncated_differs_from_the_log() {
    let (plan, mut model) = played();
    let whole = model.clone();
    assert_eq!(differences(&plan, &mut model), [""; 0]);
    model.nodes.remove(Path::new("one"));
    assert_eq!(
        differences(&plan, &mut model),
        ["one: log entry 1 made it, and it is missing here: `famfs logplay` makes it again"]
    );
    let mut model = whole.clone();
    let Found::File(_, mapped) = file(&mut model, "one") else {
        panic!("no file")
    };
    *mapped = Mapped::Invalid;
    assert_eq!(
        differences(&plan, &mut model),
        [
            "one: its size was changed, which made it invalid; `famfs logplay --repair` makes it \
             again"
        ]
    );
    // Nothing is changed by looking, and another owner is the host's own business.
    let mut model = whole.clone();
    if let Found::File(owner, _) = file(&mut model, "one") {
        owner.mode = 0o600;
    }
    let before = model.clone();
    assert_eq!(differences(&plan, &mut model), [""; 0]);
    assert_eq!(model, before);
}

#[test]
fn a_file_under_another_name_is_named_with_the_remedy() {
    let (plan, mut model) = played();
    let before = model.nodes.clone();
    let one = model.nodes.remove(Path::new("one")).unwrap();
    model.nodes.insert("moved".into(), one);
    assert_eq!(
        differences(&plan, &mut model),
        [
            "one: log entry 1 made it, and it is missing here: its memory is held by moved, which \
             is this file under another name: `famfs logplay --repair` moves it back"
        ]
    );
    let outcome = play(&plan, &mut model, &MASTER);
    assert_eq!(outcome.failed.len(), 1);
    let reason = &outcome.failed[0].reason;
    assert!(
        reason.starts_with("its memory is held by moved, ") && reason.contains("--repair` moves"),
        "{reason}"
    );
    let outcome = play(&plan, &mut model, &REPAIR);
    assert_eq!(outcome.repaired[0].reason, "it was called moved");
    assert_eq!(model.nodes, before);
    // Removed, and still open somewhere: nobody is to be named.
    let Some(Found::File(_, Mapped::Map { placement, .. })) = model.nodes.remove(Path::new("one"))
    else {
        panic!("no file")
    };
    model.orphans.push(placement);
    let outcome = play(&plan, &mut model, &REPAIR);
    let reason = &outcome.failed[0].reason;
    assert!(
        reason.contains("a process has a removed file open"),
        "{reason}"
    );
}

/// Names are exchanged as by `mv a x; mv b a; mv x b`, and three names in a circle.
#[test]
fn names_that_were_exchanged_are_put_right_in_one_play() {
    let (plan, played) = played();
    let names: Vec<PathBuf> = played
        .nodes
        .iter()
        .filter(|(_, found)| matches!(found, Found::File(..)))
        .map(|(name, _)| name.clone())
        .collect();
    for exchanged in [&names[..2], &names[1..], &names[..3]] {
        for by in 1..exchanged.len() {
            let mut model = played.clone();
            for (at, name) in exchanged.iter().enumerate() {
                let other = &exchanged[(at + by) % exchanged.len()];
                let found = played.nodes[other].clone();
                model.nodes.insert(name.clone(), found);
            }
            let outcome = play(&plan, &mut model.clone(), &MASTER);
            assert_eq!(outcome.failed.len(), exchanged.len());
            for failed in outcome.failed {
                assert!(failed.reason.contains("--repair"), "{failed:?}");
            }
            let outcome = play(&plan, &mut model, &REPAIR);
            assert_eq!(outcome.failed, []);
            assert_eq!(outcome.repaired.len(), exchanged.len(), "{outcome:?}");
            assert_eq!(model.nodes, played.nodes);
        }
    }
}

#[test]
fn a_name_over_another_is_told_and_put_right() {
    let (plan, played) = played();
    let mut model = played.clone();
    let mut files = model.nodes.iter();
    let mut file = || files.find(|(_, found)| matches!(found, Found::File(..)));
    let (first, second) = (file().unwrap().0.clone(), file().unwrap().0.clone());
    // As after `mv first second`.
    let moved = model.nodes.remove(&first).unwrap();
    model.nodes.insert(second.clone(), moved);
    let outcome = play(&plan, &mut model.clone(), &MASTER);
    let failed = outcome.failed.iter().find(|failed| failed.path == first);
    let reason = &failed.unwrap().reason;
    let held = format!(
        "its memory is held by {}, a name that the log",
        second.display()
    );
    assert!(reason.starts_with(&held), "{reason}");
    assert!(!reason.contains("remove"), "{reason}");
    let outcome = play(&plan, &mut model, &REPAIR);
    assert_eq!(outcome.failed, []);
    assert_eq!(model.nodes, played.nodes);
}
