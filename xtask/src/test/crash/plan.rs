//! What the master does, and when it is stopped: all from one seed.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::test::look::{MOUNT, Thing};
use crate::test::stream;

/// Files that `cp` copies, in the guest.
const SOURCE: &str = "/lab/source";
/// Size and seed of the one file, and of each in the tree.
const ONE: (usize, u32) = ((3 << 20) + 17, 901);
const TREE: [(&str, usize, u32); 4] = [
    ("a", 20_000, 911),
    ("b", 4096, 912),
    ("sub/c", 70_001, 913),
    ("sub/d", 1, 914),
];

/// Numbers from a seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn range(&mut self, from: usize, to: usize) -> usize {
        from + usize::try_from(self.below((to - from) as u64)).unwrap_or(0)
    }

    fn seed(&mut self) -> u32 {
        u32::try_from(self.next() >> 33).unwrap_or(1)
    }
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Mkfs,
    Creat,
    Multi,
    Cp,
    CpTree,
    Mkdir,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Mkfs,
        Self::Creat,
        Self::Multi,
        Self::Cp,
        Self::CpTree,
        Self::Mkdir,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mkfs => "mkfs",
            Self::Creat => "creat",
            Self::Multi => "creat --multi",
            Self::Cp => "cp",
            Self::CpTree => "cp -r",
            Self::Mkdir => "mkdir -p",
        })
    }
}

/// One command of the master, and the names that are there once it is counted.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub kind: Kind,
    pub script: String,
    /// One log entry each.
    pub adds: Vec<(String, Thing)>,
}

/// When the master is stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Instant {
    /// This part of what such a command usually takes, in thousandths.
    Part(u64),
    /// When it has stored something, and this part of what it usually takes from there on.
    Stored(u64),
    /// When its first log entry is stored, and so much later.
    Entry(Duration),
}

/// One file system after the other: made, filled, and made again over the old one.
#[derive(Debug)]
pub(super) struct Plan {
    dice: Dice,
    /// Commands so far; they name what is made.
    number: u64,
    /// Files take 4 KiB at least, not 2 MiB, so there is room for more of them.
    small: bool,
    /// What copies are.
    one: Thing,
    tree: [Thing; TREE.len()],
}

/// Commands on one file system, the one that makes it among them.
const EPOCH: u64 = 11;

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            number: 0,
            small: false,
            one: Thing::seeded(ONE.0, ONE.1),
            tree: TREE.map(|(_, size, seed)| Thing::seeded(size, seed)),
        }
    }

    pub(super) fn next(&mut self) -> (Command, Instant) {
        let number = self.number;
        self.number += 1;
        let command = match (number % EPOCH) % 5 {
            _ if number.is_multiple_of(EPOCH) => self.mkfs(),
            1 => self.creat(number),
            2 => self.mkdir(number),
            3 => self.multi(number),
            4 => self.cp(number),
            _ => self.cp_tree(number),
        };
        let instant = self.instant(command.kind);
        (command, instant)
    }

    fn mkfs(&mut self) -> Command {
        self.small = self.dice.below(3) > 0;
        let unit = if self.small { "4k" } else { "2M" };
        Command {
            kind: Kind::Mkfs,
            script: format!("famfs mkfs -f --alloc-unit {unit} $FAMFS_DEV"),
            adds: Vec::new(),
        }
    }

    fn creat(&mut self, number: u64) -> Command {
        let (size, seed) = (self.dice.range(4096, 2_500_000), self.dice.seed());
        Command {
            kind: Kind::Creat,
            script: format!("famfs creat -s {size} -r -S {seed} {MOUNT}/f{number}"),
            adds: vec![(format!("f{number}"), Thing::seeded(size, seed))],
        }
    }

    fn multi(&mut self, number: u64) -> Command {
        let mut script = "famfs creat -t 2".to_owned();
        let mut adds = Vec::new();
        let files = if self.small { 40 } else { 16 };
        for file in 0..self.dice.range(files / 2, files) {
            let (size, seed) = (self.dice.range(1, 40_000), self.dice.seed());
            let name = format!("m{number}.{file}");
            let _ = write!(script, " -M {MOUNT}/{name},{size},{seed}");
            adds.push((name, Thing::seeded(size, seed)));
        }
        Command {
            kind: Kind::Multi,
            script,
            adds,
        }
    }

    fn cp(&mut self, number: u64) -> Command {
        let threads = self.dice.range(0, 3);
        Command {
            kind: Kind::Cp,
            script: format!("famfs cp -t {threads} {SOURCE}/one {MOUNT}/c{number}"),
            adds: vec![(format!("c{number}"), self.one)],
        }
    }

    fn cp_tree(&mut self, number: u64) -> Command {
        let threads = self.dice.range(0, 3);
        let top = format!("t{number}");
        let mut adds = vec![
            (top.clone(), Thing::Folder),
            (format!("{top}/sub"), Thing::Folder),
        ];
        let files = TREE.iter().zip(self.tree);
        adds.extend(files.map(|((name, ..), thing)| (format!("{top}/{name}"), thing)));
        Command {
            kind: Kind::CpTree,
            script: format!("famfs cp -r -t {threads} {SOURCE}/tree {MOUNT}/{top}"),
            adds,
        }
    }

    fn mkdir(&mut self, number: u64) -> Command {
        let depth = self.dice.range(1, 12);
        let mut path = format!("d{number}");
        let mut adds = vec![(path.clone(), Thing::Folder)];
        for _ in 1..depth {
            path += "/e";
            adds.push((path.clone(), Thing::Folder));
        }
        Command {
            kind: Kind::Mkdir,
            script: format!("famfs mkdir -p {MOUNT}/{path}"),
            adds,
        }
    }

    /// A sixth anywhere, a third about the append, and half from the first store on: most of a
    /// command's time is the start of its program.
    fn instant(&mut self, kind: Kind) -> Instant {
        match self.dice.below(6) {
            0 => Instant::Part(self.dice.below(1000)),
            1 | 2 if kind != Kind::Mkfs => Instant::Entry(Duration::from_micros(
                self.dice.below(30).saturating_sub(15),
            )),
            _ => Instant::Stored(self.dice.below(1000)),
        }
    }
}

/// What is to be copied, for the guest's image.
pub(super) fn sources() -> Vec<(String, Vec<u8>)> {
    let one = (format!("{SOURCE}/one"), stream::bytes(ONE.1, ONE.0));
    let tree =
        TREE.map(|(name, size, seed)| (format!("{SOURCE}/tree/{name}"), stream::bytes(seed, size)));
    std::iter::once(one).chain(tree).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_plan() {
        let take = |seed| {
            let mut plan = Plan::new(seed);
            (0..40)
                .map(|_| {
                    let (command, instant) = plan.next();
                    (command.script, instant)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
    }

    #[test]
    fn a_file_system_gets_two_of_each_kind() {
        let mut plan = Plan::new(1);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..EPOCH {
            *counts.entry(plan.next().0.kind).or_insert(0) += 1;
        }
        let counts: Vec<_> = counts.into_iter().collect();
        assert_eq!(
            counts,
            Kind::ALL.map(|kind| (kind, if kind == Kind::Mkfs { 1 } else { 2 }))
        );
        assert_eq!(plan.next().0.kind, Kind::Mkfs);
    }
}
