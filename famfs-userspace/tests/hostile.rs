//! Any bytes at all: nothing panics, and whatever is planned is safe to act on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use common::Ram;
use common::builder::{Builder, DATA, DEVICE, ENTRY, LOG, seal};
use famfs_media::format::{Entry, Layout, LogHeader, Super, legacy, superblock};
use famfs_media::fsck::Report;
use famfs_media::memory::Memory;
use famfs_media::player::Plan;
use famfs_media::player::plan::Make;
use famfs_media::volume::Volume;
use famfs_userspace::dump::Dump;
use proptest::prelude::*;

static SAMPLE: LazyLock<Arc<Vec<u8>>> = LazyLock::new(|| Arc::new(Builder::sample().image));
static SAMPLE_46: LazyLock<Arc<Vec<u8>>> = LazyLock::new(|| {
    let mut builder = Builder::v46();
    builder.mkdir(b"d").file46(b"d/old", 1, &[(DATA, 2 << 20)]);
    Arc::new(builder.image)
});

/// Runs everything that reads media, and holds the plan against what it promises.
fn read_all(memory: &mut Ram, size: Option<u64>) -> Result<(), TestCaseError> {
    let volume = Volume::load(memory).unwrap();
    prop_assert!(volume.counted() <= volume.capacity);
    serde_json::to_value(Dump::new(&volume)).unwrap();
    Report::new(&volume, size);
    if volume.check().is_err() {
        return Ok(());
    }
    let plan = Plan::new(&volume, size);
    let unit = volume.superblock.alloc_unit();
    let end = size.unwrap_or(u64::MAX).min(volume.superblock.dev_size());
    let (mut taken, mut dirs) = (BTreeSet::new(), BTreeSet::new());
    for action in &plan.actions {
        let path = action.path.bytes();
        prop_assert!(!path.is_empty() && path.len() < 80 && path[0] != b'/');
        prop_assert!(
            !path
                .split(|b| *b == b'/')
                .any(|p| matches!(p, b"" | b"." | b".."))
        );
        prop_assert!(action.owner.mode <= 0o7777);
        if let Some(slash) = path.iter().rposition(|b| *b == b'/') {
            prop_assert!(dirs.contains(&path[..slash]));
        }
        let Make::File { size, placement } = &action.make else {
            dirs.insert(path);
            continue;
        };
        prop_assert!((1..=16).contains(&placement.extents().len()));
        for e in placement.extents() {
            prop_assert!(e.devindex == 0 && e.offset % unit == 0 && e.len % unit == 0);
            prop_assert!(e.offset >= volume.data_start() && e.offset + e.len <= end);
            for number in e.offset / unit..(e.offset + e.len) / unit {
                prop_assert!(taken.insert(number), "one byte, two files");
            }
        }
        prop_assert!(*size >= 1 && *size <= placement.room());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn parsers_take_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for layout in [Layout::Current, Layout::V46] {
            layout.parse_entry(&bytes);
        }
        let mut sb = [0; superblock::SIZE];
        let len = bytes.len().min(sb.len());
        sb[..len].copy_from_slice(&bytes[..len]);
        let _ = Super::parse(&sb).check();
        let _ = legacy::Superblock46::parse(sb[..168].try_into().unwrap()).check();
        let _ = LogHeader::parse(sb[..48].try_into().unwrap()).check(Layout::Current, 8 << 20);
    }

    /// What a parse keeps, a write brings back; the checksum tells when padding differed.
    #[test]
    fn entries_come_back(
        bytes in proptest::collection::vec(any::<u8>(), ENTRY),
        kind in prop_oneof![Just(0_u32), Just(1), Just(3)],
        ext_type in 0_u32..2,
        count in 0_u32..=16,
    ) {
        let mut bytes: [u8; ENTRY] = bytes.try_into().unwrap();
        bytes[8..12].copy_from_slice(&kind.to_le_bytes());
        bytes[120..124].copy_from_slice(&ext_type.to_le_bytes());
        bytes[128..132].copy_from_slice(&count.to_le_bytes());
        bytes[136..144].copy_from_slice(&u64::from(count).to_le_bytes());
        let entry = Entry::parse(&bytes);
        let again = Entry::parse(&entry.to_bytes());
        prop_assert!(again.crc_ok());
        prop_assert_eq!((again.seqnum, again.body), (entry.seqnum, entry.body));
    }

    #[test]
    fn damaged_metadata_is_survived(
        changes in proptest::collection::vec((0..3000_usize, any::<u8>()), 1..12),
        v46 in any::<bool>(),
        size in prop_oneof![Just(None), Just(Some(DEVICE))],
    ) {
        let base = if v46 { &*SAMPLE_46 } else { &*SAMPLE };
        let mut memory = Ram::over(Arc::clone(base));
        for (place, byte) in changes {
            // The superblock, then the log's first entries.
            let at = if place < 200 { place } else { LOG + place - 200 };
            memory.store(at as u64, &[byte]).unwrap();
        }
        read_all(&mut memory, size)?;
    }

    /// Checksums made right again: the damage reaches the checks behind them.
    #[test]
    fn well_formed_nonsense_is_survived(
        fields in proptest::collection::vec(
            (0..5_usize, (8..536_usize).prop_map(|at| at / 4 * 4), prop_oneof![
                any::<u32>(), 0..20_u32, Just(u32::MAX), Just(2 << 20), Just(10 << 20),
                (0..32_u32).prop_map(|n| n << 21),
            ]),
            1..10,
        ),
        size in prop_oneof![Just(None), Just(Some(DEVICE)), (0..DEVICE).prop_map(Some)],
    ) {
        let mut memory = Ram::over(Arc::clone(&SAMPLE));
        for (index, at, value) in fields {
            let start = (LOG + 48 + index * ENTRY) as u64;
            let mut entry = [0; ENTRY];
            memory.load(start, &mut entry).unwrap();
            entry[at..at + 4].copy_from_slice(&value.to_le_bytes());
            seal(&mut entry, 536);
            memory.store(start, &entry).unwrap();
        }
        read_all(&mut memory, size)?;
    }
}
