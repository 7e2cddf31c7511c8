//! Crashes, in a model: what was stored, flushed and fenced is recorded, every memory
//! image that a crash may leave is read, played and checked, and a recording without any
//! one of its flushes and fences is found out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::io::{self, Write as _};

use common::builder::{Builder, DATA, DEVICE, LOG};
use common::model::Model;
use common::recorded::{Image, Judge, Op, Part, Recorder, When, crash};
use famfs_media::format::superblock::{MAGIC, VERSION};
use famfs_media::format::{Body, Dir, Entry, File, LogHeader, Map, PathField, Super, Superblock};
use famfs_media::fsck::Report;
use famfs_media::memory::Memory;
use famfs_media::player::{self, Options, Plan};
use famfs_media::role::Role;
use famfs_media::volume::Volume;
use famfs_media::writer::{append, append_all, format};
use famfs_runtime::ops::contents::{self, write_seeded};
use famfs_runtime::ops::fill::Stream;
use famfs_runtime::ops::watch::Watch;
use uuid::Uuid;

const NEW: Uuid = Uuid::from_u128(0xbeef);
/// The names of `Builder::sample`, in the order of its log.
const OLD_NAMES: [&str; 5] = ["d", "one", "d/two", "d/e", "d/e/three"];

fn new_superblock() -> Superblock {
    Superblock {
        magic: MAGIC,
        version: VERSION,
        log_offset: LOG as u64,
        log_len: 8 << 20,
        alloc_unit: 2 << 20,
        omf_major: 2,
        omf_minor: 2,
        fs_uuid: NEW,
        dev_uuid: NEW,
        system_uuid: NEW,
        crc: 0,
        crc_calc: 0,
        sb_flags: 0,
        dev_size: DEVICE,
        dd_uuid: Uuid::nil(),
        dev_name: [0; 64],
    }
}

/// Reads an image, plays it, checks it: the names it has, or nothing where there is no
/// file system.
fn names_of(image: &mut Image<'_>) -> Result<Option<(Uuid, Vec<String>)>, String> {
    let volume = Volume::load(image).map_err(|e| e.to_string())?;
    let Super::Current(sb) = &volume.superblock else {
        return Err("a superblock of version 46".into());
    };
    if sb.check().is_err() {
        return Ok(None);
    }
    volume.check().map_err(|fault| fault.to_string())?;
    let plan = Plan::new(&volume, Some(DEVICE));
    let mut model = Model::default();
    let options = Options {
        role: Role::Master,
        dry_run: false,
        repair: false,
    };
    let outcome = player::play(&plan, 0, &mut model, &options, &mut |_, _| true);
    if !outcome.is_complete() {
        return Err(format!("{outcome:?}"));
    }
    let report = Report::new(&volume, Some(DEVICE));
    if !report.clean {
        return Err(format!("{:?}", report.findings));
    }
    Ok(Some((sb.fs_uuid, model.names())))
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    names.sort();
    names
}

fn record(image: &[u8], write: impl FnOnce(&mut Recorder) -> io::Result<()>) -> Vec<Op> {
    let mut recorder = Recorder::new(image.to_vec());
    write(&mut recorder).unwrap();
    recorder.ops
}

/// The recording holds in every image, and without any flush or fence it does not.
/// Returns how many images were judged.
fn holds_and_needs_all(image: &[u8], ops: &[Op], judge: Judge<'_>) -> u64 {
    let images = crash(image, ops, judge).unwrap();
    for (number, op) in ops.iter().enumerate() {
        if matches!(op, Op::Store { .. } | Op::Stream { .. }) {
            continue;
        }
        let mut less = ops.to_vec();
        less.remove(number);
        let judged = crash(image, &less, judge);
        assert!(judged.is_err(), "nobody misses operation {number}: {op:?}");
    }
    images
}

