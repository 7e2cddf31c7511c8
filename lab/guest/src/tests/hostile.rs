//! Hostile images on real mounts: what happens is what the table says, and nothing outside of the
//! mount is touched.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use nix::mount::{MsFlags, mount, umount};
use serde_json::Value;

use crate::{
    command::{ends_with, run},
    fixture::Famfs,
    harness::Test,
    hostile::{self, Plate, builder::Builder},
    raw::v44::option,
    witness::Witness,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "hostile::every_image_does_what_the_table_says_and_touches_nothing_else",
        run: every_image,
    },
    Test {
        name: "hostile::links_and_mounts_in_the_mount_are_not_followed",
        run: not_followed,
    },
    Test {
        name: "hostile::links_and_mounts_are_not_followed_by_a_second_play",
        run: not_followed_again,
    },
];

const TABLE: &str = include_str!("../../../../docs/reference/hostile-images.md");
/// A folder beside the mount point.
const WITNESS: &str = "/mnt/witness";
const MAKER: &str = "/tmp/hostile_maker";

/// Returns the table's last column for each image.
fn table() -> BTreeMap<&'static str, &'static str> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1], cells[5])
        })
        .collect()
}

/// A folder with the names that the images' logs have, and their good entries too.
fn witness() -> Witness {
    let _ = fs::remove_dir_all(WITNESS);
    fs::create_dir_all(format!("{WITNESS}/e")).unwrap();
    for name in ["one", "two", "e/three", "bad", "after", ".log"] {
        let path = format!("{WITNESS}/{name}");
        fs::write(&path, format!("witness {name}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    }
    hostile::be_their_maker(MAKER);
    let witness = Witness::look();
    assert!(
        witness.len() > 100,
        "the guest has more than {}",
        witness.len()
    );
    witness
}

/// `famfs` as the host that made the images: status, standard output.
fn as_maker(line: &str) -> (i32, String) {
    let output = run(&format!("env FAMFS_SYSTEM_UUID_FILE={MAKER} famfs {line}"));
    let status = output.status.code();
    let status = status.unwrap_or_else(|| panic!("`famfs {line}`: {}", output.status));
    (status, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A play's outcome as the table puts it.
fn made(json: &str) -> String {
    let played: Value = serde_json::from_str(json).unwrap();
    let number = |name: &str| played[name].as_u64().unwrap();
    let made = number("new_files") + number("new_directories");
    assert_eq!(
        (number("existing"), &played["failed"]),
        (0, &Value::Array(vec![]))
    );
    let mut text = format!("{made} of {}", number("entries"));
    if let Some(index) = played["stopped"]["index"].as_u64() {
        write!(text, ", stops at {index}").unwrap();
    }
    for (list, verb) in [("refused", "refuses"), ("skipped", "skips")] {
        for entry in played[list].as_array().unwrap() {
            write!(text, ", {verb} {}", entry["index"]).unwrap();
        }
    }
    text
}

fn every_image() {
    let famfs = Famfs::bare();
    drop(Plate::blank(&famfs));
    famfs.detach();
    let witness = witness();
    let mut table = table();
    let at = famfs.mountpoint;
    for image in hostile::images() {
        let name = image.name;
        famfs.attach();
        Plate::open(&famfs).write(&image.image);
        famfs.detach();
        let expected = table
            .remove(name)
            .unwrap_or_else(|| panic!("{name} has no row"));
        let (status, json) = as_maker(&format!("mount --json {} {at}", famfs.device));
        if expected.starts_with("nothing") {
            assert_eq!((status, famfs.is_mounted()), (1, false), "{name}");
        } else {
            assert_eq!(made(&json), expected, "{name}");
            let bad = expected.contains("refuses") || expected.contains("stops");
            assert_eq!(status, i32::from(bad), "{name}");
            let (status, _) = as_maker(&format!("logplay --repair {at}"));
            assert_eq!(status, i32::from(bad), "{name}");
            // Making more is done or refused, and in the mount.
            if name.starts_with("path-") {
                as_maker(&format!("creat -s 4k {at}/new"));
            }
            famfs.detach();
        }
        witness.assert_unchanged(name);
    }
    assert!(table.is_empty(), "no image for {table:?}");
}

/// Somebody puts links to the witness into the mount, and the witness itself.
fn not_followed() {
    let famfs = Famfs::bare();
    Plate::blank(&famfs).write(&Builder::sample().image);
    famfs.detach();
    let witness = witness();
    let at = famfs.mountpoint;
    let play = |what: &str, wrong: &[&str]| {
        for line in ["logplay", "logplay --repair"] {
            let output = run(&format!(
                "env FAMFS_SYSTEM_UUID_FILE={MAKER} famfs {line} {at}"
            ));
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{what}: {said}");
            for path in wrong {
                assert!(
                    said.contains(&format!("{path:?}")),
                    "{what}, {path}: {said}"
                );
            }
        }
        for line in [
            format!("famfs creat -s 2M {at}/d/new"),
            format!("famfs mkdir {at}/d/new"),
            format!("famfs cp /etc/passwd {at}/d/new"),
        ] {
            let (status, said) = ends_with(&line);
            assert_eq!(status, 1, "{what}: {line}: {said}");
        }
    };
    let (status, _) = as_maker(&format!("mount --no-logplay {} {at}", famfs.device));
    assert_eq!(status, 0);
    famfs.allow(option::SYMLINK);
    symlink(WITNESS, famfs.path("d")).unwrap();
    symlink(format!("{WITNESS}/one"), famfs.path("one")).unwrap();
    play("a symlink", &["d", "one", "d/two", "d/e", "d/e/three"]);
    famfs.umount();
    witness.assert_unchanged("a symlink");

    let (status, _) = as_maker(&format!("mount --no-logplay {} {at}", famfs.device));
    assert_eq!(status, 0);
    fs::create_dir(famfs.path("d")).unwrap();
    mount(
        Some(WITNESS),
        Path::new(&famfs.path("d")),
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .unwrap();
    play("a mount", &["d", "d/two", "d/e", "d/e/three"]);
    umount(Path::new(&famfs.path("d"))).unwrap();
    famfs.umount();
    witness.assert_unchanged("a mount");
    // Without them, the same log is played whole.
    let (status, json) = as_maker(&format!("mount --json {} {at}", famfs.device));
    assert_eq!((status, made(&json).as_str()), (0, "5 of 5"));
}

/// The same after a play that made all: somebody puts a link, or another mount, where a logged
/// folder was.
fn not_followed_again() {
    let famfs = Famfs::bare();
    Plate::blank(&famfs).write(&Builder::sample().image);
    famfs.detach();
    let unmounted = witness();
    let at = famfs.mountpoint;
    let (status, json) = as_maker(&format!("mount --json {} {at}", famfs.device));
    assert_eq!((status, made(&json).as_str()), (0, "5 of 5"));
    // A mount hides its mount point, so what is compared meanwhile lacks that.
    let mounted = Witness::look();
    // What a play says of the folder, and of each name beyond it.
    let play = |what: &str, in_the_way: &str| {
        for line in [
            "logplay -n",
            "logplay -n --repair",
            "logplay",
            "logplay --repair",
        ] {
            let output = run(&format!(
                "env FAMFS_SYSTEM_UUID_FILE={MAKER} famfs {line} {at}"
            ));
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{what}, {line}: {said}");
            for path in ["d", "d/two", "d/e", "d/e/three"] {
                let path = format!("{path:?}");
                assert!(said.contains(&path), "{what}, {line}, {path}: {said}");
            }
            assert!(said.contains(in_the_way), "{what}, {line}: {said}");
            assert!(!said.contains("put right"), "{what}, {line}: {said}");
        }
        let (status, said) = ends_with(&format!("famfs check {at}"));
        assert_eq!(status, 1, "{what}: {said}");
        mounted.assert_unchanged(what);
    };
    let all_there = |what: &str| {
        let (status, json) = as_maker(&format!("logplay --json {at}"));
        let played: Value = serde_json::from_str(&json).unwrap();
        let number = |name: &str| played[name].as_u64().unwrap();
        assert_eq!((status, number("existing")), (0, 5), "{what}: {json}");
    };
    famfs.allow(option::SYMLINK | option::RENAME | option::UNLINK);
    let (place, kept) = (famfs.path("d"), famfs.path("kept"));
    fs::rename(&place, &kept).unwrap();
    // Out of the mount, and to the folder's own new name.
    for target in [WITNESS, "kept"] {
        symlink(target, &place).unwrap();
        play(target, "symbolic links");
        fs::remove_file(&place).unwrap();
    }
    fs::rename(&kept, &place).unwrap();
    all_there("without a link");

    for source in [WITNESS, at] {
        mount(
            Some(source),
            Path::new(&place),
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .unwrap();
        // Be it of the same file system: what is there is not what was logged.
        play(source, "cross-device link");
        umount(Path::new(&place)).unwrap();
    }
    all_there("without a mount");
    famfs.umount();
    unmounted.assert_unchanged("all of it");
}
