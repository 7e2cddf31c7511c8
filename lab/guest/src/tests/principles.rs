//! What makes famfs another kind of file system: metadata lives in the log and in this host's
//! memory, never on the device by the kernel's doing.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown},
    process::Command,
};

use nix::errno::Errno;

use crate::{
    bare::{MIB, PAGE, errno},
    child::{Child, no_memory, pause},
    command::must,
    fixture::Famfs,
    harness::Test,
    mapping::Mapping,
    raw::{Form, v2::extent, v44::option},
    tests::io::pattern,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "principles::nothing_is_there_until_the_log_is_played",
        run: nothing_there,
    },
    Test {
        name: "principles::changes_of_metadata_end_with_the_mount",
        run: ephemeral,
    },
    Test {
        name: "principles::the_kernel_writes_data_and_nothing_else",
        run: no_metadata_written,
    },
    Test {
        name: "principles::a_changed_size_disables_a_file_until_the_log_is_played",
        run: changed_size,
    },
    Test {
        name: "principles::ordinary_programs_use_the_files",
        run: ordinary,
    },
];

fn names(famfs: &Famfs) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(famfs.mountpoint)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn nothing_there() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let content = pattern(11, 2 << 20);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all_at(&content, 0)
        .unwrap();
    famfs.umount();
    // The module alone finds nothing, on media that are full of files.
    famfs.attach();
    assert_eq!(names(&famfs), Vec::<String>::new());
    assert_eq!(errno(File::open(&path)), Errno::ENOENT);
    let statfs = nix::sys::statvfs::statvfs(famfs.mountpoint).unwrap();
    assert_eq!(statfs.blocks_free(), statfs.blocks(), "no file owns memory");
    famfs.detach();
    famfs.mount();
    assert_eq!(names(&famfs), [".meta", "file"]);
    assert!(fs::read(&path).unwrap() == content, "byte for byte");
}

fn ephemeral() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let gone = famfs.creat("gone", "2M");
    let logged = fs::metadata(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    chown(&path, Some(5), Some(6)).unwrap();
    fs::create_dir(famfs.path("folder")).unwrap();
    famfs.blank("blank");
    famfs.allow(option::UNLINK | option::RENAME);
    fs::remove_file(&gone).unwrap();
    fs::rename(&path, famfs.path("renamed")).unwrap();
    assert_eq!(names(&famfs), [".meta", "blank", "folder", "renamed"]);
    famfs.umount();
    famfs.mount();
    assert_eq!(names(&famfs), [".meta", "file", "gone"]);
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(
        (meta.mode(), meta.uid(), meta.gid()),
        (logged.mode(), logged.uid(), logged.gid())
    );
}

/// The first bytes of the device, read through two files on a mount of the module alone.
fn media(famfs: &Famfs) -> Vec<u8> {
    famfs.attach();
    let mut seen = Vec::new();
    for (name, kind, offset, len) in [("sb", 1, 0, 2 * MIB), ("log", 2, 2 * MIB, 8 * MIB)] {
        let file = famfs.blank(name);
        Form::V1
            .map(&file, kind, len, &[extent(offset, len)])
            .unwrap();
        seen.extend(fs::read(famfs.path(name)).unwrap());
    }
    famfs.detach();
    seen
}

fn no_metadata_written() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    famfs.umount();
    let before = media(&famfs);
    famfs.mount();
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    chown(&path, Some(5), Some(6)).unwrap();
    fs::create_dir(famfs.path("folder")).unwrap();
    famfs.blank("blank");
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0x5a; 5000], 0).unwrap();
    file.sync_all().unwrap();
    famfs.allow(option::UNLINK);
    fs::remove_file(&path).unwrap();
    drop(file);
    famfs.umount();
    assert!(
        media(&famfs) == before,
        "superblock and log are as they were"
    );
    famfs.mount();
    assert_eq!(
        fs::read(&path).unwrap()[..5000],
        [0x5a; 5000],
        "data is not"
    );
}

fn changed_size() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "2M");
    let content = pattern(13, 2 << 20);
    let open = || File::options().read(true).write(true).open(&path).unwrap();
    open().write_all_at(&content, 0).unwrap();
    famfs.allow(option::TRUNCATE);
    for size in [MIB, 4 * MIB, 0] {
        let file = open();
        let map = Mapping::shared(&file, PAGE);
        let mut user = Child::spawn(|board| {
            map.set(0, content[0]);
            board.at(0).store(1, std::sync::atomic::Ordering::SeqCst);
            pause(board, 1);
            map.set(1, content[1]);
        });
        user.await_at_least(0, 1);
        file.set_len(size).unwrap();
        assert_eq!(file.metadata().unwrap().len(), size);
        for _ in 0..2 {
            assert_eq!(errno(file.read_at(&mut [0], 0)), Errno::EIO, "{size}");
            assert_eq!(errno(file.write_at(&[0], 0)), Errno::EIO, "{size}");
            let request = crate::mapping::Request {
                len: PAGE,
                ..crate::mapping::ANYWHERE
            };
            assert_eq!(Mapping::new(&file, request).err(), Some(Errno::EIO));
            // The size of old does not make it valid.
            file.set_len(2 * MIB).unwrap();
        }
        user.tell(1, 1);
        assert_eq!(user.wait(), no_memory(map.address(1)), "{size}");
        // Such a file may be unlinked, whatever the mount allows; the log makes it again.
        assert_eq!(
            crate::raw::v44::options(&famfs.root()).unwrap() & option::UNLINK,
            0
        );
        drop((map, file));
        fs::remove_file(&path).unwrap();
        must(&format!("famfs logplay {}", famfs.mountpoint));
        assert!(fs::read(&path).unwrap() == content, "{size}");
    }
}

fn ordinary() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("file", "3000000");
    let content = pattern(17, 3_000_000);
    fs::write("/tmp/source", &content).unwrap();
    must(&format!("dd if=/tmp/source of={path} bs=64k conv=notrunc"));
    must(&format!("cmp /tmp/source {path}"));
    must(&format!("cp {path} /tmp/copy"));
    assert!(fs::read("/tmp/copy").unwrap() == content);
    let sum = |path: &str| must(&format!("md5sum {path}"))[..32].to_owned();
    assert_eq!(sum(&path), sum("/tmp/source"));
    let tail = Command::new("tail")
        .args(["-c", "100", &path])
        .output()
        .unwrap();
    assert_eq!(tail.stdout, content[content.len() - 100..]);
    let size = fs::metadata(&path).unwrap().size();
    assert_eq!(size, 3_000_000);
}
