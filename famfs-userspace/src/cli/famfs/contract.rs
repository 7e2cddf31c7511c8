//! What scripts may rely on, for `docs/reference/contracts`.

use famfs_cli::contract::{Document, Program, assert_kept};
use famfs_cli::status::{Statuses, differences, exit, signal};

use super::{FAILED, MOUNTED, OK, UNSUPPORTED, USAGE, helper};
use super::{chkread, clone, fsck, getmap, opts, played, verify};
use crate::dump;
use famfs_machine::module::status::Status;
use famfs_runtime::ops::{check, list, mkfs};

const STATUSES: &[Statuses] = &[
    Statuses {
        of: "`famfs`, every command",
        all: &[
            exit(
                OK,
                "done; a reader of standard output that left early is no failure",
            ),
            exit(
                FAILED,
                "failed, or found errors; also if the output could not be written",
            ),
            exit(USAGE, "usage: the command line is wrong"),
            exit(UNSUPPORTED, "a privilege or a kernel feature is missing"),
            signal("ended by signal N, with nothing half done"),
        ],
    },
    Statuses {
        of: "`famfs fsck`, also",
        all: &[
            exit(fsck::WARNED, "warnings, and no errors"),
            exit(MOUNTED, "the device is mounted, and was not looked at"),
        ],
    },
    Statuses {
        of: "`mount.famfs`, `umount.famfs`",
        all: &[
            exit(OK, "done"),
            exit(helper::USAGE, "usage: the command line is wrong"),
            exit(helper::MOUNT_FAILED, "not mounted, or not unmounted"),
            exit(
                helper::SOME_SUCCEEDED,
                "mounted, but without every file of the log",
            ),
        ],
    },
];

#[test]
fn the_register_is_as_the_code_is() {
    assert_kept(&Program {
        name: "famfs",
        statuses: STATUSES,
        documents: vec![
            Document::of::<mkfs::Made>("famfs-mkfs", "famfs mkfs --json"),
            Document::of::<played::View>(
                "famfs-logplay",
                "famfs logplay --json, famfs mount --json",
            ),
            Document::of::<played::RoundView>(
                "famfs-logplay-follow",
                "famfs logplay --follow --json",
            ),
            Document::of::<list::List>("famfs-list", "famfs list --json"),
            Document::of::<verify::View>("famfs-verify", "famfs verify --json"),
            Document::of::<fsck::Document<'_>>("famfs-fsck", "famfs fsck --json"),
            Document::of::<check::Report>("famfs-check", "famfs check --json"),
            Document::of::<dump::Dump<'_>>("famfs-dump", "famfs dump --json"),
            Document::of::<getmap::Maps>("famfs-getmap", "famfs getmap --json"),
            Document::of::<chkread::View>("famfs-chkread", "famfs chkread --json"),
            Document::of::<opts::View>("famfs-opts", "famfs opts --json"),
            Document::of::<clone::View<'_>>("famfs-clone", "famfs clone --json"),
            Document::of::<Status>("famfs-module-status", "famfs module status --json"),
        ],
        sections: Vec::new(),
    });
}

#[test]
fn the_help_names_every_status() {
    let (famfs, helpers) = STATUSES.split_at(2);
    let [mount, umount, _mkfs] = helper::commands();
    assert_eq!(differences(&super::command(), famfs), [""; 0]);
    assert_eq!(differences(&mount, helpers), [""; 0]);
    // Nothing is half unmounted: this one lacks the last status.
    assert_eq!(
        differences(&umount, helpers),
        ["umount.famfs --help: 64 is in the register only"]
    );
}
