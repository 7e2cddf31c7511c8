//! A client whose files are those of an older log, and how it catches up.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Test;
use crate::lab::host::Host;
use crate::test::look::{Names, Thing};
use crate::test::stage::{Pair, clean, ends, mount, sees};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "hosts::a_stale_client_keeps_what_it_had_and_gets_the_rest",
        run: stale,
    },
    Test {
        name: "hosts::a_follower_keeps_up_and_says_how_far_behind_it_was",
        run: follow,
    },
    Test {
        name: "hosts::a_follower_notices_another_file_system",
        run: replaced,
    },
];

fn stale(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    let mut wanted = Names::default();
    pair.master
        .must("famfs creat -M /mnt/famfs/one,200000,1 -M /mnt/famfs/two,50,2")?;
    wanted.add("one", Thing::seeded(200_000, 1));
    wanted.add("two", Thing::seeded(50, 2));
    pair.client.must(&mount())?;
    let old = wanted.clone();
    pair.master.must(
        "famfs mkdir /mnt/famfs/d && famfs creat -s 100000 -r -S 3 /mnt/famfs/d/three && \
         famfs creat -s 6000000 -r -S 4 /mnt/famfs/four",
    )?;
    wanted.add("d", Thing::Folder);
    wanted.add("d/three", Thing::seeded(100_000, 3));
    wanted.add("four", Thing::seeded(6_000_000, 4));
    sees(pair.master, &wanted)?;
    // What it had it has, and no more.
    sees(pair.client, &old)?;
    ends(pair.client, "cat /mnt/famfs/four", 1, "No such file")?;
    let dry = played(pair.client, "famfs logplay -n --json /mnt/famfs")?;
    counts(
        &dry,
        &[("new_files", 2), ("new_directories", 1), ("existing", 2)],
    )?;
    sees(pair.client, &old)?;
    let real = played(pair.client, "famfs logplay --json /mnt/famfs")?;
    counts(
        &real,
        &[("entries", 5), ("new_files", 2), ("new_directories", 1)],
    )?;
    sees(pair.client, &wanted)?;
    let again = played(pair.client, "famfs logplay --json /mnt/famfs")?;
    counts(&again, &[("entries", 5), ("new_files", 0), ("existing", 5)])?;
    clean(pair.client)
}

fn played(host: &mut Host, command: &str) -> Result<Value> {
    serde_json::from_str(&host.must(command)?).with_context(|| format!("what `{command}` said"))
}

fn counts(played: &Value, wanted: &[(&str, u64)]) -> Result<()> {
    for (field, number) in wanted {
        ensure!(
            played[field] == *number,
            "{field} is not {number}: {played}"
        );
    }
    Ok(())
}

/// Starts a follower and waits until it has played what there was.
fn start(host: &mut Host) -> Result<()> {
    host.must(
        "rm -f /tmp/follow*; { famfs logplay --follow --json --interval 50 /mnt/famfs \
         > /tmp/follow 2> /tmp/follow.err; echo $? > /tmp/follow.status; } & \
         for try in $(seq 600); do [ -s /tmp/follow ] && exit 0; usleep 50000; done; \
         echo it never said anything; cat /tmp/follow.err; exit 1",
    )
    .map(drop)
}

/// Waits for the follower's end: its status, what it said, and what it complained of.
fn end(host: &mut Host) -> Result<(String, Vec<Value>, String)> {
    let status = host.must(
        "for try in $(seq 600); do [ -s /tmp/follow.status ] && break; usleep 50000; done; \
         cat /tmp/follow.status",
    )?;
    let lines = host.must("cat /tmp/follow")?;
    let rounds: Result<_, _> = lines.lines().map(serde_json::from_str).collect();
    let error = host.must("cat /tmp/follow.err")?;
    let rounds = rounds.context("a follower's line")?;
    Ok((status.trim().to_owned(), rounds, error))
}

fn follow(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    let mut wanted = Names::default();
    pair.master
        .must("famfs creat -s 4096 -r -S 100 /mnt/famfs/f100")?;
    wanted.add("f100", Thing::seeded(4096, 100));
    pair.client.must(&format!("{} --no-logplay", mount()))?;
    sees(pair.client, &Names::default())?;
    start(pair.client)?;
    sees(pair.client, &wanted)?;
    for seed in 101..=105_u32 {
        let size = 1000 * seed;
        pair.master.must(&format!(
            "famfs creat -s {size} -r -S {seed} /mnt/famfs/f{seed}"
        ))?;
        wanted.add(&format!("f{seed}"), Thing::seeded(size as usize, seed));
    }
    pair.master.must("famfs mkdir -p /mnt/famfs/d/e/last")?;
    for folder in ["d", "d/e", "d/e/last"] {
        wanted.add(folder, Thing::Folder);
    }
    pair.client.must(
        "for try in $(seq 600); do [ -d /mnt/famfs/d/e/last ] && exit 0; usleep 50000; done; exit 1",
    )?;
    sees(pair.client, &wanted)?;
    pair.client.must("killall -INT famfs")?;
    let (status, rounds, error) = end(pair.client)?;
    ensure!(status == "0" && error.is_empty(), "{status}: {error}");
    let sum = |field: &str| {
        rounds
            .iter()
            .filter_map(|round| round[field].as_u64())
            .sum::<u64>()
    };
    ensure!(
        (sum("behind"), sum("new_files"), sum("new_directories")) == (9, 6, 3),
        "not nine entries in all: {rounds:?}"
    );
    // The three folders are counted at once, so no look finds one of them alone.
    let last = rounds.last().context("no round")?;
    ensure!(
        last["entries"] == 9 && last["new_directories"] == 3,
        "{last}"
    );
    for round in &rounds {
        ensure!(
            round["behind"].as_u64() >= Some(1) && round["took_ms"].is_u64(),
            "a round without news: {round}"
        );
    }
    clean(pair.client)
}

fn replaced(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master
        .must("famfs creat -s 4096 -r -S 1 /mnt/famfs/old")?;
    pair.client.must(&mount())?;
    start(pair.client)?;
    pair.master.must(&format!(
        "famfs umount /mnt/famfs && famfs mkfs -f $FAMFS_DEV && {} && \
         famfs creat -s 8192 -r -S 2 /mnt/famfs/new",
        mount()
    ))?;
    let (status, _, error) = end(pair.client)?;
    ensure!(
        status == "1" && error.contains("another file system"),
        "{status}: {error}"
    );
    // Mounted again, it has the new one and nothing of the old.
    pair.client
        .must(&format!("famfs umount /mnt/famfs && {}", mount()))?;
    let wanted = Names::default().with(&[("new".into(), Thing::seeded(8192, 2))]);
    sees(pair.client, &wanted)?;
    clean(pair.client)
}
