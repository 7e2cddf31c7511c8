//! The log is bytes from anyone: what a bad entry asks for is not done, and stays alone.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::{FileExt, MetadataExt},
};

use crate::{
    command::{ends_with, must, must_fail},
    fixture::Famfs,
    harness::Test,
    raw::v44::option,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "player::bad_entries_are_refused_alone_and_nothing_leaves_the_mount",
        run: bad_entries,
    },
    Test {
        name: "player::a_torn_entry_ends_the_play_and_the_prefix_stands",
        run: torn_entry,
    },
    Test {
        name: "player::owner_and_mode_are_exactly_what_was_logged",
        run: exact_modes,
    },
    Test {
        name: "player::a_truncated_file_is_made_anew_without_a_remount",
        run: repair,
    },
    Test {
        name: "player::swapped_names_and_folders_are_put_right_by_one_repair",
        run: swapped,
    },
    Test {
        name: "player::a_follower_hears_of_every_append",
        run: follow,
    },
    Test {
        name: "player::another_host_is_a_client",
        run: client,
    },
    Test {
        name: "player::creations_at_once_share_no_memory",
        run: at_once,
    },
];

const MIB: u64 = 1 << 20;
const ENTRY: usize = 544;

/// CRC-32/ISO-HDLC, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |register, byte| {
        (0..8).fold(register ^ u32::from(*byte), |r, _| {
            (r >> 1) ^ (0xedb8_8320 * (r & 1))
        })
    })
}

/// The log of a mounted file system, written past every check.
struct Log(File);

impl Log {
    fn open(famfs: &Famfs) -> Self {
        Self(
            File::options()
                .read(true)
                .write(true)
                .open(famfs.path(".meta/.log"))
                .unwrap(),
        )
    }

    fn count(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 40).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn slot(index: u64) -> u64 {
        48 + index * ENTRY as u64
    }

    /// Appends an entry of this type, with number and checksum in order.
    fn push(&self, kind: u32, fields: &[(usize, &[u8])]) {
        let index = self.count();
        let mut entry = [0; ENTRY];
        entry[..8].copy_from_slice(&index.to_le_bytes());
        entry[8..12].copy_from_slice(&kind.to_le_bytes());
        for (at, field) in fields {
            entry[*at..at + field.len()].copy_from_slice(field);
        }
        let sum = u64::from(crc(&entry[..536]));
        entry[536..].copy_from_slice(&sum.to_le_bytes());
        self.0.write_all_at(&entry, Self::slot(index)).unwrap();
        for at in [32, 40] {
            self.0.write_all_at(&(index + 1).to_le_bytes(), at).unwrap();
        }
    }

    /// A file of 4096 bytes with one extent of 2 MiB, mode 666.
    fn push_file(&self, path: &[u8], offset: u64) {
        self.push(
            0,
            &[
                (16, &4096_u64.to_le_bytes()),
                (24, &2_u32.to_le_bytes()),
                (36, &0o666_u32.to_le_bytes()),
                (40, path),
                (128, &1_u32.to_le_bytes()),
                (144, &offset.to_le_bytes()),
                (152, &(2 * MIB).to_le_bytes()),
            ],
        );
    }
}

fn names(famfs: &Famfs) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(famfs.mountpoint)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn bad_entries() {
    let famfs = Famfs::fresh();
    famfs.creat("good", "2M");
    let log = Log::open(&famfs);
    log.push_file(b"../escaped", 100 * MIB);
    log.push_file(b"/tmp/absolute", 100 * MIB);
    log.push_file(b".meta/.log", 100 * MIB);
    log.push_file(b"nowhere/child", 100 * MIB);
    log.push_file(b"good/child", 100 * MIB);
    log.push_file(b"unaligned", 100 * MIB + 4096);
    log.push_file(b"over_log", 4 * MIB);
    log.push_file(b"far", 1 << 50);
    log.push_file(b"shared", 10 * MIB);
    log.push(77, &[]);
    log.push_file(b"after", 100 * MIB);
    let said = must_fail(&format!("famfs logplay {}", famfs.mountpoint));
    assert_eq!(said.matches("refused log entry").count(), 9, "{said}");
    assert_eq!(said.matches("skipped log entry").count(), 1, "{said}");
    assert_eq!(names(&famfs), [".meta", "after", "good"]);
    for outside in ["/mnt/escaped", "/tmp/absolute"] {
        assert!(!fs::exists(outside).unwrap(), "{outside}");
    }
    assert_eq!(
        fs::metadata(famfs.path(".meta/.log")).unwrap().len(),
        8 * MIB
    );
    let said = must_fail(&format!("famfs fsck {}", famfs.mountpoint));
    assert!(said.contains("9 errors"), "{said}");
    // The mount comes up with what is good, and says so.
    drop(log);
    famfs.umount();
    must_fail(&format!(
        "famfs mount {} {}",
        famfs.device, famfs.mountpoint
    ));
    assert_eq!(names(&famfs), [".meta", "after", "good"]);
    // The refused files keep their memory: nothing new is put there.
    let path = famfs.creat("new", "2M");
    let map = must(&format!("famfs getmap --json {path}"));
    assert!(map.contains(&format!("\"offset\": {}", 12 * MIB)), "{map}");
}

