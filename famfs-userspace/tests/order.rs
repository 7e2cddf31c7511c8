//! What other hosts may find while we write: caches write back when they like.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use common::builder::{Builder, DEVICE, LOG};
use common::cached::{Cached, Seen};
use famfs_userspace::device::Memory;
use famfs_userspace::media::superblock::{MAGIC, VERSION};
use famfs_userspace::media::{Body, Dir, LogHeader, PathField, Super, Superblock};
use famfs_userspace::ops::append::append;
use famfs_userspace::ops::mkfs::format;
use famfs_userspace::volume::Volume;
use uuid::Uuid;

const NEW: Uuid = Uuid::from_u128(0xbeef);

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

/// Runs `write` on a cached copy of `image` and returns what `judge` objected to, and
/// the media in the end.
fn watch(
    image: Vec<u8>,
    judge: impl Fn(&mut Seen<'_>) -> Result<(), String> + 'static,
    write: impl FnOnce(&mut Cached) -> io::Result<()>,
) -> (Vec<String>, Vec<u8>) {
    let complaints = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&complaints);
    let mut cached = Cached::new(image, move |seen: &mut Seen<'_>| {
        if let Err(complaint) = judge(seen) {
            sink.borrow_mut().push(complaint);
        }
    });
    write(&mut cached).unwrap();
    assert!(cached.steps > 0);
    let media = cached.into_media();
    let complaints = complaints.borrow().clone();
    (complaints, media)
}

/// A reader finds the old file system whole, the new one empty, or none.
fn old_new_or_none(seen: &mut Seen<'_>) -> Result<(), String> {
    let volume = Volume::load(seen).unwrap();
    let Super::Current(sb) = &volume.superblock else {
        return Err("version 46".into());
    };
    if sb.check().is_err() {
        return Ok(());
    }
    volume.check().map_err(|fault| fault.to_string())?;
    let expected = if sb.fs_uuid == NEW { 0 } else { 5 };
    if volume.counted() != expected || volume.slots().any(|slot| slot.fault().is_some()) {
        return Err(format!("{} of {expected} entries", volume.counted()));
    }
    Ok(())
}

#[test]
fn mkfs_shows_the_old_the_new_or_nothing() {
    let old = Builder::sample().image;
    let (complaints, media) = watch(old, old_new_or_none, |memory| {
        format(memory, &new_superblock())
    });
    assert_eq!(complaints, Vec::<String>::new());
    // Magic last does not mean never.
    assert_eq!(media[..8], [0xff, 0x82, 0xb2, 0x87, 0, 0, 0, 0]);
}

/// The watcher sees what it is there for: upstream's order, superblock first.
#[test]
fn superblock_before_log_is_found_out() {
    let old = Builder::sample().image;
    let (complaints, _) = watch(old, old_new_or_none, |memory| {
        let memory: &mut dyn Memory = memory;
        memory.store(0, &new_superblock().to_bytes())?;
        memory.zero(LOG as u64, 8 << 20)?;
        memory.persist(LOG as u64, &LogHeader::empty(8 << 20).to_bytes())?;
        memory.flush(0, 200)?;
        memory.fence()
    });
    assert!(!complaints.is_empty());
}

/// A reader finds five entries or six, all whole.
fn five_or_six(seen: &mut Seen<'_>) -> Result<(), String> {
    let volume = Volume::load(seen).unwrap();
    volume.check().map_err(|fault| fault.to_string())?;
    match volume.slots().find_map(|slot| slot.fault()) {
        Some(fault) => Err(fault.to_string()),
        None if (5..=6).contains(&volume.counted()) => Ok(()),
        None => Err(format!("{} entries", volume.counted())),
    }
}

fn folder() -> Body {
    let path = PathField::new(b"new").unwrap();
    Body::Mkdir(Dir {
        uid: 0,
        gid: 0,
        mode: 0o755,
        path,
    })
}

#[test]
fn append_counts_only_what_is_there() {
    let old = Builder::sample().image;
    let (complaints, media) = watch(old, five_or_six, |memory| append(memory, 5, folder()));
    assert_eq!(complaints, Vec::<String>::new());
    let mut memory = common::Ram::new(media);
    let volume = Volume::load(&mut memory).unwrap();
    assert_eq!((volume.counted(), volume.header.next_seqnum), (6, 6));
    assert_eq!(volume.slots().last().unwrap().entry.body, folder());
}

/// Upstream's order: entry and count in one flush, which cannot order them.
#[test]
fn count_with_its_entry_is_found_out() {
    let old = Builder::sample().image;
    let (complaints, _) = watch(old, five_or_six, |memory| {
        let entry = famfs_userspace::media::Entry::new(5, folder()).to_bytes();
        memory.store(LOG as u64 + 48 + 5 * 544, &entry)?;
        memory.publish(LOG as u64 + 40, 6)?;
        memory.flush(LOG as u64, 8 << 20)?;
        memory.fence()
    });
    assert!(!complaints.is_empty());
}