/// The old file system whole, the new one empty, or none; the new one when it is done.
fn old_new_or_none(image: &mut Image<'_>, when: When) -> Result<(), String> {
    match names_of(image)? {
        Some((NEW, names)) if names.is_empty() => Ok(()),
        Some((uuid, names)) if uuid != NEW && when == When::During => {
            if names == sorted(&OLD_NAMES) {
                Ok(())
            } else {
                Err(format!("of the old file system {names:?}"))
            }
        }
        None if when == When::During => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn mkfs_leaves_the_old_the_new_or_nothing() {
    let old = Builder::sample().image;
    let ops = record(&old, |memory| format(memory, &new_superblock()));
    let images = holds_and_needs_all(&old, &ops, &old_new_or_none);
    // Two versions of the first line; ten MiB of them; two again; the one in the end.
    assert_eq!(images, 2 + 10_000 + 2 + 1);
    let blank = vec![0; old.len()];
    let ops = record(&blank, |memory| format(memory, &new_superblock()));
    crash(&blank, &ops, &old_new_or_none).unwrap();
}

/// The judge sees what it is there for: upstream's order, superblock first.
#[test]
fn a_superblock_before_its_log_is_found_out() {
    let old = Builder::sample().image;
    let ops = record(&old, |memory| {
        memory.store(0, &new_superblock().to_bytes())?;
        memory.store(LOG as u64, &vec![0; 8 << 20])?;
        memory.store(LOG as u64, &LogHeader::empty(8 << 20).to_bytes())?;
        memory.flush(LOG as u64, 8 << 20)?;
        memory.flush(0, 200)?;
        memory.fence()
    });
    crash(&old, &ops, &old_new_or_none).unwrap_err();
}

#[test]
fn kill_leaves_the_file_system_or_none() {
    let old = Builder::sample().image;
    let ops = record(&old, |memory| {
        let memory: &mut dyn Memory = memory;
        memory.persist_publish(0, 0)
    });
    let judge = |image: &mut Image<'_>, when: When| match names_of(image)? {
        None => Ok(()),
        Some(_) if when == When::During => Ok(()),
        Some((_, names)) => Err(format!("{names:?} is still there")),
    };
    assert_eq!(holds_and_needs_all(&old, &ops, &judge), 2 + 1);
}

fn folder(name: &[u8]) -> Body {
    Body::Mkdir(Dir {
        uid: 0,
        gid: 0,
        mode: 0o755,
        path: PathField::new(name).unwrap(),
    })
}

/// The `before` names, and `more` all or none of them; all when it is done.
fn all_or_none<'n>(
    before: &'n [&'n str],
    more: &'n [&'n str],
) -> impl Fn(&mut Image<'_>, When) -> Result<(), String> + 'n {
    move |image, when| {
        let found = names_of(image)?.map(|(_, names)| names);
        let whole: Vec<&str> = before.iter().chain(more).copied().collect();
        if found.as_deref() == Some(&sorted(&whole)) {
            return Ok(());
        }
        match (found, when) {
            (Some(names), When::During) if names == sorted(before) => Ok(()),
            (other, _) => Err(format!("{other:?}")),
        }
    }
}

#[test]
fn an_append_counts_only_what_is_there() {
    let old = Builder::sample().image;
    let ops = record(&old, |memory| append(memory, 5, folder(b"new")));
    let images = holds_and_needs_all(&old, &ops, &all_or_none(&OLD_NAMES, &["new"]));
    // An entry of 544 bytes in nine lines: 2^9; then both counters in one store.
    assert_eq!(images, 512 + 2 + 1);
}

/// The first entry begins in the line of the count.
#[test]
fn the_first_append_counts_only_what_is_there() {
    let empty = Builder::new().image;
    let ops = record(&empty, |memory| append(memory, 0, folder(b"new")));
    holds_and_needs_all(&empty, &ops, &all_or_none(&[], &["new"]));
}

/// Many files at once: one flush of their entries, one count; all of them or none.
#[test]
fn a_batch_is_counted_at_once() {
    let old = Builder::sample().image;
    let names = ["n1", "n2", "n3"];
    let ops = record(&old, |memory| {
        append_all(memory, 5, names.map(|name| folder(name.as_bytes()))).map(drop)
    });
    let fences = ops.iter().filter(|op| **op == Op::Fence).count();
    assert_eq!(fences, 2, "as many as for one entry");
    let images = holds_and_needs_all(&old, &ops, &all_or_none(&OLD_NAMES, &names));
    // Too many lines for every combination.
    assert_eq!(images, 10_000 + 2 + 1);
}

/// Upstream's order: entry and count in one flush, which cannot order them.
#[test]
fn a_count_with_its_entry_is_found_out() {
    let old = Builder::sample().image;
    let ops = record(&old, |memory| {
        let entry = Entry::new(5, &folder(b"new")).to_bytes();
        memory.store(LOG as u64 + 48 + 5 * 544, &entry)?;
        memory.publish(LOG as u64 + 40, 6)?;
        memory.flush(LOG as u64, 8 << 20)?;
        memory.fence()
    });
    crash(&old, &ops, &all_or_none(&OLD_NAMES, &["new"])).unwrap_err();
}

/// Where the contents of the new file go, and what goes there.
const NEW_AT: u64 = DATA + (40 << 20);
const SIZE: usize = 640;
const SEED: u32 = 42;

fn new_bytes() -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    Stream::new(SEED).fill(&mut bytes);
    bytes
}

