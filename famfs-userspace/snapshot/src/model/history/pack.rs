//! What happened to a file as a few words: one for every count that is not zero.

use famfs_common::hist;

use crate::model::{Access, Bucket, Failure, Fallback, FileRow, Hist, Io, Order};

/// A word is a number and, in its upper 16 bits, what it counts.
const NUMBER_BITS: u32 = 48;
/// What it counts: its kind, and a bucket or another detail in the lower 9 bits.
const DETAIL_BITS: u32 = 9;
/// Set where the number did not fit: it is the whole next word.
const LARGE: u64 = 1 << 63;

const CLASSES: [(Order, Access); 4] = [
    (Order::Pmd, Access::Read),
    (Order::Pmd, Access::Write),
    (Order::Pte, Access::Read),
    (Order::Pte, Access::Write),
];
const ACCESSES: [Access; 2] = [Access::Read, Access::Write];
const FALLBACKS: [Fallback; 6] = [
    Fallback::Colour,
    Fallback::PrivateWrite,
    Fallback::VmaBounds,
    Fallback::Eof,
    Fallback::Extent,
    Fallback::Other,
];
const FAILURES: [Failure; 4] = [
    Failure::Sigbus,
    Failure::Oom,
    Failure::HwPoison,
    Failure::Refused,
];

// Kinds. The first three and the latencies of calls have one for each class.
const LATENCY: u64 = 0;
const SUM: u64 = 4;
const UNTIMED: u64 = 8;
const FALLBACK: u64 = 12;
const FAILURE: u64 = 13;
const RETRIED: u64 = 14;
const CALL: u64 = 16;
const CALLS: u64 = 18;

/// Appends the counts of `file` to `words`.
pub(super) fn pack(file: &FileRow, words: &mut Vec<u64>) {
    for (class, kind) in CLASSES.iter().zip(0..) {
        if let Some(hist) = file.faults.get(class) {
            put_hist(hist, LATENCY + kind, words);
            put(SUM + kind, 0, hist.sum_ns, words);
        }
        put(UNTIMED + kind, 0, count(file.untimed.get(class)), words);
    }
    for (reason, detail) in FALLBACKS.iter().zip(0..) {
        put(FALLBACK, detail, count(file.fallback.get(reason)), words);
    }
    for (failure, detail) in FAILURES.iter().zip(0..) {
        put(FAILURE, detail, count(file.errors.get(failure)), words);
    }
    put(RETRIED, 0, file.retried, words);
    for (access, kind) in ACCESSES.iter().zip(0..) {
        if let Some(io) = file.io.get(access) {
            put_hist(&io.latency, CALL + kind, words);
            let counts = [io.latency.sum_ns, io.untimed, io.bytes, io.errors];
            for (n, detail) in counts.into_iter().zip(0..) {
                put(CALLS + kind, detail, n, words);
            }
        }
    }
}

fn count(n: Option<&u64>) -> u64 {
    n.copied().unwrap_or(0)
}

fn put_hist(hist: &Hist, kind: u64, words: &mut Vec<u64>) {
    for bucket in &hist.buckets {
        put(kind, hist::index(bucket.lower_ns).into(), bucket.n, words);
    }
}

fn put(kind: u64, detail: u64, n: u64, words: &mut Vec<u64>) {
    let what = (kind << DETAIL_BITS | detail) << NUMBER_BITS;
    match n {
        0 => {}
        n if n >> NUMBER_BITS == 0 => words.push(what | n),
        n => words.extend([what | LARGE, n]),
    }
}

/// Adds the counts in `words` to `file`.
pub(super) fn unpack(words: &[u64], file: &mut FileRow) {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let large = word & LARGE != 0;
        let n = if large {
            words.next().unwrap_or(0)
        } else {
            word & ((1 << NUMBER_BITS) - 1)
        };
        let what = (word & !LARGE) >> NUMBER_BITS;
        add(
            what >> DETAIL_BITS,
            what & ((1 << DETAIL_BITS) - 1),
            n,
            file,
        );
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "kinds and details are below 2^9"
)]
fn add(kind: u64, detail: u64, n: u64, file: &mut FileRow) {
    let class = CLASSES[kind as usize % 4];
    let access = ACCESSES[kind as usize % 2];
    let detail = detail as u16;
    let count = match kind {
        LATENCY..SUM => return add_bucket(file.faults.at(class), detail, n),
        CALL..CALLS => {
            let io = file.io.entry(access).or_default();
            return add_bucket(&mut io.latency, detail, n);
        }
        SUM..UNTIMED => &mut file.faults.at(class).sum_ns,
        UNTIMED..FALLBACK => file.untimed.entry(class).or_default(),
        FALLBACK => file
            .fallback
            .entry(FALLBACKS[usize::from(detail) % 6])
            .or_default(),
        FAILURE => file
            .errors
            .entry(FAILURES[usize::from(detail) % 4])
            .or_default(),
        RETRIED => &mut file.retried,
        _ => part(file.io.entry(access).or_default(), detail),
    };
    *count = count.saturating_add(n);
}

fn part(io: &mut Io, detail: u16) -> &mut u64 {
    match detail {
        0 => &mut io.latency.sum_ns,
        1 => &mut io.untimed,
        2 => &mut io.bytes,
        _ => &mut io.errors,
    }
}

fn add_bucket(hist: &mut Hist, bucket: u16, n: u64) {
    hist.add(Bucket {
        lower_ns: hist::lower(bucket).unwrap_or(0),
        upper_ns: hist::upper(bucket).unwrap_or(u64::MAX),
        n,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FileKey;

    /// Numbers at both sides of where one word ends to be enough.
    fn full(n: u64) -> FileRow {
        let mut hist = Hist::default();
        for bucket in [0, 15, 100, hist::BUCKETS - 1] {
            add_bucket(&mut hist, bucket, n);
        }
        hist.sum_ns = n;
        let mut file = FileRow::new(FileKey::OTHER);
        for class in CLASSES {
            file.faults.insert(class, hist.clone());
            file.untimed.insert(class, n);
        }
        file.fallback = FALLBACKS.map(|reason| (reason, n)).into();
        file.errors = FAILURES.map(|failure| (failure, n)).into();
        file.retried = n;
        let io = Io {
            latency: hist,
            untimed: n,
            bytes: n,
            errors: n,
        };
        file.io = ACCESSES.map(|access| (access, io.clone())).into();
        file
    }

    #[test]
    fn nothing_is_lost() {
        for n in [1, (1 << 48) - 1, 1 << 48, u64::MAX] {
            let mut words = Vec::new();
            pack(&full(n), &mut words);
            let mut file = FileRow::new(FileKey::OTHER);
            unpack(&words, &mut file);
            assert_eq!(file, full(n));
        }
    }

    #[test]
    fn a_quiet_file_takes_no_word() {
        let mut words = Vec::new();
        pack(&FileRow::new(FileKey::OTHER), &mut words);
        assert!(words.is_empty());
    }

    #[test]
    fn words_from_nowhere_are_no_panic() {
        let mut file = FileRow::new(FileKey::OTHER);
        let words: Vec<u64> = (0..1 << 16).map(|what| what << NUMBER_BITS | 1).collect();
        unpack(&words, &mut file);
        unpack(&[u64::MAX], &mut file);
        assert!(file.retried > 0);
    }
}
