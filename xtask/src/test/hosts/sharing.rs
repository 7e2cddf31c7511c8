//! Files of one host on the other, and who may make them.

use anyhow::{Result, ensure};

use super::Test;
use crate::lab::host::Host;
use crate::lab::hosts::UUIDS;
use crate::test::look::{Names, Thing};
use crate::test::stage::{Pair, clean, ends, mount, sees};
use crate::test::stream;

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "hosts::a_client_reads_the_same_bytes",
        run: same_bytes,
    },
    Test {
        name: "hosts::a_client_is_refused_what_the_master_may",
        run: refused,
    },
    Test {
        name: "hosts::what_is_written_is_seen_after_flush",
        run: flushed,
    },
    Test {
        name: "hosts::the_role_goes_back_and_forth_with_mkfs",
        run: back_and_forth,
    },
    Test {
        name: "hosts::whoever_has_the_identity_appends",
        run: identity,
    },
];

fn same_bytes(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master.must(
        "famfs mkdir -p /mnt/famfs/sets/day1 && \
         famfs creat -s 5000000 -r -S 42 /mnt/famfs/sets/day1/data && \
         famfs creat -M /mnt/famfs/a,4096,1 -M /mnt/famfs/b,1,2 && \
         mkdir -p /tmp/tree/sub && head -c 3000000 /mnt/famfs/sets/day1/data > /tmp/tree/sub/part && \
         famfs cp -r -t 2 /tmp/tree /mnt/famfs/",
    )?;
    let mut wanted = Names::default();
    for folder in ["sets", "sets/day1", "tree", "tree/sub"] {
        wanted.add(folder, Thing::Folder);
    }
    wanted.add("sets/day1/data", Thing::seeded(5_000_000, 42));
    wanted.add("a", Thing::seeded(4096, 1));
    wanted.add("b", Thing::seeded(1, 2));
    wanted.add("tree/sub/part", Thing::seeded(3_000_000, 42));
    sees(pair.master, &wanted)?;
    let mounted = pair
        .client
        .must("famfs mount --json $FAMFS_DEV /mnt/famfs")?;
    for part in [
        r#""role": "client""#,
        r#""entries": 8"#,
        r#""new_files": 4"#,
    ] {
        ensure!(mounted.contains(part), "no `{part}` in {mounted}");
    }
    sees(pair.client, &wanted)?;
    pair.client
        .must("famfs verify -m /mnt/famfs/a,1 -m /mnt/famfs/sets/day1/data,42")?;
    ends(
        pair.client,
        "famfs verify -S 43 -f /mnt/famfs/sets/day1/data",
        1,
        "",
    )?;
    clean(pair.master)?;
    clean(pair.client)
}

/// Nothing of what it tries reaches the memory.
fn refused(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master
        .must("famfs creat -s 100000 -r -S 7 /mnt/famfs/one && famfs mkdir /mnt/famfs/d")?;
    pair.client.must(&mount())?;
    let before = pair.memory.snapshot()?;
    for command in [
        "famfs creat -s 4096 /mnt/famfs/new",
        "famfs creat -M /mnt/famfs/new,4096 -M /mnt/famfs/newer,4096,3",
        "famfs creat -s 4096 -r -S 1 /mnt/famfs/d/new",
        "famfs mkdir /mnt/famfs/new",
        "famfs mkdir -p /mnt/famfs/d/e/f",
        "famfs cp /init /mnt/famfs/new",
        "famfs cp -r /root /mnt/famfs/new",
    ] {
        ends(pair.client, command, 1, "did not make the file system")?;
    }
    for command in [
        "echo x > /mnt/famfs/one",
        "famfs cp /init /mnt/famfs/one",
        "famfs mkfs $FAMFS_DEV",
        "famfs mkfs -f $FAMFS_DEV",
    ] {
        let said = pair.client.run(command)?;
        ensure!(said.status != 0, "a client did `{command}`");
    }
    ensure!(
        pair.memory.snapshot()? == before,
        "a command that was refused changed the memory"
    );
    let mut wanted = Names::default();
    wanted.add("one", Thing::seeded(100_000, 7));
    wanted.add("d", Thing::Folder);
    sees(pair.client, &wanted)?;
    sees(pair.master, &wanted)
}

