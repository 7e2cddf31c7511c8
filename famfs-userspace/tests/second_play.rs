//! Plays a log once more when a symlink has taken the place of a logged folder: nothing
//! beyond the link is made, changed or removed. Other mounts have a test in a guest,
//! `hostile::links_and_mounts_are_not_followed_by_a_second_play`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use common::Ram;
use common::builder::{Builder, DEVICE};
use famfs_machine::kernel::confined;
use famfs_media::player::{self, Options, Outcome, Plan, Tree, compare};
use famfs_media::role::Role;
use famfs_media::volume::Volume;
use famfs_runtime::player::MountTree;
use famfs_runtime::player::shadowed::ShadowTree;

/// The logged names that lie in the folder `d`, or are it.
const BEYOND: [&str; 4] = ["d", "d/two", "d/e", "d/e/three"];

/// The sample, for whoever runs the test: only root may give a folder to others.
fn plan() -> Plan {
    let volume = Volume::load(&mut Ram::new(Builder::sample().image)).unwrap();
    let mut plan = Plan::new(&volume, Some(DEVICE));
    for action in &mut plan.actions {
        action.owner.uid = nix::unistd::getuid().as_raw();
        action.owner.gid = nix::unistd::getgid().as_raw();
    }
    plan
}

fn play(plan: &Plan, tree: &mut dyn Tree, dry_run: bool, repair: bool) -> Outcome {
    let options = Options {
        role: Role::Master,
        dry_run,
        repair,
    };
    player::play(plan, 0, tree, &options, &mut |_, _| true)
}

/// The inode, mode, both times, and bytes or target of each name below a folder.
type Seen = BTreeMap<PathBuf, (u64, u32, [i64; 4], Vec<u8>)>;

fn look(path: &Path, seen: &mut Seen) {
    let meta = fs::symlink_metadata(path).unwrap();
    let content = if meta.is_symlink() {
        fs::read_link(path)
            .unwrap()
            .into_os_string()
            .into_encoded_bytes()
    } else if meta.is_file() {
        fs::read(path).unwrap()
    } else {
        for entry in fs::read_dir(path).unwrap() {
            look(&entry.unwrap().path(), seen);
        }
        Vec::new()
    };
    let times = [
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    ];
    seen.insert(path.to_owned(), (meta.ino(), meta.mode(), times, content));
}

fn seen(path: &Path) -> Seen {
    let mut seen = Seen::new();
    look(path, &mut seen);
    seen
}

/// A folder with names as logged, with modes that no log has and bytes that no file of a play has.
fn witness(at: &Path) {
    fs::create_dir_all(at.join("e")).unwrap();
    for name in ["two", "e/three"] {
        fs::write(at.join(name), "witness").unwrap();
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    for name in ["", "e"] {
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(0o711)).unwrap();
    }
}

/// Plays into `root`, exchanges `d` or `d/e` for links, and plays again in each way.
fn second_plays(is_shadow: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
    fs::create_dir(&root).unwrap();
    witness(&outside);
    let plan = plan();
    let handle = confined::open_root(&root).unwrap();
    // A tree knows some of the mount by heart, so each play has its own, as each command has.
    let tree = || -> Box<dyn Tree + '_> {
        if is_shadow {
            Box::new(ShadowTree::new(Some(handle.as_fd())))
        } else {
            Box::new(MountTree::new(handle.as_fd()))
        }
    };
    let first = play(&plan, &mut *tree(), false, false);
    assert_eq!(first.new_dirs, 2, "{first:?}");
    // Only famfs can give a file its memory: in another mount the folders alone are made.
    assert_eq!(first.new_files, if is_shadow { 3 } else { 0 }, "{first:?}");
    // A folder in the mount itself is as much beyond a link as one outside.
    witness(&root.join("inside"));
    let targets = [
        outside.clone(),
        PathBuf::from("../outside"),
        PathBuf::from("inside"),
        dir.path().join("nothing"),
    ];
    for (folder, beyond) in [("d", &BEYOND[..]), ("d/e", &BEYOND[2..])] {
        let (place, kept) = (root.join(folder), root.join("kept"));
        fs::rename(&place, &kept).unwrap();
        for target in &targets {
            // As seen from where the link lies.
            let target = match folder {
                "d/e" if target.is_relative() => Path::new("..").join(target),
                _ => target.clone(),
            };
            symlink(&target, &place).unwrap();
            let before = seen(dir.path());
            for (dry_run, repair) in [(true, false), (true, true), (false, false), (false, true)] {
                let outcome = play(&plan, &mut *tree(), dry_run, repair);
                let what = format!("{folder} -> {}: {outcome:?}", target.display());
                for path in beyond {
                    let failed = outcome.failed.iter().find(|f| f.path == Path::new(path));
                    assert!(failed.is_some(), "{path}, {what}");
                }
                assert!(outcome.repaired.is_empty(), "{what}");
                assert_eq!(
                    (outcome.new_dirs, outcome.is_complete()),
                    (0, false),
                    "{what}"
                );
            }
            let differing = compare(&plan, &mut *tree(), Role::Master);
            for path in beyond {
                let found = differing.iter().any(|d| d.path == Path::new(path));
                assert!(found, "{path}: {differing:?}");
            }
            assert_same(&before, &seen(dir.path()), &root, is_shadow);
            fs::remove_file(&place).unwrap();
        }
        // Without the link, the log is played as if nothing had been.
        fs::rename(&kept, &place).unwrap();
        let last = play(&plan, &mut *tree(), false, false);
        assert_eq!(last.new_dirs, 0, "{last:?}");
        if is_shadow {
            assert_eq!((last.existing, last.is_complete()), (5, true), "{last:?}");
        }
    }
}

/// Where files cannot be made, the root's own times change: `one` comes and goes.
fn assert_same(before: &Seen, after: &Seen, root: &Path, is_shadow: bool) {
    let of_others = |seen: &Seen| {
        let mut seen = seen.clone();
        if !is_shadow {
            seen.remove(root);
            // So do those of `d`, where only `d/e` is a link: `d/two` comes and goes.
            if fs::symlink_metadata(root.join("d")).unwrap().is_dir() {
                seen.remove(&root.join("d"));
            }
        }
        seen
    };
    assert_eq!(of_others(before), of_others(after));
}

#[test]
fn a_mount_does_not_follow_links() {
    second_plays(false);
}

#[test]
fn shadow_files_do_not_follow_links() {
    second_plays(true);
}
