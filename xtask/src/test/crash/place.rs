//! How far a command had come when its host stopped, by what the memory says.

use std::fmt;

use anyhow::{Result, ensure};

use super::plan::{Command, Kind};
use crate::lab::shared::Snapshot;
use crate::test::stage::{
    DATA_AT, FS_UUID_AT, MAGIC, MAGIC_AT, NEXT_INDEX_AT, NEXT_SEQNUM_AT, SLOT_SIZE, slot_at,
    slot_crc_at,
};

/// A place between the start of a command and its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Nothing is stored yet.
    Before,
    /// Something is, but no log entry; of mkfs, the magic is gone and not back.
    Within,
    /// An entry, or a part of one, is in a slot that is not counted.
    Append,
    /// All is done, and nobody was told.
    Counted,
    /// The host knew that it was done.
    Told,
}

impl Place {
    pub(super) const ALL: [Self; 5] = [
        Self::Before,
        Self::Within,
        Self::Append,
        Self::Counted,
        Self::Told,
    ];

    /// Whether all that the command makes is there; else nothing of it may be.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Self::Counted | Self::Told)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Before => "before",
            Self::Within => "within",
            Self::Append => "in append",
            Self::Counted => "counted",
            Self::Told => "after",
        })
    }
}

/// Finds the place. Fails for a memory that may not be: counters that differ, half of a
/// command's entries, a magic over a file system that is not made.
pub(super) fn place(
    before: &Snapshot,
    stopped: &Snapshot,
    command: &Command,
    told: bool,
) -> Result<Place> {
    let place = if command.kind == Kind::Mkfs {
        of_mkfs(before, stopped)?
    } else {
        of_append(before, stopped, command.adds.len() as u64)?
    };
    if !told {
        return Ok(place);
    }
    ensure!(
        place == Place::Counted,
        "it was acknowledged, and the memory is as {place} the command"
    );
    Ok(Place::Told)
}

/// Where a command stores first: `mkfs` to the magic, `mkdir` to the log, and what has data to
/// the memory behind the last file.
pub(super) fn first_stored_at(kind: Kind, before: &Snapshot) -> u64 {
    let counted = before.field(NEXT_INDEX_AT);
    match kind {
        Kind::Mkfs => MAGIC_AT,
        Kind::Mkdir => slot_crc_at(counted),
        _ => (0..counted)
            .filter_map(|index| {
                let slot = slot_at(index);
                // A file in one piece.
                (before.field(slot + 8) == 0)
                    .then(|| before.field(slot + 144) + before.field(slot + 152))
            })
            .max()
            .unwrap_or(DATA_AT),
    }
}

fn of_mkfs(before: &Snapshot, stopped: &Snapshot) -> Result<Place> {
    let identity = |memory: &Snapshot| {
        let mut uuid = [0; 16];
        memory.read(FS_UUID_AT, &mut uuid);
        uuid
    };
    Ok(match stopped.field(MAGIC_AT) {
        _ if before == stopped => Place::Before,
        0 => Place::Within,
        MAGIC => {
            ensure!(
                identity(before) != identity(stopped),
                "the old superblock is valid, and what is behind it has changed"
            );
            Place::Counted
        }
        other => anyhow::bail!("half a magic: {other:#x}"),
    })
}

fn of_append(before: &Snapshot, stopped: &Snapshot, adds: u64) -> Result<Place> {
    let (was, is) = (before.field(NEXT_INDEX_AT), stopped.field(NEXT_INDEX_AT));
    let number = stopped.field(NEXT_SEQNUM_AT);
    ensure!(number == is, "the counters differ: {number} and {is}");
    if is == was + adds {
        return Ok(Place::Counted);
    }
    ensure!(
        is == was,
        "{} of {adds} entries are counted",
        is.wrapping_sub(was)
    );
    let slots = |memory: &Snapshot| {
        let mut bytes = vec![0; usize::try_from(adds * SLOT_SIZE).unwrap_or(0)];
        memory.read(slot_at(was), &mut bytes);
        bytes
    };
    Ok(if before == stopped {
        Place::Before
    } else if slots(before) == slots(stopped) {
        Place::Within
    } else {
        Place::Append
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::shared::Shared;
    use crate::test::crash::plan::Plan;

    /// A memory with these fields.
    fn memory(fields: &[(u64, u64)]) -> Snapshot {
        let memory = Shared::anonymous(0, 16 << 20).unwrap();
        for (at, value) in fields {
            memory.write(*at, &value.to_le_bytes()).unwrap();
        }
        memory.snapshot().unwrap()
    }

    fn commands() -> (Command, Command) {
        let mut plan = Plan::new(1);
        (plan.next().0, plan.next().0)
    }

    const OLD: [(u64, u64); 4] = [
        (MAGIC_AT, MAGIC),
        (FS_UUID_AT, 1),
        (NEXT_SEQNUM_AT, 5),
        (NEXT_INDEX_AT, 5),
    ];

    fn changed(fields: &[(u64, u64)]) -> Snapshot {
        memory(&[&OLD, fields].concat())
    }

    #[test]
    fn an_append_is_found_where_it_is() {
        let (_, creat) = commands();
        let at = |fields: &[(u64, u64)], told| {
            place(&memory(&OLD), &changed(fields), &creat, told).map_err(|e| e.to_string())
        };
        let counted = [(NEXT_SEQNUM_AT, 6), (NEXT_INDEX_AT, 6), (slot_at(5) + 8, 7)];
        assert_eq!(at(&[], false), Ok(Place::Before));
        assert_eq!(at(&[(12 << 20, 7)], false), Ok(Place::Within));
        assert_eq!(at(&[(slot_at(5) + 80, 7)], false), Ok(Place::Append));
        assert_eq!(at(&counted, false), Ok(Place::Counted));
        assert_eq!(at(&counted, true), Ok(Place::Told));
        assert!(
            at(&[(NEXT_SEQNUM_AT, 6)], false)
                .unwrap_err()
                .contains("differ")
        );
        let two = [(NEXT_SEQNUM_AT, 7), (NEXT_INDEX_AT, 7)];
        assert!(at(&two, false).unwrap_err().contains("2 of 1 entries"));
        // Told too early.
        assert!(at(&[(slot_at(5), 7)], true).is_err());
    }

    #[test]
    fn a_mkfs_is_found_where_it_is() {
        let (mkfs, _) = commands();
        let at = |fields: &[(u64, u64)]| {
            place(&memory(&OLD), &changed(fields), &mkfs, false).map_err(|e| e.to_string())
        };
        assert_eq!(at(&[]), Ok(Place::Before));
        assert_eq!(at(&[(MAGIC_AT, 0)]), Ok(Place::Within));
        assert_eq!(
            at(&[(FS_UUID_AT, 2), (NEXT_INDEX_AT, 0)]),
            Ok(Place::Counted)
        );
        // A valid superblock over a log that is half zeroed.
        assert!(at(&[(NEXT_INDEX_AT, 0)]).is_err());
        assert!(at(&[(MAGIC_AT, 0x8700_0000)]).is_err());
    }
}
