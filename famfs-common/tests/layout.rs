//! The shapes that kernel side and user side agree on.

use std::mem::{align_of, offset_of, size_of};

use famfs_common::{
    event::{By, Faults, Name, Rare},
    field::PLACES,
    keys::{
        CLASSES, Cpu, Entry, HALF, MAX_CPUS, Memory, SLOTS, Slot, Starts, State, Tag, UNTIMED,
        home, major_minor, slot,
    },
    probe::{HOOKS, Info, TABLE},
};
use proptest::prelude::*;

#[test]
fn sizes_and_places() {
    assert_eq!((size_of::<Slot>(), size_of::<State>()), (64, 128));
    assert_eq!([offset_of!(Slot, vmf), offset_of!(Slot, address)], [0, 32]);
    assert_eq!([offset_of!(State, half), offset_of!(State, used)], [0, 64]);
    // No padding: what is not a field would be unwritten kernel memory.
    assert_eq!(
        (offset_of!(Memory, table), size_of::<Memory>()),
        (128, 128 + (64 << 16))
    );
    assert_eq!(size_of::<Starts>(), 64 << 16);
    assert_eq!(size_of::<Entry>(), 32);
    assert_eq!([offset_of!(Entry, tag), offset_of!(Entry, ino)], [0, 8]);
    assert_eq!(
        [offset_of!(Entry, count), offset_of!(Entry, sum_ns)],
        [16, 24]
    );
    assert_eq!(size_of::<Cpu>(), 8 + 2 * 8 * HOOKS + 2 * 8 * CLASSES + 56);
    assert_eq!(align_of::<Cpu>(), 64);
    assert_eq!(size_of::<Rare>(), 64);
    assert_eq!(size_of::<Name>(), 32 + 1024);
    assert_eq!((size_of::<By>(), size_of::<Faults>()), (16, 24));
}

#[test]
fn tables_are_in_the_order_of_their_indices() {
    for (i, place) in PLACES.iter().enumerate() {
        assert_eq!(place.field as usize, i, "{}.{}", place.owner, place.member);
    }
    for (i, info) in TABLE.iter().enumerate() {
        assert_eq!(info.hook as usize, i, "{}", info.target);
    }
}

#[test]
fn probes_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = TABLE.iter().map(Info::name).collect();
    assert_eq!(names.len(), TABLE.len());
}

#[test]
fn every_stack_of_a_usual_machine_has_its_own_slot() {
    // As vmalloc deals them out: 16 KiB and a guard page, at multiples of 16 KiB.
    let mut seen = vec![false; SLOTS as usize];
    for stack in 0..SLOTS {
        let at = slot(stack << 15 | 0x3a58) as usize;
        assert!(!seen[at], "stack {stack}");
        seen[at] = true;
    }
    let (low, high) = (slot(0x4000), slot(0x4000 + (16 << 10) - 8));
    assert_eq!(low, high, "one stack, one slot");
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
    fn homes_and_slots_are_inside(ino: u64, tag: u64, vmf: u32) {
        prop_assert!(home(ino, tag) < HALF && slot(vmf) < SLOTS);
    }
}