fn torn_entry() {
    let famfs = Famfs::fresh();
    for name in ["one", "two", "three"] {
        famfs.creat(name, "2M");
    }
    let log = Log::open(&famfs);
    let mut byte = [0];
    log.0.read_exact_at(&mut byte, Log::slot(1) + 20).unwrap();
    log.0
        .write_all_at(&[byte[0] ^ 1], Log::slot(1) + 20)
        .unwrap();
    drop(log);
    famfs.umount();
    let said = must_fail(&format!(
        "famfs mount {} {}",
        famfs.device, famfs.mountpoint
    ));
    assert!(
        said.contains("stopped before log entry 1 at offset 2097744"),
        "{said}"
    );
    assert_eq!(names(&famfs), [".meta", "one"]);
    // Nothing may be appended behind it, where no reader comes.
    must_fail(&format!("famfs creat -s 2M {}", famfs.path("four")));
    assert_eq!(names(&famfs), [".meta", "one"]);
}

fn exact_modes() {
    let famfs = Famfs::fresh();
    famfs.allow(option::UNLINK);
    let log = Log::open(&famfs);
    log.push_file(b"open", 100 * MIB);
    let path = famfs.path("open");
    for round in 0..2 {
        // busybox sh has the umask; the log has the last word.
        let line = format!("umask 077; famfs logplay {}", famfs.mountpoint);
        let output = std::process::Command::new("sh")
            .args(["-c", &line])
            .output()
            .unwrap();
        assert!(output.status.success(), "round {round}");
        let meta = fs::metadata(&path).unwrap();
        assert_eq!(
            (meta.mode() & 0o7777, meta.uid(), meta.gid(), meta.len()),
            (0o666, 0, 0, 4096)
        );
        // What an interrupted play leaves: the name without its map.
        fs::remove_file(&path).unwrap();
        File::create(&path).unwrap();
    }
}

fn repair() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let map = must(&format!("famfs getmap --json {path}"));
    must(&format!("famfs opts {} --set truncate", famfs.mountpoint));
    let file = File::options().write(true).open(&path).unwrap();
    // Back to its size, and still invalid.
    file.set_len(4096).unwrap();
    file.set_len(2 * MIB).unwrap();
    drop(file);
    fs::read(&path).unwrap_err();
    let said = must_fail(&format!("famfs logplay {}", famfs.mountpoint));
    assert!(said.contains("made it invalid"), "{said}");
    must(&format!("famfs logplay --repair {}", famfs.mountpoint));
    assert_eq!(fs::read(&path).unwrap().len() as u64, 2 * MIB);
    assert_eq!(must(&format!("famfs getmap --json {path}")), map);
    let again = must(&format!("famfs logplay {}", famfs.mountpoint));
    assert!(again.contains("1 there already"), "{again}");
}

/// Whatever names were given to whose files: one repair, and each is where it was logged.
fn swapped() {
    let famfs = Famfs::fresh();
    let at = famfs.mountpoint;
    must(&format!("famfs mkdir {at}/d"));
    must(&format!("famfs mkdir {at}/e"));
    let files = ["a", "b", "c", "d/one", "d/same", "e/two", "e/same"];
    for (seed, name) in (1..).zip(files) {
        must(&format!("famfs creat -r -S {seed} -s 4096 {at}/{name}"));
    }
    let options = must(&format!("famfs opts {at}"));
    let as_logged = || {
        for (seed, name) in (1..).zip(files) {
            must(&format!("famfs verify -S {seed} -f {at}/{name}"));
        }
        must(&format!("famfs check {at}"));
        assert_eq!(must(&format!("famfs opts {at}")), options);
    };
    for renames in [
        &[("a", "x"), ("b", "a"), ("x", "b")][..],
        &[("a", "x"), ("b", "a"), ("c", "b"), ("x", "c")],
        &[("c", "x"), ("b", "c"), ("a", "b"), ("x", "a")],
        &[("d", "x"), ("e", "d"), ("x", "e")],
        &[
            ("d/one", "x"),
            ("e/two", "d/one"),
            ("x", "e/two"),
            ("a", "y"),
        ],
        &[("d", "x"), ("c", "d")],
    ] {
        must(&format!("famfs opts {at} --set rename"));
        for (from, to) in renames {
            fs::rename(famfs.path(from), famfs.path(to)).unwrap();
        }
        must(&format!("famfs opts {at} --clear rename"));
        let said =
            must_fail(&format!("famfs logplay {at}")) + &must_fail(&format!("famfs check {at}"));
        assert!(!said.contains("remove"), "{renames:?}: {said}");
        must(&format!("famfs logplay --repair {at}"));
        as_logged();
    }
    // A file that somebody has open goes with its name.
    must(&format!("famfs opts {at} --set rename"));
    fs::rename(famfs.path("a"), famfs.path("open")).unwrap();
    let open = File::open(famfs.path("open")).unwrap();
    must(&format!("famfs logplay --repair {at}"));
    let (mut is, mut was) = (vec![0; 4096], vec![0; 4096]);
    open.read_exact_at(&mut was, 0).unwrap();
    let now = File::open(famfs.path("a")).unwrap();
    now.read_exact_at(&mut is, 0).unwrap();
    assert_eq!(is, was);
    assert_eq!(
        open.metadata().unwrap().ino(),
        now.metadata().unwrap().ino()
    );
}

