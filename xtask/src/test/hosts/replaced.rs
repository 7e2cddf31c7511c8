//! A mount that outlived its file system: another host has made a new one on the same memory.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Test;
use crate::lab::host::Host;
use crate::test::look::{MOUNT, Names, Thing};
use crate::test::stage::{Pair, clean, ends, mount, sees};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "hosts::every_command_says_that_a_mount_is_stale",
        run: every_command,
    },
    Test {
        name: "hosts::a_log_that_was_replaced_meanwhile_is_not_appended_to",
        run: meanwhile,
    },
];

/// What every command says, whatever it was asked to do.
const WORDS: &str = "/mnt/famfs is stale: its device holds another file system now, or none";

/// Each would read or change the new file system through the names of the old one.
const COMMANDS: &[&str] = &[
    "famfs check /mnt/famfs",
    "famfs fsck /mnt/famfs",
    "famfs list",
    "famfs logplay /mnt/famfs",
    "famfs logplay -n /mnt/famfs",
    "famfs logplay --repair /mnt/famfs",
    "famfs logplay --follow /mnt/famfs",
    "famfs logplay --shadow /tmp/shadow /mnt/famfs",
    "famfs creat -s 4096 /mnt/famfs/more",
    "famfs creat -r -S 9 /mnt/famfs/old",
    "famfs mkdir /mnt/famfs/more",
    "famfs mkdir -p /mnt/famfs/d",
    "famfs cp /etc/passwd /mnt/famfs/more",
    "famfs cp -r /root /mnt/famfs/d",
    "famfs cp -c /init /mnt/famfs/old",
    "famfs verify -S 1 -f /mnt/famfs/old",
    "famfs flush /mnt/famfs/old",
    "famfs getmap /mnt/famfs/old",
    "famfs chkread /mnt/famfs/old",
    "famfs clone /mnt/famfs/old /mnt/famfs/copy",
    "famfs mkmeta $FAMFS_DEV",
    "famfs opts /mnt/famfs",
    "famfs opts /mnt/famfs --set unlink",
    "famfs mount -R $FAMFS_DEV /mnt/famfs",
    "famfs dump /mnt/famfs",
];

fn every_command(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master
        .must("famfs creat -s 100000 -r -S 1 /mnt/famfs/old && famfs mkdir /mnt/famfs/d")?;
    let owner = pair.master.must("cat /opt/famfs/system_uuid")?;
    let owner = owner.trim_end_matches('\0').to_owned();
    let listed = "cd /mnt/famfs && ls -lR . .meta";
    let before = pair.master.must(listed)?;
    ends(pair.master, "famfs check /mnt/famfs", 0, "0 errors")?;
    state(pair.master, "ok")?;

    // No file system at all is another one, too.
    pair.client.must("famfs mkfs -f -k $FAMFS_DEV")?;
    ends(pair.master, "famfs check /mnt/famfs", 1, WORDS)?;
    // Under the same identity, so that nothing but its uuid tells the new one from the old.
    pair.client.must(&format!(
        "export FAMFS_SYSTEM_UUID_FILE=/tmp/owner; printf '{owner}' > /tmp/owner; \
         famfs mkfs $FAMFS_DEV && {} && famfs creat -s 200000 -r -S 2 /mnt/famfs/new",
        mount()
    ))?;
    let memory = pair.memory.snapshot()?;
    state(pair.master, "stale")?;
    for command in COMMANDS {
        ends(pair.master, command, 1, WORDS)?;
    }
    fsck_json(pair.master)?;
    top(pair.master)?;
    // The module itself lets nobody write, and whoever wants to read.
    ends(
        pair.master,
        "echo x > /mnt/famfs/old",
        1,
        "Stale file handle",
    )?;
    pair.master.must("cat /mnt/famfs/old > /dev/null")?;
    ensure!(
        pair.master.must(listed)? == before,
        "a command that was refused changed the names in the mount"
    );
    ensure!(
        pair.memory.snapshot()? == memory,
        "a command that was refused changed the memory"
    );
    pair.master.must("famfs umount /mnt/famfs")?;
    pair.master.must(&mount())?;
    state(pair.master, "ok")?;
    let wanted = Names::default().with(&[("new".into(), Thing::seeded(200_000, 2))]);
    for host in [&mut *pair.master, &mut *pair.client] {
        sees(host, &wanted)?;
        ends(host, &format!("famfs check {MOUNT}"), 0, "0 errors")?;
        clean(host)?;
    }
    Ok(())
}

/// What the module says of the one mount there is.
fn state(host: &mut Host, wanted: &str) -> Result<()> {
    let state = host.must("cat /sys/fs/famfs/*:*/state")?;
    ensure!(state.trim() == wanted, "the state is {state}, not {wanted}");
    Ok(())
}

fn fsck_json(host: &mut Host) -> Result<()> {
    let report = ends(host, "famfs fsck --json /mnt/famfs 2>/dev/null", 1, "")?;
    let report: Value = serde_json::from_str(&report).context("the report of fsck")?;
    let finding = &report["findings"][0];
    ensure!(
        report["clean"] == false
            && report["errors"] == 1
            && finding["severity"] == "stale"
            && finding["code"] == "stale-mount"
            && finding["message"] == WORDS,
        "fsck says {report}"
    );
    Ok(())
}

fn top(host: &mut Host) -> Result<()> {
    let snapshot = host.must("famfs-top --json --interval 0.1")?;
    let snapshot: Value = serde_json::from_str(&snapshot).context("a snapshot")?;
    let mount = &snapshot["mounts"][0];
    ensure!(mount["state"] == "stale", "famfs-top says {mount}");
    Ok(())
}

/// A file takes minutes to fill, and the log is read before and written behind that.
fn meanwhile(pair: &mut Pair<'_>) -> Result<()> {
    pair.fresh()?;
    pair.master.must(
        "rm -f /tmp/creat*; { famfs creat -s 200M -r -S 7 /mnt/famfs/big 2> /tmp/creat.err; \
         echo $? > /tmp/creat.status; } & \
         for try in $(seq 3000); do [ -s /mnt/famfs/big ] && break; usleep 10000; done; \
         killall -STOP famfs && [ ! -e /tmp/creat.status ]",
    )?;
    pair.client
        .must(&format!("famfs mkfs -f $FAMFS_DEV && {}", mount()))?;
    let status = pair.master.must(
        "killall -CONT famfs; for try in $(seq 3000); do [ -s /tmp/creat.status ] && break; \
         usleep 10000; done; cat /tmp/creat.status /tmp/creat.err",
    )?;
    ensure!(
        status.starts_with("1\n") && status.contains(WORDS),
        "creat ended with {status}"
    );
    // The new log has no entry, counted or not.
    let report = pair.client.must("famfs fsck --json /mnt/famfs")?;
    let report: Value = serde_json::from_str(&report).context("the report of fsck")?;
    ensure!(
        report["entries"] == 0 && report["notes"] == 0,
        "the new log is not empty: {report}"
    );
    Ok(())
}
