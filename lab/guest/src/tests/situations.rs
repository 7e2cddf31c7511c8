//! Every command in every situation that it may meet: the documented status, one clear line where it
//! fails, JSON where it was asked for, and nothing changed.

use std::{
    fmt::Write as _,
    fs,
    os::unix::{
        fs::{FileExt, MetadataExt},
        process::CommandExt,
    },
    process::Command,
};

use serde_json::Value;

use crate::{command::must, fixture::Famfs, harness::Test, hostile};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "situations::without_root",
        run: without_root,
    },
    Test {
        name: "situations::a_regular_file",
        run: regular_file,
    },
    Test {
        name: "situations::a_missing_device",
        run: missing_device,
    },
    Test {
        name: "situations::a_busy_device",
        run: busy_device,
    },
    Test {
        name: "situations::a_full_log",
        run: full_log,
    },
    Test {
        name: "situations::a_full_device",
        run: full_device,
    },
    Test {
        name: "situations::a_read_only_mount",
        run: read_only,
    },
];

/// Not run: there it works, if only in part, and changes what the other commands of the situation
/// meet; or it shows 15,420 entries.
const WORKS: i32 = -1;

/// A mounted device in file-system mode is read through its mount and ends with this; a block
/// device has to be opened, which takes root.
const fn through(status: i32) -> i32 {
    THROUGH + status
}

const THROUGH: i32 = 1000;

/// Its place in a row.
const FULL_LOG: usize = 4;

/// What a log of 8 MiB has room for, and the bytes of each.
const ENTRIES: usize = 15_420;
const ENTRY: usize = 544;

/// A command, whether it takes `--json`, and its status in each of the situations.
struct Row(&'static str, bool, [i32; 7]);

/// The situations: without root, a regular file, a missing device, a busy device, a full log, a
/// full device, a read-only mount. DEV, AT, FILE and NEW are the situation's device, mount point, a
/// file and a name that is none.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row("mkfs DEV",                      true,  [3, 1, 1, 1, 1, 1, 1]),
    Row("mkfs -f DEV",                   true,  [3, 1, 1, 1, 1, 1, 1]),
    Row("mkfs -f -k DEV",                false, [3, 1, 1, 1, 1, 1, 1]),
    Row("mount DEV AT",                  true,  [3, 1, 1, 1, 1, 1, 1]),
    Row("mount -R DEV AT",               true,  [3, 1, 1, 0, 0, 0, WORKS]),
    Row("umount AT",                     false, [3, 1, 1, 1, WORKS, WORKS, WORKS]),
    Row("list",                          true,  [0, 0, 0, 0, 0, 0, 0]),
    Row("creat -s 2M NEW",               false, [3, 1, 1, WORKS, 1, 1, 1]),
    Row("creat -M NEW,2M,7 -M NEW2,4M",  false, [3, 1, 1, WORKS, 1, 1, 1]),
    Row("creat -r -S 5 FILE",            false, [3, 1, 1, 0, 0, 0, 1]),
    Row("mkdir NEW",                     false, [3, 1, 1, WORKS, 1, WORKS, 1]),
    Row("mkdir -p NEW/a/b",              false, [3, 1, 1, WORKS, 1, WORKS, 1]),
    Row("cp /tmp/source NEW",            false, [3, 1, 1, WORKS, 1, 1, 1]),
    Row("cp -r -t 2 /tmp/sources NEW",   false, [3, 1, 1, WORKS, 1, WORKS, 1]),
    Row("cp -c /tmp/source NEW",         false, [1, 1, 1, 1, 1, 1, 1]),
    Row("verify -S 5 -f FILE",           true,  [0, 1, 1, 0, 0, 0, 0]),
    Row("flush FILE",                    false, [0, 0, 1, 0, 0, 0, 0]),
    Row("logplay AT",                    true,  [0, 1, 1, 0, 0, 0, 0]),
    Row("logplay -n AT",                 true,  [0, 1, 1, 0, 0, 0, 0]),
    Row("logplay --shadow /tmp/none/a --daxdev DEV", true, [through(1), 1, 1, 1, 1, 1, 1]),
    Row("mkmeta DEV",                    false, [3, 1, 1, 0, 0, 0, 0]),
    Row("fsck AT",                       true,  [0, 1, 1, 0, 0, 0, 0]),
    Row("fsck DEV",                      true,  [16, 1, 1, 16, 16, 16, 16]),
    Row("fsck -f DEV",                   true,  [through(0), 1, 1, 0, 0, 0, 0]),
    Row("check AT",                      true,  [0, 1, 1, 0, 0, 0, 0]),
    Row("dump AT",                       true,  [0, 1, 1, 0, WORKS, 0, 0]),
    Row("dump DEV",                      true,  [through(0), 1, 1, 0, WORKS, 0, 0]),
    Row("getmap FILE",                   true,  [0, 1, 1, 0, 0, 0, 0]),
    Row("chkread FILE",                  true,  [0, 0, 1, 0, 0, 0, 0]),
    Row("opts AT",                       true,  [0, 1, 1, 0, 0, 0, 0]),
    Row("opts --set unlink AT",          true,  [3, 1, 1, WORKS, WORKS, WORKS, WORKS]),
    Row("clone --image DEV file other",  true,  [1, 1, 1, 1, 1, 1, 1]),
    Row("clone file other",              true,  [1, 1, 1, 1, 1, 1, 1]),
    Row("completions bash",              false, [0, 0, 0, 0, 0, 0, 0]),
    Row("man /nowhere",                  false, [1, 1, 1, 1, 1, 1, 1]),
    Row("module status",                 true,  [0, 0, 0, 0, 0, 0, 0]),
    Row("module load",                   false, [3, 1, 1, 1, 1, 1, 1]),
    Row("module load FILE",              false, [3, 1, 1, 1, 1, 1, 1]),
    Row("module unload",                 false, [3, WORKS, WORKS, 1, 1, 1, 1]),
];