fn follow() {
    let famfs = Famfs::fresh();
    famfs.creat("before", "2M");
    let mut follower = std::process::Command::new("famfs")
        .args(["logplay", "--follow", "--json", famfs.mountpoint])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(
        (&first["behind"], &first["entries"]),
        (&1.into(), &1.into())
    );
    for entries in 2..=4_u64 {
        famfs.creat(&format!("file{entries}"), "2M");
        let round = next();
        assert_eq!(
            (&round["behind"], &round["entries"], &round["existing"]),
            (&1.into(), &entries.into(), &1.into())
        );
    }
    // A whole log at once is one round, or a few.
    must(&format!("famfs mkdir -p {}", famfs.path("a/b/c")));
    let mut behind = 0;
    while behind < 3 {
        behind += next()["behind"].as_u64().unwrap();
    }
    assert_eq!(behind, 3);
    must(&format!("kill -INT {}", follower.id()));
    assert!(follower.wait().unwrap().success());
    famfs.umount();
}

fn client() {
    let famfs = Famfs::fresh();
    famfs.creat("file", "2M");
    must(&format!("famfs mkdir {}", famfs.path("folder")));
    famfs.umount();
    let other = "/tmp/other_host";
    fs::write(other, "11111111-2222-3333-4444-555555555555").unwrap();
    let as_other = |line: &str| {
        must(&format!("env FAMFS_SYSTEM_UUID_FILE={other} {line}"));
    };
    as_other(&format!(
        "famfs mount {} {}",
        famfs.device, famfs.mountpoint
    ));
    let mode = |name: &str| fs::metadata(famfs.path(name)).unwrap().mode() & 0o7777;
    assert_eq!((mode("file"), mode(".meta/.log")), (0o444, 0o444));
    assert_eq!(mode("folder"), 0o755, "as upstream has it");
    let said = must_fail(&format!(
        "env FAMFS_SYSTEM_UUID_FILE={other} famfs creat -s 2M {}",
        famfs.path("mine")
    ));
    assert!(said.contains("did not make the file system"), "{said}");
    assert_eq!(names(&famfs), [".meta", "file", "folder"]);
    // Nor does one that does not know who it is: it is told so, and may look.
    for bytes in ["", "\0", "11111111-2222-3333-4444-55555555555"] {
        fs::write(other, bytes).unwrap();
        famfs.umount();
        let with = |line: &str| ends_with(&format!("env FAMFS_SYSTEM_UUID_FILE={other} {line}"));
        for (line, status) in [
            (
                format!("famfs mount {} {}", famfs.device, famfs.mountpoint),
                0,
            ),
            (format!("famfs logplay {}", famfs.mountpoint), 0),
            ("famfs list".to_owned(), 0),
            (format!("famfs creat -s 2M {}", famfs.path("mine")), 1),
            (format!("famfs mkdir {}", famfs.path("mine")), 1),
            (format!("famfs cp /etc/passwd {}", famfs.path("mine")), 1),
        ] {
            let (ended, said) = with(&line);
            assert_eq!(ended, status, "{line}: {said}");
            assert!(
                said.contains(&format!("{other} holds no uuid"))
                    && said.contains("hint: write its uuid into it again"),
                "{line}: {said}"
            );
        }
        assert_eq!(names(&famfs), [".meta", "file", "folder"]);
    }
    fs::remove_file(other).unwrap();
}

fn at_once() {
    let famfs = Famfs::fresh();
    let children: Vec<_> = (0..8)
        .map(|i| {
            std::process::Command::new("famfs")
                .args(["creat", "-s", "2M", &famfs.path(&format!("f{i}"))])
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let report = must(&format!("famfs fsck --json {}", famfs.mountpoint));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["files"], &report["shared_units"]),
        (&8.into(), &0.into())
    );
    assert_eq!(report["used_bytes"], (10 + 16) * MIB);
}
