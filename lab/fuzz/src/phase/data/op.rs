//! The operations on a file whose bytes are known.

use crate::{
    prng::Rng,
    window::{PAGE, Way},
};

/// No whole number of pages.
pub(super) const SIZE: usize = 5 * (1 << 20) + 1234;
pub(super) const PAGES: usize = SIZE.div_ceil(PAGE);
pub(super) const WINDOWS: usize = 4;

#[derive(Debug)]
pub(crate) enum Op {
    Read {
        at: u64,
        len: usize,
        now: bool,
    },
    Write {
        at: u64,
        len: usize,
        byte: u8,
    },
    Map {
        window: usize,
        page: usize,
        pages: usize,
        prot: i32,
        how: i32,
    },
    Unmap {
        window: usize,
    },
    Touch {
        window: usize,
        at: usize,
        write: bool,
        way: Way,
        byte: u8,
    },
    Beyond {
        window: usize,
        way: Way,
    },
    Compare {
        window: usize,
        at: usize,
        len: usize,
        way: Way,
    },
    Advise {
        window: usize,
        page: usize,
        pages: usize,
        advice: i32,
    },
    Protect {
        window: usize,
        prot: i32,
    },
    Remap {
        window: usize,
        pages: usize,
    },
    Fork {
        window: usize,
        at: usize,
        write: bool,
    },
    Pin {
        window: usize,
        page: usize,
        pages: usize,
    },
    SelfCopy {
        window: usize,
        at: usize,
        from: u64,
        len: usize,
    },
    Sendfile {
        at: u64,
        len: usize,
    },
    Sync {
        window: usize,
        how: i32,
    },
    Resize {
        how: u8,
        at: u64,
    },
}

#[expect(clippy::too_many_lines, reason = "one arm for each operation")]
pub(super) fn generate(rng: &mut Rng) -> Op {
    let window = rng.index(WINDOWS);
    let at = rng.index(PAGES * PAGE);
    let byte = rng.byte();
    let way = rng.pick(&[Way::User, Way::User, Way::Copy, Way::Gup]);
    let write = rng.chance(50);
    let len = match rng.below(4) {
        0 => 1 + rng.index(64),
        1 => 1 + rng.index(3 * PAGE),
        2 => 1 + rng.index(1 << 16),
        _ => PAGE,
    };
    let position = |rng: &mut Rng| match rng.below(8) {
        0 => rng.edge(SIZE as u64) & (u64::MAX >> 1),
        1 => SIZE as u64 - rng.below(2 * PAGE as u64),
        _ => rng.below(SIZE as u64),
    };
    let page = rng.index(PAGES);
    let most = if rng.chance(50) { 600 } else { 16 };
    let pages = 1 + rng.index(most);
    match rng.below(100) {
        0..=12 => Op::Read {
            at: position(rng),
            len,
            now: rng.chance(15),
        },
        13..=22 => Op::Write {
            at: position(rng),
            len,
            byte,
        },
        23..=32 => map(rng, window),
        33..=34 => Op::Unmap { window },
        35..=59 => Op::Touch {
            window,
            at,
            write,
            way,
            byte,
        },
        60..=61 => Op::Beyond {
            window,
            way: rng.pick(&[Way::Copy, Way::Gup]),
        },
        62..=76 => Op::Compare {
            window,
            at,
            len,
            way: rng.pick(&[Way::User, Way::Gup]),
        },
        77..=84 => Op::Advise {
            window,
            page,
            pages,
            advice: rng.pick(&[
                libc::MADV_DONTNEED,
                libc::MADV_DONTNEED,
                libc::MADV_WILLNEED,
                libc::MADV_COLD,
                libc::MADV_PAGEOUT,
                libc::MADV_POPULATE_READ,
                libc::MADV_HUGEPAGE,
                libc::MADV_NOHUGEPAGE,
                libc::MADV_COLLAPSE,
                libc::MADV_FREE,
                libc::MADV_REMOVE,
                libc::MADV_DONTFORK,
                libc::MADV_DOFORK,
            ]),
        },
        85..=87 => Op::Protect {
            window,
            prot: rng.pick(&[0, 1, 3, 3]),
        },
        88..=90 => Op::Remap { window, pages },
        91 => Op::Fork {
            window,
            at,
            write: false,
        },
        92..=93 => Op::Pin {
            window,
            page,
            pages: 1 + rng.index(8),
        },
        94..=95 => Op::SelfCopy {
            window,
            at,
            from: position(rng),
            len,
        },
        96 => Op::Sendfile {
            at: position(rng),
            len,
        },
        97 => Op::Sync {
            window,
            how: rng.pick(&[
                libc::MS_ASYNC,
                libc::MS_SYNC,
                libc::MS_SYNC | libc::MS_INVALIDATE,
            ]),
        },
        _ => Op::Resize {
            how: byte,
            at: position(rng),
        },
    }
}

pub(super) fn kind(op: &Op) -> &'static str {
    match op {
        Op::Read { .. } => "read",
        Op::Write { .. } => "write",
        Op::Map { .. } => "mmap",
        Op::Unmap { .. } => "munmap",
        Op::Touch { .. } => "touch",
        Op::Beyond { .. } => "touch_beyond",
        Op::Compare { .. } => "compare",
        Op::Advise { .. } => "madvise",
        Op::Protect { .. } => "mprotect",
        Op::Remap { .. } => "mremap",
        Op::Fork { .. } => "fork",
        Op::Pin { .. } => "vmsplice",
        Op::SelfCopy { .. } => "read_into_itself",
        Op::Sendfile { .. } => "sendfile",
        Op::Sync { .. } => "msync",
        Op::Resize { .. } => "fallocate",
    }
}

fn map(rng: &mut Rng, window: usize) -> Op {
    let page = match rng.below(4) {
        0 => rng.index(3) * 512,
        1 => 0,
        _ => rng.index(PAGES),
    };
    let pages = match rng.below(4) {
        0 => 512,
        1 => PAGES,
        _ => 1 + rng.index(700),
    };
    let kind = rng.pick(&[
        libc::MAP_SHARED,
        libc::MAP_SHARED,
        libc::MAP_PRIVATE,
        libc::MAP_SHARED_VALIDATE,
        libc::MAP_SHARED_VALIDATE | libc::MAP_SYNC,
    ]);
    let extra = match rng.below(12) {
        0 => libc::MAP_POPULATE,
        1 => libc::MAP_NORESERVE,
        _ => 0,
    };
    Op::Map {
        window,
        page,
        pages,
        prot: rng.pick(&[1, 3, 3]),
        how: kind | extra,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Seed;

    #[test]
    fn every_kind_comes_up() {
        let mut rng = Seed(4).generator("data", 0);
        let mut kinds: Vec<_> = (0..5000).map(|_| kind(&generate(&mut rng))).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), 16, "{kinds:?}");
    }
}
