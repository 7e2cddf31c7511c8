//! Properties that every reader of a histogram relies on.

use famfs_common::hist::{BUCKETS, SHIFT, index, lower, quick, upper};
use proptest::prelude::*;

#[test]
fn the_quick_way_leads_to_the_same_bucket() {
    let look_up = |n: u64| u32::from(SHIFT[usize::try_from(n).unwrap()]);
    for ns in (0..1 << 17).chain((1 << 16..1 << 24).step_by(97)) {
        let want = (ns >= 256).then(|| u64::from(index(ns)));
        assert_eq!(quick(ns, look_up), want, "{ns}");
    }
    let last = (1 << 24) - 1;
    assert_eq!(quick(last, look_up), Some(u64::from(index(last))));
    assert_eq!(
        (quick(1 << 24, look_up), quick(u64::MAX, look_up)),
        (None, None)
    );
}

#[test]
fn known_buckets() {
    for (ns, low, high) in [
        (0, 0, 0),
        (7, 7, 7),
        (15, 15, 15),
        (16, 16, 17),
        (1000, 960, 1023),
        (1024, 1024, 1151),
        (4500, 4096, 4607),
        (1_000_000_000, 939_524_096, 1_006_632_959),
        (u64::MAX, 15 << 60, u64::MAX),
    ] {
        let i = index(ns);
        assert_eq!(
            (lower(i), upper(i)),
            (Some(low), Some(high)),
            "{ns} ns in bucket {i}"
        );
    }
}

#[test]
fn buckets_touch_and_cover_everything() {
    assert_eq!(BUCKETS, 496);
    assert_eq!((lower(0), upper(BUCKETS - 1)), (Some(0), Some(u64::MAX)));
    for i in 1..BUCKETS {
        assert_eq!(lower(i).unwrap(), upper(i - 1).unwrap() + 1, "bucket {i}");
        assert_eq!(index(lower(i).unwrap()), i);
        assert_eq!(index(upper(i).unwrap()), i);
    }
    assert_eq!(
        (lower(BUCKETS), upper(BUCKETS), upper(u16::MAX)),
        (None, None, None)
    );
}

/// Latencies of every magnitude, not only the huge ones that a plain `u64` draws.
fn latency() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(bits, shift)| bits >> shift)
}

proptest! {
    #[test]
    fn a_bucket_holds_its_values(ns in latency()) {
        let i = index(ns);
        prop_assert!(lower(i).unwrap() <= ns && ns <= upper(i).unwrap());
    }

    #[test]
    fn order_is_kept(a in latency(), b in latency()) {
        prop_assert!(index(a.min(b)) <= index(a.max(b)));
    }

    #[test]
    fn the_upper_bound_is_at_most_an_eighth_too_high(ns in latency()) {
        let high = upper(index(ns)).unwrap();
        prop_assert!(high - ns <= ns / 8, "{} read as {}", ns, high);
    }
}
