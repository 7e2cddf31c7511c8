//! The master is killed, the whole of it, in the middle of a command.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::Test;
use crate::lab::host::Host;
use crate::lab::shared::Shared;
use crate::test::look::{Names, Thing};
use crate::test::stage::{
    MAGIC, MAGIC_AT, NEXT_INDEX_AT, NEXT_SEQNUM_AT, Pair, clean, ends, mount, sees, slot_crc_at,
};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "hosts::killed_in_creat",
        run: in_creat,
    },
    Test {
        name: "hosts::killed_in_cp",
        run: in_cp,
    },
    Test {
        name: "hosts::killed_in_mkdir",
        run: in_mkdir,
    },
    Test {
        name: "hosts::killed_in_mkfs",
        run: in_mkfs,
    },
];

/// Far more than any of the commands takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the file systems have before.
fn kept() -> Names {
    Names::default().with(&[("kept".into(), Thing::seeded(200_000, 1))])
}

fn with_kept(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master
        .must("famfs creat -s 200000 -r -S 1 /mnt/famfs/kept")?;
    pair.client.must(&mount())?;
    sees(pair.client, &kept())
}

/// Kills the master as soon as its command has come so far.
fn kill_when(
    master: &mut Host,
    script: &str,
    memory: &Shared,
    so_far: impl Fn(&Shared) -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    master.start(script)?;
    let mut looks = 0_u32;
    while !so_far(memory)? {
        looks += 1;
        if looks.is_multiple_of(64) {
            if let Some(said) = master.done()? {
                bail!("`{script}` was not caught in the middle: {said:?}");
            }
            ensure!(start.elapsed() < PATIENCE, "`{script}` never came so far");
        }
    }
    master.kill()
}

/// Boots the master again and mounts what it left.
fn come_back(pair: &mut Pair<'_>, wanted: &Names) -> Result<()> {
    pair.master.healthy()?;
    Host::boot([&mut *pair.master])?;
    pair.master.must(&mount())?;
    sees(pair.master, wanted)
}

const BIG: u64 = 32 << 20;

/// Kills a command that writes a file of [`BIG`] bytes, when some of them are written.
fn kill_in_data(pair: &mut Pair<'_>, script: &str) -> Result<()> {
    let before = pair.memory.used()?;
    kill_when(pair.master, script, pair.memory, |memory| {
        Ok(memory.used()? > before + BIG / 8)
    })?;
    let written = pair.memory.used()? - before;
    ensure!(written < BIG, "all {written} bytes are there: too late");
    // No host has heard of the file.
    clean(pair.client)?;
    pair.client.must("famfs logplay /mnt/famfs")?;
    sees(pair.client, &kept())
}

/// Everybody has the file now.
fn has_big(pair: &mut Pair<'_>, bytes: &[u8]) -> Result<()> {
    let wanted = kept().with(&[("big".into(), Thing::of(bytes))]);
    sees(pair.master, &wanted)?;
    pair.client.must("famfs logplay /mnt/famfs")?;
    sees(pair.client, &wanted)?;
    clean(pair.master)?;
    clean(pair.client)
}

fn in_creat(pair: &mut Pair<'_>) -> Result<()> {
    const CREAT: &str = "famfs creat -s 32M -r -S 2 /mnt/famfs/big";
    with_kept(pair)?;
    kill_in_data(pair, CREAT)?;
    come_back(pair, &kept())?;
    pair.master.must(CREAT)?;
    has_big(pair, &crate::test::stream::bytes(2, usize::try_from(BIG)?))
}

fn in_cp(pair: &mut Pair<'_>) -> Result<()> {
    const SOURCE: &str = "yes famfs | head -c 33554432 > /tmp/big";
    const CP: &str = "famfs cp -t 2 /tmp/big /mnt/famfs/";
    with_kept(pair)?;
    pair.master.must(SOURCE)?;
    kill_in_data(pair, CP)?;
    come_back(pair, &kept())?;
    pair.master.must(&format!("{SOURCE} && {CP}"))?;
    let bytes: Vec<u8> = b"famfs\n"
        .iter()
        .copied()
        .cycle()
        .take(usize::try_from(BIG)?)
        .collect();
    has_big(pair, &bytes)
}

/// A whole path of folders is counted at once, so all of them are there or none.
fn in_mkdir(pair: &mut Pair<'_>) -> Result<()> {
    const DEPTH: usize = 39;
    with_kept(pair)?;
    let path = vec!["d"; DEPTH].join("/");
    let folders = (1..=DEPTH).map(|depth| (vec!["d"; depth].join("/"), Thing::Folder));
    let all = kept().with(&folders.collect::<Vec<_>>());
    let mkdir = format!("famfs mkdir -p /mnt/famfs/{path}");
    kill_when(pair.master, &mkdir, pair.memory, |memory| {
        Ok(memory.field(slot_crc_at(1))? != 0)
    })?;
    let counted = pair.memory.field(NEXT_INDEX_AT)?;
    ensure!(
        pair.memory.field(NEXT_SEQNUM_AT)? == counted,
        "a torn header"
    );
    let left = match counted {
        1 => kept(),
        40 => all.clone(),
        other => bail!("{other} entries are counted, neither 1 nor 40"),
    };
    clean(pair.client)?;
    pair.client.must("famfs logplay /mnt/famfs")?;
    sees(pair.client, &left)?;
    come_back(pair, &left)?;
    // Whatever the killed command left in the log, the next append goes over it.
    pair.master.must(&mkdir)?;
    sees(pair.master, &all)?;
    pair.client.must("famfs logplay /mnt/famfs")?;
    sees(pair.client, &all)?;
    clean(pair.master)?;
    clean(pair.client)
}

fn in_mkfs(pair: &mut Pair<'_>) -> Result<()> {
    with_kept(pair)?;
    for host in [&mut *pair.master, &mut *pair.client] {
        host.must("famfs umount /mnt/famfs")?;
    }
    // A log that takes its time to be zeroed.
    let mkfs = "famfs mkfs -f -l 64M $FAMFS_DEV";
    kill_when(pair.master, mkfs, pair.memory, |memory| {
        Ok(memory.field(MAGIC_AT)? == 0)
    })?;
    match pair.memory.field(MAGIC_AT)? {
        0 => {
            ends(pair.client, &mount(), 1, "no famfs superblock")?;
            ends(
                pair.client,
                "famfs fsck $FAMFS_DEV",
                1,
                "no famfs superblock",
            )?;
            pair.client.must("! grep famfs /proc/mounts")?;
        }
        MAGIC => {
            pair.client.must(&mount())?;
            sees(pair.client, &Names::default())?;
            clean(pair.client)?;
            pair.client.must("famfs umount /mnt/famfs")?;
        }
        other => bail!("half a magic: {other:#x}"),
    }
    pair.master.healthy()?;
    Host::boot([&mut *pair.master])?;
    pair.master.must(&format!(
        "famfs mkfs -f $FAMFS_DEV && {} && famfs creat -s 200000 -r -S 1 /mnt/famfs/kept",
        mount()
    ))?;
    pair.client.must(&mount())?;
    sees(pair.client, &kept())?;
    clean(pair.master)?;
    clean(pair.client)
}