/// What the commands of a situation are told.
struct Situation<'s> {
    column: usize,
    root: bool,
    device: &'s str,
    at: &'s str,
    file: &'s str,
    new: &'s str,
}

impl Situation<'_> {
    fn run(&self) {
        sources();
        let mut wrong = Vec::new();
        let before = self.state();
        let rows = TABLE
            .iter()
            .map(|Row(line, json, all)| (line, json, self.here(all[self.column])));
        for (line, json, status) in rows.filter(|(.., status)| *status != WORKS) {
            let line = line.replace("DEV", self.device).replace("AT", self.at);
            let line = line.replace("FILE", self.file).replace("NEW", self.new);
            // In every other situation as JSON: two runs of all would take too long.
            let as_json = *json && self.column % 2 == 1;
            let line = line + if as_json { " --json" } else { "" };
            if let Err(why) = self.check(&line, status) {
                wrong.push(format!("famfs {line}: {why}"));
            }
            if self.state() != before {
                wrong.push(format!("famfs {line}: something changed"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn here(&self, status: i32) -> i32 {
        match status {
            THROUGH.. if self.device.starts_with("/dev/pmem") => 3,
            THROUGH.. => status - THROUGH,
            _ => status,
        }
    }

    fn check(&self, line: &str, status: i32) -> Result<(), String> {
        let mut famfs = Command::new("famfs");
        famfs.args(line.split_whitespace());
        if !self.root {
            famfs.uid(65534).gid(65534);
        }
        let output = famfs.output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(status) {
            return Err(format!("{} instead of {status}: {err}", output.status));
        }
        if line.ends_with("--json") && (status == 0 || !out.is_empty()) {
            let document: Result<Value, _> = serde_json::from_str(&out);
            document.map_err(|error| format!("{error} in {out:?}"))?;
        } else if status != 0 && !out.is_empty() {
            return Err(format!("it failed, and printed {out:?}"));
        }
        let (hints, messages): (Vec<&str>, Vec<&str>) = err
            .lines()
            .partition(|line| line.starts_with("famfs: hint: "));
        // One for each of several things that were asked for.
        let most = 1 + line.matches(" -M ").count().saturating_sub(1);
        let clear = messages
            .iter()
            .all(|line| line.starts_with("famfs: ") && line.len() > 20);
        // A module that does not load has more than one way out.
        let hinted = hints.len() <= if line.starts_with("module") { 2 } else { most };
        if status != 0 && !(clear && hinted && (1..=most).contains(&messages.len())) {
            return Err(format!("it said {err:?}"));
        }
        Ok(())
    }

    /// What must stay: names, sizes and modes of the mount or folder, superblock and log, the file.
    fn state(&self) -> (Vec<String>, Vec<Vec<u8>>) {
        let mut names: Vec<String> = fs::read_dir(self.at)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        for name in &mut names {
            let meta = fs::symlink_metadata(format!("{}/{name}", self.at)).unwrap();
            write!(name, " {:o} {}", meta.mode(), meta.len()).unwrap();
        }
        names.sort();
        let start = |path: &str| {
            let mut bytes = vec![0; 4096];
            let read = fs::File::open(path).and_then(|file| file.read_at(&mut bytes, 0));
            bytes.truncate(read.unwrap_or(0));
            bytes
        };
        let meta = |name: &str| format!("{}/.meta/{name}", self.at);
        let files = [&meta(".superblock"), &meta(".log"), self.file];
        (names, files.map(start).to_vec())
    }
}

/// What is copied from.
fn sources() {
    fs::create_dir_all("/tmp/sources").unwrap();
    for path in ["/tmp/source", "/tmp/sources/one"] {
        fs::write(path, vec![7; 3 << 20]).unwrap();
    }
}

/// A file system of one file of seed 5.
fn one_file() -> Famfs {
    let famfs = Famfs::fresh();
    must(&format!("famfs creat -s 2M -r -S 5 {}", famfs.path("file")));
    famfs
}

fn mounted(famfs: &Famfs, column: usize) {
    let situation = Situation {
        column,
        root: column != 0,
        device: &famfs.device,
        at: famfs.mountpoint,
        file: &famfs.path("file"),
        new: &famfs.path("new"),
    };
    situation.run();
    must(&format!("famfs fsck {}", famfs.mountpoint));
    must(&format!("famfs verify -S 5 -f {}", famfs.path("file")));
}

fn without_root() {
    mounted(&one_file(), 0);
}

fn regular_file() {
    let famfs = Famfs::fresh();
    famfs.umount();
    let at = "/tmp/situation";
    let _ = fs::remove_dir_all(at);
    fs::create_dir(at).unwrap();
    let file = "/tmp/situation/plain";
    fs::write(file, "no file system").unwrap();
    let situation = Situation {
        column: 1,
        root: true,
        device: file,
        at,
        file,
        new: "/tmp/situation/new",
    };
    situation.run();
    fs::remove_dir_all(at).unwrap();
}

fn missing_device() {
    let famfs = Famfs::fresh();
    famfs.umount();
    let situation = Situation {
        column: 2,
        root: true,
        device: "/dev/none",
        at: "/nowhere",
        file: "/nowhere/file",
        new: "/nowhere/new",
    };
    situation.run();
    assert!(!fs::exists("/nowhere").unwrap());
    assert!(!fs::exists("/dev/none").unwrap());
}

fn busy_device() {
    let famfs = one_file();
    let open = fs::File::open(famfs.path("file")).unwrap();
    mounted(&famfs, 3);
    drop(open);
}

/// Fills the log with entries that ask for nothing: fifteen thousand files would take a minute, and
/// `commands_refused::a_full_log` has them.
fn full_log() {
    let famfs = one_file();
    let log = fs::File::options()
        .read(true)
        .write(true)
        .open(famfs.path(".meta/.log"))
        .unwrap();
    let mut entries = Vec::with_capacity(ENTRIES * ENTRY);
    for index in 1..ENTRIES {
        let mut entry = [0; ENTRY];
        entry[..8].copy_from_slice(&(index as u64).to_le_bytes());
        entry[8..12].copy_from_slice(&77_u32.to_le_bytes());
        let sum = hostile::table_crc(&entry[..ENTRY - 8]);
        entry[ENTRY - 8..].copy_from_slice(&sum.to_le_bytes());
        entries.extend_from_slice(&entry);
    }
    log.write_all_at(&entries, 48 + ENTRY as u64).unwrap();
    for at in [32, 40] {
        let count = (ENTRIES as u64).to_le_bytes();
        log.write_all_at(&count, at).unwrap();
    }
    drop(log);
    mounted(&famfs, FULL_LOG);
}

fn full_device() {
    let famfs = one_file();
    let report = must(&format!("famfs fsck --json {}", famfs.mountpoint));
    let report: Value = serde_json::from_str(&report).unwrap();
    let free = report["free_bytes"].as_u64().unwrap();
    assert_eq!(report["largest_free_bytes"], free);
    must(&format!("famfs creat -s {free} {}", famfs.path("rest")));
    mounted(&famfs, 5);
}

fn read_only() {
    let famfs = one_file();
    famfs.umount();
    must(&format!(
        "famfs mount -o ro {} {}",
        famfs.device, famfs.mountpoint
    ));
    mounted(&famfs, 6);
}
