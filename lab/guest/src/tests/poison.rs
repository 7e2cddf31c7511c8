//! A page fails: who is told, how, and what is left of the mount.

use std::{fs, sync::atomic::Ordering};

use nix::{
    libc,
    mount::{MntFlags, umount2},
    sys::mman::MmapAdvise,
};

use crate::{
    bare::{MIB, PAGE},
    child::{self, Child, End, broken_memory, no_memory, pause},
    command::must,
    failing,
    fixture::Famfs,
    harness::Test,
    mapping::Mapping,
    tests::{crowd::Crowd, shut},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "poison::each_process_learns_of_it_in_its_own_way",
        run: processes,
    },
    Test {
        name: "poison::a_page_that_nobody_maps_disables_the_mount",
        run: unmapped,
    },
    Test {
        name: "poison::memory_that_no_file_owns_disables_the_mount",
        run: hole,
    },
    Test {
        name: "poison::calls_in_progress_end_with_enodev",
        run: in_progress,
    },
    Test {
        name: "poison::afterwards_the_mount_is_shut_and_unmounts",
        run: afterwards,
    },
    Test {
        name: "poison::the_first_error_stays_and_the_newest_is_kept",
        run: two_errors,
    },
    Test {
        name: "poison::a_mapping_outlives_a_lazy_unmount",
        run: lazily,
    },
];

/// Far from what other tests use: a broken page stays broken.
const AT: u64 = 640 * MIB;

/// The recorded failure of one page.
fn assert_error(text: &str, famfs: &Famfs, offset: u64, flags: &str) {
    for part in [
        format!("dev={} ", famfs.device),
        format!("offset={offset} "),
        "len=4096 ".to_owned(),
        format!("flags={flags} "),
        "time=".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}in `{text}`");
    }
}

fn last_error() -> String {
    fs::read_to_string("/sys/fs/famfs/last_error").unwrap()
}

/// A child that has used its mapping, waits, and then touches the byte at `at`.
fn sleeper(map: &Mapping, at: usize, early: bool) -> Child {
    let mut child = Child::spawn(|board| {
        if early {
            // SAFETY: changes what this process is told of memory errors, nothing else.
            let set = unsafe {
                libc::prctl(
                    libc::PR_MCE_KILL,
                    libc::PR_MCE_KILL_SET,
                    libc::PR_MCE_KILL_EARLY,
                    0,
                    0,
                )
            };
            assert_eq!(set, 0);
        }
        map.set(at, 1);
        board.at(0).store(1, Ordering::SeqCst);
        pause(board, 1);
        map.get(at);
    });
    child.await_at_least(0, 1);
    child
}

fn processes() {
    let famfs = Famfs::bare();
    let bad = 3 * PAGE;
    let file = famfs.mapped("file", 4 * MIB, &[(AT, 4 * MIB)]);
    let other = famfs.mapped("other", 2 * MIB, &[(AT + 4 * MIB, 2 * MIB)]);
    let map = Mapping::shared(&file, 4 << 20);
    let apart = Mapping::shared(&other, 2 << 20);
    let copy = Mapping::private(&file, 2 << 20);
    copy.set(bad, 42);
    let early = sleeper(&map, bad, true);
    let late = sleeper(&map, bad, false);
    let near = sleeper(&map, bad + PAGE, false);
    let far = sleeper(&map, 3 << 20, false);
    let elsewhere = sleeper(&apart, 0, false);

    // The process that consumes it is told at once, and where.
    let end = child::run(|| {
        map.get(bad);
        map.advise(bad, PAGE, MmapAdvise::MADV_HWPOISON).unwrap();
        map.get(bad);
    });
    assert_eq!(end, broken_memory(map.address(bad)));
    // Who has asked to hear of it early does; it has touched nothing.
    let told = End::Bus {
        code: libc::BUS_MCEERR_AO,
        address: map.address(bad),
    };
    assert_eq!(early.wait(), told);
    // The others sleep on until they touch something.
    let counted = famfs.counted(|| {
        for (child, end) in [
            (late, broken_memory(map.address(bad))),
            (near, no_memory(map.address(bad + PAGE))),
            (far, no_memory(map.address(3 << 20))),
            (elsewhere, no_memory(apart.address(0))),
        ] {
            child.tell(1, 1);
            assert_eq!(child.wait(), end);
        }
    });
    assert_eq!(counted, [0, 0, 0, 4]);
    assert_eq!(copy.get(bad), 42, "a copy is ordinary memory");
    assert_error(&famfs.attribute("error"), &famfs, AT + bad as u64, "0x23");
    drop((map, apart, copy, file, other));
    famfs.detach();
}

