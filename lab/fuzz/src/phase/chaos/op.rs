//! The operations of the chaos, and which of them come when.

use crate::{
    abi::{self, Abi},
    prng::Rng,
    window::Way,
};

use super::label::{FILES, SIZE};

pub(super) const WINDOWS: usize = 4;
const PAGE: u64 = 4096;

#[derive(Debug)]
pub(crate) enum Op {
    // The mounter's.
    Mount,
    Unmount {
        how: i32,
    },
    Sleep {
        millis: u64,
    },
    // The breaker's.
    Poison {
        page: u64,
    },
    PoisonFile {
        file: u64,
        page: u64,
    },
    Offline {
        page: u64,
    },
    Rebind {
        millis: u64,
        which: usize,
    },
    // The observer's.
    Look {
        what: usize,
    },
    Trace {
        on: bool,
    },
    // The workers'.
    Create {
        file: u64,
        layout: u8,
        abi: Abi,
    },
    Unlink {
        file: u64,
    },
    Rename {
        from: u64,
        to: u64,
    },
    Truncate {
        file: u64,
    },
    Open {
        file: u64,
        window: usize,
        private: bool,
        pages: usize,
        page: usize,
    },
    Close {
        window: usize,
    },
    Read {
        file: u64,
        page: u64,
    },
    Write {
        file: u64,
        page: u64,
        byte: u8,
    },
    Touch {
        window: usize,
        at: usize,
        write: bool,
        way: Way,
    },
    Check {
        window: usize,
        page: usize,
    },
    Advise {
        window: usize,
        at: usize,
        advice: i32,
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
        at: usize,
    },
    Query {
        file: u64,
        command: u32,
    },
    Options {
        set: bool,
        bit: u32,
    },
}

/// The next operation of a thread: 0 mounts, 1 breaks, 2 observes, the rest work.
pub(super) fn generate(rebind: bool, thread: usize, rng: &mut Rng) -> Op {
    match thread {
        // Mounted most of the time, or there is nothing to race with.
        0 => match rng.below(100) {
            0..=49 => Op::Mount,
            50..=53 => Op::Unmount {
                how: rng.pick(&[0, 0, libc::MNT_DETACH]),
            },
            _ => Op::Sleep {
                millis: 1 + rng.below(10),
            },
        },
        1 => match rng.below(200) {
            0 => Op::Poison { page: rng.any() },
            1 => Op::Offline { page: rng.any() },
            2 if rebind => Op::Rebind {
                millis: rng.below(10),
                which: rng.index(2),
            },
            3 => Op::PoisonFile {
                file: rng.below(FILES),
                page: rng.below(512),
            },
            _ => Op::Sleep {
                millis: 1 + rng.below(4),
            },
        },
        2 => match rng.below(20) {
            0 => Op::Trace { on: rng.chance(50) },
            1..=9 => Op::Sleep {
                millis: rng.below(4),
            },
            _ => Op::Look { what: rng.index(9) },
        },
        _ => worker(rng),
    }
}

pub(super) fn kind(op: &Op) -> &'static str {
    match op {
        Op::Mount => "mount",
        Op::Unmount { .. } => "umount",
        Op::Sleep { .. } => "sleep",
        Op::Poison { .. } | Op::PoisonFile { .. } => "hwpoison",
        Op::Offline { .. } => "hard_offline",
        Op::Rebind { .. } => "unbind_bind",
        Op::Look { .. } => "look",
        Op::Trace { .. } => "trace",
        Op::Create { .. } => "map_create",
        Op::Unlink { .. } => "unlink",
        Op::Rename { .. } => "rename",
        Op::Truncate { .. } => "truncate",
        Op::Open { .. } => "mmap",
        Op::Close { .. } => "munmap",
        Op::Read { .. } => "read",
        Op::Write { .. } => "write",
        Op::Touch { .. } => "touch",
        Op::Check { .. } => "check",
        Op::Advise { .. } => "madvise",
        Op::Remap { .. } => "mremap",
        Op::Fork { .. } => "fork",
        Op::Pin { .. } => "vmsplice",
        Op::Query { .. } => "map_get",
        Op::Options { .. } => "options",
    }
}

fn worker(rng: &mut Rng) -> Op {
    let file = rng.below(FILES);
    let window = rng.index(WINDOWS);
    let at = rng.index(4 << 21);
    let page = rng.below(SIZE / PAGE);
    let write = rng.chance(50);
    match rng.below(100) {
        0..=11 => Op::Create {
            file,
            layout: rng.byte(),
            abi: rng.pick(&[Abi::V1, Abi::V2, Abi::V44]),
        },
        12..=15 => Op::Unlink { file },
        16 => Op::Rename {
            from: file,
            to: rng.below(3),
        },
        17 => Op::Truncate { file },
        18..=29 => Op::Open {
            file,
            window,
            private: rng.chance(20),
            page: if rng.chance(50) { 0 } else { rng.index(1024) },
            pages: 1 + rng.index(1536),
        },
        30..=32 => Op::Close { window },
        33..=42 => Op::Read { file, page },
        43..=50 => Op::Write {
            file,
            page,
            byte: rng.byte(),
        },
        51..=69 => Op::Touch {
            window,
            at,
            write,
            way: rng.pick(&[Way::User, Way::Copy, Way::Gup]),
        },
        70..=80 => Op::Check {
            window,
            page: rng.index(2048),
        },
        81..=86 => Op::Advise {
            window,
            at,
            advice: rng.pick(&[
                libc::MADV_DONTNEED,
                libc::MADV_DONTNEED,
                libc::MADV_POPULATE_READ,
                libc::MADV_POPULATE_WRITE,
                libc::MADV_PAGEOUT,
            ]),
        },
        87..=89 => Op::Remap {
            window,
            pages: 1 + rng.index(1536),
        },
        90 => Op::Fork { window, at, write },
        91..=93 => Op::Pin { window, at },
        94..=97 => Op::Query {
            file,
            command: rng.pick(&[
                abi::MAP_GET,
                abi::MAP_GETEXT,
                abi::MAP_GET_V2,
                abi::NOP_43,
                abi::NOP_44,
            ]),
        },
        98 => Op::Options {
            set: true,
            bit: rng.pick(&[5, 7, 10, 12, 14]),
        },
        _ => Op::Options {
            set: rng.chance(70),
            bit: rng.pick(&[5, 10, 12]),
        },
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Seed;

    #[test]
    fn each_thread_keeps_to_its_part() {
        let kinds = |thread| {
            let mut rng = Seed(3).generator("chaos", thread);
            let mut kinds: Vec<_> = (0..5000)
                .map(|_| kind(&generate(true, thread, &mut rng)))
                .collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds
        };
        assert_eq!(kinds(0), ["mount", "sleep", "umount"]);
        assert_eq!(
            kinds(1),
            ["hard_offline", "hwpoison", "sleep", "unbind_bind"]
        );
        assert_eq!(kinds(2), ["look", "sleep", "trace"]);
        assert_eq!(kinds(3).len(), 16);
    }
}
