//! The shapes that kernel side and user side agree on.

use std::mem::{align_of, offset_of, size_of};

use famfs_common::{
    event::{Name, Rare},
    field::PLACES,
    keys::{Cpu, Entry, HALF, MAX_CPUS, SLOTS, Slot, Tag, UNTIMED, home, major_minor, slot},
    probe::{HOOKS, TABLE},
};
use proptest::prelude::*;

#[test]
fn sizes_and_places() {
    assert_eq!(size_of::<Slot>(), 32);
    assert_eq!(
        [
            offset_of!(Slot, dev),
            offset_of!(Slot, page),
            offset_of!(Slot, class)
        ],
        [16, 24, 28]
    );
    assert_eq!(size_of::<Entry>(), 32);
    assert_eq!([offset_of!(Entry, tag), offset_of!(Entry, ino)], [0, 8]);
    assert_eq!(
        [offset_of!(Entry, count), offset_of!(Entry, sum_ns)],
        [16, 24]
    );
    assert_eq!((size_of::<Cpu>(), align_of::<Cpu>()), (192, 64));
    assert_eq!([offset_of!(Cpu, epoch), offset_of!(Cpu, hits)], [0, 16]);
    assert_eq!(offset_of!(Cpu, overflow), 16 + 8 * HOOKS);
    // No padding: what is not a field would be unwritten kernel memory.
    assert_eq!(24 + 3 * 8 * HOOKS, size_of::<Cpu>());
    assert_eq!(size_of::<Rare>(), 64);
    assert_eq!(size_of::<Name>(), 32 + 1024);
}

#[test]
fn tables_are_in_the_order_of_their_indices() {
    for (i, place) in PLACES.iter().enumerate() {
        assert_eq!(place.field as usize, i, "{}.{}", place.owner, place.member);
    }
    for (i, info) in TABLE.iter().enumerate() {
        assert_eq!(info.hook as usize, i, "{}", info.program);
    }
}

#[test]
fn every_thread_of_a_usual_machine_has_its_own_slot() {
    let mut seen = vec![false; SLOTS as usize];
    for tid in 0..SLOTS {
        let at = slot(tid) as usize;
        assert!(!seen[at], "thread {tid}");
        seen[at] = true;
    }
    assert_eq!(slot(4_194_303), slot(4_194_303 & 0xffff));
}

#[test]
fn a_device_number_splits_as_the_kernels_does() {
    assert_eq!(major_minor(0x0000_0019), (0, 25));
    assert_eq!(major_minor(0x1030_0002), (259, 2));
}

/// Files in a row on one device with neighbouring buckets: the usual load.
#[test]
fn homes_spread() {
    let mut used = vec![0u32; HALF as usize];
    for ino in 2..202 {
        for bucket in 60..100 {
            let tag = Tag {
                dev: 25,
                class: 0xc1,
                bucket,
                cpu: 1,
            }
            .pack();
            used[home(ino, tag) as usize] += 1;
        }
    }
    // 8000 entries into 65536 places; a poor hash piles them up.
    assert!(used.iter().max() <= Some(&6), "{:?}", used.iter().max());
}

proptest! {
    #[test]
    fn a_tag_survives_its_word(dev: u32, class: u8, bucket in 0..=UNTIMED, cpu in 0..MAX_CPUS) {
        let tag = Tag { dev, class, bucket, cpu: u16::try_from(cpu).unwrap() };
        prop_assert_eq!(Tag::unpack(tag.pack()), tag);
    }

    #[test]
    fn homes_and_slots_are_inside(ino: u64, tag: u64, tid: u32) {
        prop_assert!(home(ino, tag) < HALF && slot(tid) < SLOTS);
    }
}