/// A file system, and what is done to it: a file is filled, and then logged.
fn record_file(write: impl FnOnce(&mut Part<'_>) -> io::Result<()>) -> (Vec<u8>, Vec<Op>) {
    let mut old = Builder::sample().image;
    old.resize(usize::try_from(NEW_AT + 4096).unwrap(), 0x5a);
    let ops = record(&old, |memory| {
        write(&mut Part {
            memory,
            base: NEW_AT,
        })?;
        let file = File {
            size: SIZE as u64,
            flags: 2,
            uid: 0,
            gid: 0,
            mode: 0o644,
            path: PathField::new(b"new").unwrap(),
            map: Map::contiguous(NEW_AT, 2 << 20),
        };
        append(memory, 5, Body::File(file))
    });
    (old, ops)
}

/// All names or the old ones, and the new one only with its contents.
fn logged_with_contents(image: &mut Image<'_>, when: When) -> Result<(), String> {
    all_or_none(&OLD_NAMES, &["new"])(image, when)?;
    let logged = names_of(image)?.is_some_and(|(_, names)| names.contains(&"new".into()));
    let mut found = [0; SIZE];
    image.load(NEW_AT, &mut found).unwrap();
    if logged && found != new_bytes() {
        return Err("it is logged without its contents".into());
    }
    Ok(())
}

/// A file is logged when its contents are there, and not before.
#[test]
fn a_file_in_the_log_has_its_contents() {
    let (old, ops) = record_file(|part| write_seeded(part, SIZE as u64, SEED, &Watch::default()));
    let judge = logged_with_contents;
    crash(&old, &ops, &judge).unwrap();
    // Their flush is needed. The fence behind them is needed where the thread that fills
    // is not the one that logs; here it is, and the fence between entry and count orders
    // the contents before the count, too.
    let mut less = ops;
    let is_flush = |op: &Op| matches!(op, Op::Flush { at: place, .. } if *place == NEW_AT);
    let flush = less.iter().position(is_flush).unwrap();
    less.remove(flush);
    crash(&old, &less, &judge).unwrap_err();
}

/// The same of a copy, which is stored past the caches: one operation for store and flush.
#[test]
fn a_copied_file_in_the_log_has_its_contents() {
    let mut source = tempfile::tempfile().unwrap();
    source.write_all(&new_bytes()).unwrap();
    let (old, ops) =
        record_file(|part| contents::copy(&source, part, 0, SIZE as u64, &Watch::default()));
    let streamed = Op::Stream {
        at: NEW_AT,
        bytes: new_bytes().to_vec(),
    };
    assert_eq!(ops[..2], [streamed, Op::Fence]);
    crash(&old, &ops, &logged_with_contents).unwrap();
    // Were it a store that stays in a cache, it would be found out.
    let mut cached = ops;
    cached[0] = Op::Store {
        at: NEW_AT,
        bytes: new_bytes().to_vec(),
    };
    crash(&old, &cached, &logged_with_contents).unwrap_err();
}