fn unmapped() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 4 * MIB, &[(AT + 8 * MIB, 4 * MIB)]);
    let map = Mapping::shared(&file, 2 << 20);
    let user = sleeper(&map, 0, false);
    failing::poison(&famfs, AT + 10 * MIB);
    assert_error(&famfs.attribute("error"), &famfs, AT + 10 * MIB, "0x20");
    shut::check(&famfs);
    user.tell(1, 1);
    assert_eq!(user.wait(), no_memory(map.address(0)));
    drop((map, file));
    famfs.detach();
}

fn hole() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 2 * MIB, &[(AT + 16 * MIB, 2 * MIB)]);
    failing::poison(&famfs, AT + 18 * MIB + 4096);
    assert_error(
        &famfs.attribute("error"),
        &famfs,
        AT + 18 * MIB + 4096,
        "0x20",
    );
    shut::check(&famfs);
    drop(file);
    famfs.detach();
}

fn in_progress() {
    let famfs = Famfs::bare();
    let crowd = Crowd::start(&famfs, AT + 24 * MIB, &[]);
    failing::poison(&famfs, AT + 40 * MIB);
    crowd.must_end();
    shut::check(&famfs);
    famfs.detach();
}

fn afterwards() {
    let famfs = Famfs::bare();
    shut::prepare(&famfs, AT + 48 * MIB);
    failing::poison(&famfs, AT + 64 * MIB);
    shut::check(&famfs);
    shut::check_every_call(&famfs);
    let error = famfs.attribute("error");
    famfs.detach();
    // The mount is gone, what befell it is not.
    assert_eq!(last_error().trim_end(), error);
    famfs.attach();
    assert_eq!(famfs.attribute("state"), "ok");
    assert_eq!(famfs.attribute("error"), "");
    // Its neighbours, and the page itself, can be used again.
    let file = famfs.mapped("file", 4 * MIB, &[(AT + 62 * MIB, 4 * MIB)]);
    let map = Mapping::shared(&file, 4 << 20);
    map.set(0, 1);
    drop((map, file));
    famfs.detach();
    must("rmmod famfs");
    let famfs = Famfs::bare();
    assert_eq!(last_error().trim_end(), "", "the module is new");
    famfs.detach();
}

fn two_errors() {
    let famfs = Famfs::bare();
    failing::poison(&famfs, AT + 72 * MIB);
    let first = famfs.attribute("error");
    assert_eq!(last_error().trim_end(), first);
    failing::poison(&famfs, AT + 73 * MIB);
    assert_eq!(famfs.attribute("error"), first);
    assert_error(&last_error(), &famfs, AT + 73 * MIB, "0x20");
    famfs.detach();
}

/// A failed mount that is still in use ends like any other: when the last user is gone.
fn lazily() {
    let famfs = Famfs::bare();
    let file = famfs.mapped("file", 2 * MIB, &[(AT + 80 * MIB, 2 * MIB)]);
    let map = Mapping::shared(&file, PAGE);
    drop(file);
    let user = sleeper(&map, 0, false);
    drop(map);
    failing::poison(&famfs, AT + 84 * MIB);
    let busy = umount2(famfs.mountpoint, MntFlags::empty());
    assert_eq!(busy, Err(nix::errno::Errno::EBUSY));
    umount2(famfs.mountpoint, MntFlags::MNT_DETACH).unwrap();
    let again = nix::mount::mount(
        Some(famfs.device.as_str()),
        famfs.mountpoint,
        Some("famfs"),
        nix::mount::MsFlags::empty(),
        None::<&str>,
    );
    assert_eq!(again, Err(nix::errno::Errno::EBUSY));
    user.tell(1, 1);
    let End::Bus { code, .. } = user.wait() else {
        panic!("the page was still there")
    };
    assert_eq!(code, libc::BUS_ADRERR);
    famfs.attach();
    assert_eq!(famfs.attribute("state"), "ok");
    famfs.detach();
}