fn flushed(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master
        .must("famfs creat -s 300000 -r -S 5 /mnt/famfs/file")?;
    pair.client.must(&mount())?;
    let mut bytes = stream::bytes(5, 300_000);
    for (at, words) in [
        (0_usize, "first"),
        (4094, "over a page"),
        (299_995, "last."),
    ] {
        pair.master.must(&format!(
            "printf '{words}' | dd of=/mnt/famfs/file bs=1 seek={at} conv=notrunc 2>/dev/null && \
             famfs flush /mnt/famfs/file"
        ))?;
        bytes[at..at + words.len()].copy_from_slice(words.as_bytes());
        let wanted = Names::default().with(&[("file".into(), Thing::of(&bytes))]);
        sees(pair.client, &wanted)?;
    }
    ends(pair.client, "famfs verify -S 5 -f /mnt/famfs/file", 1, "")?;
    pair.client.must("famfs flush /mnt/famfs/file")?;
    pair.client.must("famfs chkread /mnt/famfs/file").map(drop)
}

/// The roles change as upstream's do: the host that makes the file system is its master.
fn back_and_forth(pair: &mut Pair<'_>) -> Result<()> {
    pair.reset()?;
    reign(pair.master, pair.client, "", 10)?;
    reign(pair.client, pair.master, "-f", 11)?;
    reign(pair.master, pair.client, "-f", 12)?;
    reign(pair.client, pair.master, "-f", 13)
}

/// One host makes a file system with a file, the other follows.
fn reign(master: &mut Host, client: &mut Host, force: &str, seed: u32) -> Result<()> {
    master.must(&format!(
        "famfs mkfs {force} $FAMFS_DEV && {} && famfs creat -s 100000 -r -S {seed} /mnt/famfs/file",
        mount()
    ))?;
    client.must(&mount())?;
    let wanted = Names::default().with(&[("file".into(), Thing::seeded(100_000, seed))]);
    sees(client, &wanted)?;
    ends(client, "famfs mkdir /mnt/famfs/d", 1, "did not make")?;
    clean(client)?;
    master.must("famfs umount /mnt/famfs")?;
    client.must("famfs umount /mnt/famfs")?;
    // Not by accident: what the other made is overwritten on purpose.
    ends(client, "famfs mkfs $FAMFS_DEV", 1, "famfs superblock").map(drop)
}

/// One host at a time, and each appends to the same log as the same host.
fn identity(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master.must("famfs umount /mnt/famfs")?;
    let owner = pair.master.must("cat /opt/famfs/system_uuid")?;
    let owner = owner.trim_end_matches('\0').to_owned();
    ensure!(UUIDS.contains(&owner.as_str()), "who is {owner:?}?");
    let mut wanted = Names::default();
    for round in 1..=3_u32 {
        for (host, name) in [(&mut *pair.master, "one"), (&mut *pair.client, "other")] {
            let seed = round * 10 + u32::try_from(name.len())?;
            host.must(&format!(
                "export FAMFS_SYSTEM_UUID_FILE=/tmp/owner; printf '{owner}' > /tmp/owner; {} && \
                 famfs creat -s 70000 -r -S {seed} /mnt/famfs/{name}{round}",
                mount()
            ))?;
            wanted.add(&format!("{name}{round}"), Thing::seeded(70_000, seed));
            sees(host, &wanted)?;
            clean(host)?;
            host.must("famfs umount /mnt/famfs")?;
        }
    }
    pair.client.must(&mount())?;
    sees(pair.client, &wanted)?;
    ends(pair.client, "famfs mkdir /mnt/famfs/d", 1, "did not make").map(drop)
}
