//! Upstream's option table, command by command: each spelling that upstream's tools accept, what
//! it means there, and what it does here. The letters and names are those of upstream's own
//! `getopt_long` calls; a row is missing here when one of them is in no row.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "common/logged.rs"]
mod logged;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use famfs_runtime::ops;

/// A command of upstream's, with the options that it knows.
struct Upstream {
    name: &'static str,
    /// Its short options, as `getopt` is given them.
    letters: &'static str,
    long: &'static [&'static str],
    rows: &'static [Row],
}

/// A command line, what upstream does with it, and what happens here.
struct Row {
    args: &'static str,
    /// What upstream does with it, for who reads the table.
    #[expect(dead_code, reason = "documentation of the row")]
    upstream: &'static str,
    here: Here,
}

#[derive(Clone, Copy)]
enum Here {
    /// Upstream's meaning: it ends with this status and says this (on a mount that is not there,
    /// that it is none).
    Same(i32, &'static str),
    /// The same, and one line of standard error says that the option or argument changes nothing.
    Ignored(i32, &'static str),
    /// Something else, on purpose: the table in `docs/reference/famfs.md` says why.
    Differs(i32, &'static str),
}

use Here::{Differs, Ignored, Same};

const fn row(args: &'static str, upstream: &'static str, here: Here) -> Row {
    Row {
        args,
        upstream,
        here,
    }
}

/// Where no famfs is mounted.
const NOT_THERE: &str = "is not in a famfs mount";
const NO_DEVICE: &str = "img is neither";

#[rustfmt::skip]
const TABLE: &[Upstream] = &[
    Upstream {
        name: "",
        letters: "h?",
        long: &["dryrun"],
        rows: &[
            row("", "fails: no command", Differs(2, "Usage: famfs")),
            row("nonsense", "fails: unknown command", Differs(2, "nonsense")),
            row("-h", "help", Same(0, "Usage: famfs")),
            row("-?", "help", Same(0, "Usage: famfs")),
            row("--help", "help", Same(0, "Usage: famfs")),
            row("-h mount", "help of mount", Same(0, "Usage: famfs mount")),
            row("-? fsck", "help of fsck", Same(0, "Usage: famfs fsck")),
            row("--nonsense fsck img", "help", Differs(2, "--nonsense")),
            row("--dryrun fsck img", "listed, without effect", Same(0, "clean")),
            row("--dryrun logplay .", "plays the log all the same", Same(1, NOT_THERE)),
            row("--dryrun mkfs -f img", "formats all the same", Differs(2, "cannot be tried")),
            row("--dryrun fsck -M img", "switches the device", Differs(2, "cannot be tried")),
        ],
    },
    Upstream {
        name: "mkfs",
        letters: "fkl:h?DMF",
        long: &["force", "kill", "loglen", "nodax", "set-daxmode", "nofuse", "fuse"],
        rows: &[
            row("mkfs -f img", "overwrites", Same(0, "famfs on img")),
            row("mkfs --force img", "overwrites", Same(0, "famfs on img")),
            row("mkfs -ff img", "the same twice", Same(0, "famfs on img")),
            row("mkfs img", "refuses to overwrite", Same(1, "holds a famfs superblock")),
            row("mkfs -fk img", "kills the superblock", Same(0, "")),
            row("mkfs --force --kill img", "kills the superblock", Same(0, "")),
            row("mkfs -k img", "refused without -f", Same(2, "--force")),
            row("mkfs -f -l 16m img", "a log of 16 MiB", Same(0, "16777216 bytes")),
            row("mkfs -f --loglen=16M img", "a log of 16 MiB", Same(0, "16777216 bytes")),
            row("mkfs -f --logl 0x1000000 img", "long options may be cut", Same(0, "16777216 bytes")),
            row("mkfs -f -l 8M -l 16M img", "the last one counts", Same(0, "16777216 bytes")),
            row("mkfs -f -l 11m img", "fails", Same(2, "a power of two")),
            row("mkfs -fD img", "never maps the device", Same(0, "famfs on img")),
            row("mkfs -f --nodax img", "never maps the device", Same(0, "famfs on img")),
            row("mkfs -fM img", "switches a dax device", Same(0, "famfs on img")),
            row("mkfs -f --set-daxmode img", "switches a dax device", Same(0, "famfs on img")),
            row("mkfs -fF img", "the kernel module", Same(0, "famfs on img")),
            row("mkfs -f --nofuse img", "the kernel module", Same(0, "famfs on img")),
            row("mkfs -f --fuse img", "a dummy mount by fuse", Ignored(0, "--fuse has no effect")),
            row("mkfs -fvv img", "-v is unknown: usage, 0, nothing is formatted",
                Differs(0, "famfs on img")),
            row("mkfs -h", "help", Same(0, "Usage: famfs mkfs")),
            row("mkfs -?", "help", Same(0, "Usage: famfs mkfs")),
            row("mkfs -f img img2", "the second device is passed over",
                Ignored(0, "warning: mkfs takes no further argument: img2 is ignored")),
            row("mkfs", "fails", Same(2, "DEVICE")),
        ],
    },
    Upstream {
        name: "mount",
        letters: "h?RrfFmvupbdt:c:S:DML",
        long: &["read", "mmap", "debug", "fuse", "nofuse", "timeout", "verbose", "nouseraccess",
                "nodefaultperm", "shadow", "dummy", "set-daxmode", "load-module", "remount", "cache"],
        rows: &[
            row("mount -h", "help", Same(0, "Usage: famfs mount")),
            row("mount -?", "help", Same(0, "Usage: famfs mount")),
            row("mount img .", "mounts", Same(1, NO_DEVICE)),
            row("mount -R img .", "remounts", Same(1, "nothing to remount")),
            row("mount --remount img .", "remounts", Same(1, "nothing to remount")),
            row("mount -r img .", "reads the log by read(2)", Same(1, NO_DEVICE)),
            row("mount --read img .", "reads the log by read(2)", Same(1, NO_DEVICE)),
            row("mount -m img .", "reads the log by a mapping", Same(1, NO_DEVICE)),
            row("mount --mmap img .", "reads the log by a mapping", Same(1, NO_DEVICE)),
            row("mount -rm img .", "fails", Same(2, "cannot be used with")),
            row("mount -F img .", "the kernel module", Same(1, NO_DEVICE)),
            row("mount --nofuse -vvv img .", "the kernel module, loudly", Same(1, NO_DEVICE)),
            row("mount -v --verbose img .", "loudly", Same(1, NO_DEVICE)),
            row("mount -f img .", "fuse", Differs(3, "there is no fuse here")),
            row("mount --fuse img .", "fuse", Differs(3, "there is no fuse here")),
            row("mount -t 5 img .", "a timeout for fuse", Ignored(1, "--timeout has no effect")),
            row("mount --timeout=5 img .", "a timeout for fuse", Ignored(1, "--timeout has no effect")),
            row("mount -c always img .", "caching by fuse", Ignored(1, "--cache has no effect")),
            row("mount --cache never img .", "caching by fuse", Ignored(1, "--cache has no effect")),
            row("mount -c sometimes img .", "fails", Same(2, "sometimes")),
            row("mount -c never -t 5 img .", "fails", Same(2, "cannot be used with")),
            row("mount -S /tmp/x img .", "a folder for fuse", Ignored(1, "--shadow has no effect")),
            row("mount --shadow=/tmp/x img .", "a folder for fuse", Ignored(1, "--shadow has no effect")),
            row("mount -d img .", "fuse in the foreground", Ignored(1, "--debug has no effect")),
            row("mount --debug img .", "fuse in the foreground", Ignored(1, "--debug has no effect")),
            row("mount -u img .", "root alone, by fuse", Ignored(1, "--nouseraccess has no effect")),
            row("mount --nouseraccess img .", "root alone, by fuse",
                Ignored(1, "keeps other users out")),
            row("mount -p img .", "no permission checks, by fuse",
                Ignored(1, "--nodefaultperm has no effect")),
            row("mount --nodefaultperm img .", "no permission checks, by fuse",
                Ignored(1, "--nodefaultperm has no effect")),
            row("mount -b img .", "passed over", Same(1, NO_DEVICE)),
            row("mount -D img", "a dummy mount", Differs(1, "a dummy mount is not needed")),
            row("mount --dummy img", "a dummy mount", Differs(1, "a dummy mount is not needed")),
            row("mount -M none .", "switches a dax device", Same(1, "cannot resolve none")),
            row("mount --set-daxmode none .", "switches a dax device", Same(1, "cannot resolve none")),
            row("mount -L none .", "loads the module", Same(1, "cannot resolve none")),
            row("mount --load-module none .", "loads the module", Same(1, "cannot resolve none")),
            row("mount", "fails", Same(2, "DEVICE")),
            row("mount img", "fails", Same(2, "MOUNT_POINT")),
            row("mount a b c", "fails", Same(2, "unexpected argument 'c'")),
        ],
    },
    Upstream {
        name: "fsck",
        letters: "vh?mrfMLB:DF",
        long: &["human", "verbose", "force", "nbuckets", "set-daxmode", "load-module", "nofuse",
                "fuse", "mmap", "read", "nodax"],
        rows: &[
            row("fsck img", "checks", Same(0, "Device capacity: 25165824")),
            row("fsck -h img", "human sizes", Same(0, "Device capacity: 24 MiB")),
            row("fsck -hv img", "human sizes, loudly", Same(0, "Free space:      12 MiB")),
            row("fsck --human img", "human sizes", Same(0, "Free space:      12 MiB")),
            row("fsck --hum img", "human sizes", Same(0, "Free space:      12 MiB")),
            row("fsck -h", "fails: no device", Same(2, "PATH")),
            row("fsck -v img", "shows the superblock", Same(0, "\nlog_len: 8388608\n")),
            row("fsck --verbose -vv img", "shows the superblock", Same(0, "\nlog_len: 8388608\n")),
            row("fsck -?", "help", Same(0, "Usage: famfs fsck")),
            row("fsck --help", "help (an unknown option)", Same(0, "Usage: famfs fsck")),
            row("fsck -m img", "by a mapping", Same(0, "clean")),
            row("fsck --mmap img", "by a mapping", Same(0, "clean")),
            row("fsck -r img", "by read(2)", Same(0, "clean")),
            row("fsck --read img", "by read(2)", Same(0, "clean")),
            row("fsck -rm img", "fails", Same(2, "cannot be used with")),
            row("fsck -f img", "passed over", Differs(0, "clean")),
            row("fsck --force img", "passed over", Differs(0, "clean")),
            row("fsck -M img", "switches a dax device", Same(0, "clean")),
            row("fsck --set-daxmode img", "switches a dax device", Same(0, "clean")),
            row("fsck -L", "loads the module", Same(2, "PATH")),
            row("fsck --load-module", "loads the module", Same(2, "PATH")),
            row("fsck -B 2 img", "shows two parts", Same(0, "bucket")),
            row("fsck --nbuckets=0x2 img", "shows two parts", Same(0, "bucket")),
            row("fsck -hB 1 img", "shows one part", Same(0, "bucket")),
            row("fsck -B 0 img", "shows no parts", Same(0, "clean")),
            row("fsck -D img", "never maps the device", Same(0, "clean")),
            row("fsck --nodax img", "never maps the device", Same(0, "clean")),
            row("fsck -F img", "the kernel module", Same(0, "clean")),
            row("fsck --nofuse img", "the kernel module", Same(0, "clean")),
            row("fsck --fuse img", "a dummy mount by fuse", Ignored(0, "--fuse has no effect")),
            row("fsck img more and more", "the first one counts",
                Ignored(0, "warning: fsck takes no further argument: more and more are ignored")),
            row("fsck", "fails", Same(2, "PATH")),
        ],
    },
    Upstream {
        name: "check",
        letters: "h?qv",
        long: &["verbose"],
        rows: &[
            row("check -h", "help", Same(0, "Usage: famfs check")),
            row("check -?", "help", Same(0, "Usage: famfs check")),
            row("check -vvv .", "loudly", Same(1, NOT_THERE)),
            row("check --verbose .", "loudly", Same(1, NOT_THERE)),
            row("check -q .", "passed over", Same(1, NOT_THERE)),
            row("check . x", "the first one counts", Ignored(1, "x is ignored")),
            row("check", "fails", Same(2, "MOUNT_POINT")),
        ],
    },
    Upstream {
        name: "mkdir",
        letters: "pvm:u:g:h?",
        long: &["parents", "mode", "uid", "gid"],
        rows: &[
            row("mkdir -h", "help", Same(0, "Usage: famfs mkdir")),
            row("mkdir -?", "help", Same(0, "Usage: famfs mkdir")),
            row("mkdir -pvvv a/b", "parents too, loudly", Same(1, NOT_THERE)),
            row("mkdir --parents --mode=0750 a", "parents too", Same(1, NOT_THERE)),
            row("mkdir -m 750 -u 0x10 -g 5 a", "mode and owner", Same(1, NOT_THERE)),
            row("mkdir --uid=1 --gid 2 a", "owner", Same(1, NOT_THERE)),
            row("mkdir a b", "makes a", Ignored(1, "b is ignored")),
            row("mkdir", "fails", Same(2, "PATH")),
        ],
    },
    Upstream {
        name: "creat",
        letters: "s:S:m:u:g:rC:N:B:M:t:h?v",
        long: &["size", "seed", "randomize", "mode", "uid", "gid", "verbose", "multi", "threadct",
                "chunksize", "nstrips", "nbuckets"],
        rows: &[
            row("creat -h", "help", Same(0, "Usage: famfs creat")),
            row("creat -?", "help", Same(0, "Usage: famfs creat")),
            row("creat -vs 4k a", "makes a file", Same(1, NOT_THERE)),
            row("creat --size=0x1000 --verbose a", "makes a file", Same(1, NOT_THERE)),
            row("creat a", "0 where it exists", Same(1, NOT_THERE)),
            row("creat -rs 4096 -S 1 a", "fills it", Same(1, NOT_THERE)),
            row("creat --randomize --size 4k --seed 0x2a a", "fills it", Same(1, NOT_THERE)),
            row("creat -r -S 5 a", "fills it again", Same(1, NOT_THERE)),
            row("creat -s 1m -r -m 600 -u 0 -g 0 a", "-r alone fills nothing",
                Ignored(1, "--randomize has no effect")),
            row("creat -S 1 a", "fails", Same(2, "--randomize")),
            row("creat --mode 640 --uid 1 --gid 2 -s 1 a", "mode and owner", Same(1, NOT_THERE)),
            row("creat -N 2 -B 2 -C 2m -s 8m a", "interleaves", Same(1, NOT_THERE)),
            row("creat --nstrips 2 --nbuckets=0x2 --chunksize 2M -s 8m a", "interleaves",
                Same(1, NOT_THERE)),
            row("creat -M a,4k -M b,4k,7", "makes two", Same(1, NOT_THERE)),
            row("creat --multi a,0,7 -t0 -v", "fills a file that exists", Same(1, NOT_THERE)),
            row("creat --multi a,4k,0 --threadct 4", "a seed of 0 is none", Same(1, NOT_THERE)),
            row("creat -M a,4k b", "makes a", Ignored(1, "b is ignored")),
            row("creat -M a", "fails", Same(2, "NAME,SIZE")),
            row("creat -M a,1,2,3", "fails", Same(2, "NAME,SIZE")),
            row("creat -t 257 -M a,1", "fails", Same(2, "from 0 to 256")),
            row("creat -S 1 -r -M a,1", "fails", Same(2, "cannot be used with")),
            row("creat -s 4k -M a,1", "passes over -s", Differs(2, "cannot be used with")),
            row("creat -s 10Mb a", "makes 10 bytes", Differs(2, "is no unit")),
            row("creat -s 4k a b", "makes a", Ignored(1, "b is ignored")),
            row("creat -s 4k", "fails", Same(2, "FILE")),
        ],
    },
    Upstream {
        name: "cp",
        letters: "rm:u:g:C:N:B:vt:ch?",
        long: &["mode", "uid", "gid", "verbose", "recursive", "threadct", "compare", "chunksize",
                "nstrips", "nbuckets"],
        rows: &[
            row("cp -h", "help", Same(0, "Usage: famfs cp")),
            row("cp -?", "help", Same(0, "Usage: famfs cp")),
            row("cp -rvvv dir new", "folders, loudly", Same(1, NOT_THERE)),
            row("cp --recursive --verbose dir new", "folders, loudly", Same(1, NOT_THERE)),
            row("cp -c seeded new", "compares", Same(1, NOT_THERE)),
            row("cp --compare seeded new", "compares", Same(1, NOT_THERE)),
            row("cp -m 600 -u 1 -g 2 seeded new", "mode and owner", Same(1, NOT_THERE)),
            row("cp --mode 600 --uid=0x1 --gid=2 seeded new", "mode and owner", Same(1, NOT_THERE)),
            row("cp -t 8 -t 4 seeded new", "threads", Same(1, NOT_THERE)),
            row("cp --threadct=0x4 seeded new", "threads", Same(1, NOT_THERE)),
            row("cp -N 2 -B 2 -C 2m seeded new", "interleaves", Same(1, NOT_THERE)),
            row("cp --nstrips=2 --nbuckets=2 --chunksize=2m seeded new", "interleaves",
                Same(1, NOT_THERE)),
            row("cp --gid=-1 seeded new", "fails", Same(2, "an owner is a number")),
            row("cp seeded", "fails", Same(2, "2 values")),
        ],
    },
    Upstream {
        name: "verify",
        letters: "f:S:m:t:qh?",
        long: &["seed", "filename", "multi", "threadct", "quiet"],
        rows: &[
            row("verify -h", "help", Same(0, "Usage: famfs verify")),
            row("verify -?", "help", Same(0, "Usage: famfs verify")),
            row("verify -S 1 -f seeded", "verifies", Same(0, "seeded: ok")),
            row("verify --seed=0x1 --filename seeded", "verifies", Same(0, "seeded: ok")),
            row("verify -qS 1 -f seeded", "quietly", Same(0, "")),
            row("verify --quiet -q -S 1 -f seeded", "quietly", Same(0, "")),
            row("verify -S 99 -f seeded", "fails", Same(1, "byte 0 is not of seed 99")),
            row("verify -m seeded,1 -m seeded,0x1 -t 2", "verifies two", Same(0, "seeded: ok")),
            row("verify --multi seeded,1 --threadct=0", "verifies", Same(0, "seeded: ok")),
            row("verify -v -m seeded,1", "-v is unknown: usage, 0, nothing is verified",
                Differs(0, "seeded: ok")),
            row("verify -m seeded,1 more", "passed over", Ignored(0, "more is ignored")),
            row("verify -m seeded", "fails", Same(2, "FILE,SEED")),
            row("verify -S 1 -m seeded,1", "fails", Same(2, "cannot be used with")),
            row("verify -t 999 -m seeded,1", "fails", Same(2, "from 0 to 256")),
            row("verify", "fails", Same(2, "--file")),
        ],
    },
    Upstream {
        name: "flush",
        letters: "vh?",
        long: &[],
        rows: &[
            row("flush -h", "help", Same(0, "Usage: famfs flush")),
            row("flush -?", "help", Same(0, "Usage: famfs flush")),
            row("flush -vv seeded plain", "writes back both", Same(0, "flushed plain")),
            row("flush dir", "fails", Same(1, "it is a folder")),
            row("flush", "fails", Same(2, "FILE")),
        ],
    },
    Upstream {
        name: "mkmeta",
        letters: "vh?",
        long: &["verbose"],
        rows: &[
            row("mkmeta -h", "help", Same(0, "Usage: famfs mkmeta")),
            row("mkmeta -?", "help", Same(0, "Usage: famfs mkmeta")),
            row("mkmeta -vv img", "makes .meta", Same(1, "no famfs is mounted from it")),
            row("mkmeta --verbose img", "makes .meta", Same(1, "no famfs is mounted from it")),
            row("mkmeta img x", "the first one counts", Ignored(1, "x is ignored")),
            row("mkmeta", "fails", Same(2, "DEVICE")),
        ],
    },
    Upstream {
        name: "logplay",
        letters: "vrcmnhSsd:M?",
        long: &["dryrun", "verbose", "set-daxmode", "mmap", "read", "client", "shadowtest", "shadow",
                "daxdev"],
        rows: &[
            row("logplay -h", "help", Same(0, "Usage: famfs logplay")),
            row("logplay -?", "help", Same(0, "Usage: famfs logplay")),
            row("logplay .", "plays", Same(1, NOT_THERE)),
            row("logplay -vvv .", "plays, loudly", Same(1, NOT_THERE)),
            row("logplay --verbose .", "plays, loudly", Same(1, NOT_THERE)),
            row("logplay -n .", "only counts", Same(1, NOT_THERE)),
            row("logplay --dryrun .", "only counts", Same(1, NOT_THERE)),
            row("logplay -rc .", "as a client, by read(2)", Same(1, NOT_THERE)),
            row("logplay --read --client .", "as a client, by read(2)", Same(1, NOT_THERE)),
            row("logplay -m .", "by a mapping", Same(1, NOT_THERE)),
            row("logplay --mmap .", "by a mapping", Same(1, NOT_THERE)),
            row("logplay -rm .", "fails", Same(2, "cannot be used with")),
            row("logplay --shadow new --daxdev img -vv", "writes yaml", Same(0, "1 new files")),
            row("logplay --shadow new -d img", "writes yaml", Same(0, "1 new files")),
            row("logplay --shadow=new --shadowtest --daxdev=img", "writes and compares yaml",
                Same(0, "1 new files")),
            row("logplay -s new -d img", "the letter is unknown: usage, 0", Differs(0, "1 new files")),
            row("logplay -S new -d img", "the letter has no value", Differs(0, "1 new files")),
            row("logplay -Ss new -d img", "usage, 0, though scripts mean --shadow",
                Differs(0, "1 new files")),
            row("logplay -sS new -d img", "usage, 0, though scripts mean --shadow",
                Differs(0, "1 new files")),
            row("logplay -M --shadow new -d img", "switches a dax device", Same(0, "1 new files")),
            row("logplay --set-daxmode --shadow new -d img", "switches a dax device",
                Same(0, "1 new files")),
            row("logplay --shadow new -d img more", "passed over", Ignored(0, "more is ignored")),
            row("logplay --shadow none/new -d img", "fails", Same(1, "cannot create none/new")),
            row("logplay --shadow plain -d img", "fails", Same(1, "shadow files go to a folder")),
            row("logplay --shadow new --shadow new -d img", "fails", Same(2, "once only")),
            row("logplay --daxdev img new", "fails", Same(2, "--shadow")),
            row("logplay . more", "the first one counts", Ignored(1, "more is ignored")),
            row("logplay", "fails", Same(2, "PATH")),
        ],
    },
    Upstream {
        name: "getmap",
        letters: "h?qc",
        long: &["quiet"],
        rows: &[
            row("getmap -h", "help", Same(0, "Usage: famfs getmap")),
            row("getmap -?", "help", Same(0, "Usage: famfs getmap")),
            row("getmap -qqc plain", "quietly, all", Differs(1, NOT_THERE)),
            row("getmap --quiet plain", "1: it is not famfs", Same(1, NOT_THERE)),
            row("getmap none", "9: it does not exist", Differs(1, "cannot look at none")),
            row("getmap", "fails", Same(2, "FILE")),
        ],
    },
    Upstream {
        name: "clone",
        letters: "vh?",
        long: &[],
        rows: &[
            row("clone -h", "help", Same(0, "Usage: famfs clone")),
            row("clone -?", "help", Same(0, "Usage: famfs clone")),
            row("clone -vv one two", "makes a second file of the same memory",
                Differs(1, "break the kernel's count")),
            row("clone one", "fails", Same(2, "TARGET")),
        ],
    },
    Upstream {
        name: "chkread",
        letters: "slh?",
        long: &[],
        rows: &[
            row("chkread -h", "help", Same(0, "Usage: famfs chkread")),
            row("chkread -?", "help", Same(0, "Usage: famfs chkread")),
            row("chkread plain", "compares", Same(0, "plain: ok")),
            row("chkread -s plain", "shows it as a superblock", Differs(1, "does not start as one")),
            row("chkread -l plain", "shows it as a log", Differs(1, "does not start as one")),
            row("chkread plain more", "the first one counts", Ignored(0, "more is ignored")),
            row("chkread none", "fails", Same(1, "cannot look at none")),
            row("chkread", "fails", Same(2, "FILE")),
        ],
    },
];

/// An image with a file in its log, a file of seed 1, another file, and a folder.
fn playground() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    for image in ["img", "img2"] {
        File::create(at.join(image))
            .unwrap()
            .set_len(24 << 20)
            .unwrap();
    }
    assert_eq!(run(at, "famfs", "mkfs img").0, 0);
    logged::log_a_file(&at.join("img"));
    let mut bytes = vec![0; 5000];
    ops::fill::Stream::new(1).fill(&mut bytes);
    fs::write(at.join("seeded"), bytes).unwrap();
    fs::write(at.join("plain"), "plain").unwrap();
    fs::create_dir(at.join("dir")).unwrap();
    dir
}

/// Ends with a status, having said something on standard output and standard error.
fn run(dir: &Path, program: &str, args: &str) -> (i32, String, String) {
    let binary = env!("CARGO_BIN_EXE_famfs");
    let path = if program == "famfs" {
        binary.into()
    } else {
        let link = dir.join(program);
        let _ = symlink(binary, &link);
        link
    };
    let output = Command::new(path)
        .args(args.split_whitespace())
        .current_dir(dir)
        .env("FAMFS_SYSTEM_UUID_FILE", dir.join("system_uuid"))
        .env_remove("FAMFS_MODE")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}

fn check(dir: &Path, program: &str, args: &str, here: &Here) -> Result<(), String> {
    let (status, out, err) = run(dir, program, args);
    let (Same(expected, words) | Ignored(expected, words) | Differs(expected, words)) = here;
    if status != *expected || !format!("{out}{err}").contains(words) {
        return Err(format!(
            "{status} instead of {expected} {words:?}:\n{out}{err}"
        ));
    }
    let remark = |line: &&str| line.contains("has no effect") || line.contains("ignored");
    let remarks = err.lines().filter(remark).count();
    if remarks != usize::from(matches!(here, Ignored(..))) {
        return Err(format!("{remarks} remarks:\n{err}"));
    }
    Ok(())
}

/// Runs the rows of a command, each on a playground as it was made; returns what went wrong.
fn walk(program: &str, rows: impl Iterator<Item = (String, Here)>) -> Vec<String> {
    let dir = playground();
    let dir = dir.path();
    let image = fs::read(dir.join("img")).unwrap();
    let mut wrong = Vec::new();
    for (args, here) in rows {
        if let Err(why) = check(dir, program, &args, &here) {
            wrong.push(format!("{program} {args}: {why}"));
        }
        if program == "mkfs.famfs" || args.contains("mkfs") {
            fs::write(dir.join("img"), &image).unwrap();
        }
        let _ = fs::remove_dir_all(dir.join("new"));
    }
    wrong
}

#[test]
fn every_spelling_is_understood() {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let commands: Vec<_> = TABLE
            .iter()
            .map(|command| {
                let rows = command
                    .rows
                    .iter()
                    .map(|row| (row.args.to_owned(), row.here));
                scope.spawn(move || walk("famfs", rows))
            })
            .collect();
        commands
            .into_iter()
            .flat_map(|walk| walk.join().unwrap())
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The options that mkfs takes under its own name are the same.
#[test]
fn mkfs_by_its_own_name() {
    let mkfs = TABLE.iter().find(|command| command.name == "mkfs").unwrap();
    let rows = mkfs.rows.iter().map(|row| {
        let args = row.args.trim_start_matches("mkfs").trim_start();
        let here = match row.here {
            Same(status, "Usage: famfs mkfs") => Same(status, "Usage: mkfs.famfs"),
            Ignored(status, words) if words.contains("img2") => Ignored(status, "img2 is ignored"),
            here => here,
        };
        (args.to_owned(), here)
    });
    let wrong = walk("mkfs.famfs", rows);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_option_of_upstreams_is_left_out() {
    for command in TABLE {
        let words = || {
            command
                .rows
                .iter()
                .filter(|row| !matches!(row.here, Differs(2, _)) || command.name.is_empty())
                .flat_map(|row| row.args.split_whitespace())
        };
        for letter in command.letters.chars().filter(|c| *c != ':') {
            let found = words().any(|word| {
                word.starts_with('-') && !word.starts_with("--") && word.contains(letter)
            });
            assert!(found, "{} -{letter}", command.name);
        }
        for name in command.long {
            let option = format!("--{name}");
            let found = words().any(|word| word.split('=').next() == Some(&option));
            assert!(found, "{} {option}", command.name);
        }
    }
}
