//! A copy whose source or target goes away under it: one clear line, exit status 1, and no
//! half file.

use std::{
    fs,
    io::Read as _,
    num::NonZero,
    os::unix::fs::FileExt as _,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use nix::{
    sys::{
        mman,
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use crate::{
    child,
    command::{ends_with, must, must_fail},
    fixture::Famfs,
    harness::Test,
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "copies_lost::cp_of_a_source_that_is_cut",
        run: cut_source,
    },
    Test {
        name: "copies_lost::cp_of_a_source_with_poison",
        run: poisoned_source,
    },
    Test {
        name: "copies_lost::cp_into_a_mount_that_is_disabled_meanwhile",
        run: disabled_target,
    },
];

/// What takes cp so long that it can be stopped in the middle; its pages are all there.
const SIZE: usize = 128 << 20;

/// Writes a file whose second page begins with `mark`, which no earlier copy has left there.
fn source(path: &str, mark: u64) {
    let mut bytes = vec![0; SIZE];
    for page in bytes.chunks_exact_mut(4096) {
        page[..8].copy_from_slice(&mark.to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// Whether the second page of a copy is there.
fn has_begun(target: &str, mark: u64) -> bool {
    let mut found = [0; 8];
    let file = fs::File::open(target);
    file.and_then(|file| file.read_exact_at(&mut found, 4096))
        .is_ok()
        && found == mark.to_le_bytes()
}

/// Starts a copy and stops it when it has begun: nearly all is still to be copied.
fn stopped_cp(source: &str, target: &str, mark: u64) -> Child {
    let child = Command::new("famfs")
        .args(["cp", source, target])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..30_000 {
        if has_begun(target, mark) {
            break;
        }
        sleep(Duration::from_millis(1));
    }
    kill(pid(&child), Signal::SIGSTOP).unwrap();
    let stopped = waitpid(pid(&child), Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(
        matches!(stopped, nix::sys::wait::WaitStatus::Stopped(..)),
        "it was over before it could be stopped: {stopped:?}"
    );
    child
}

/// Lets it go on; its exit status and what it says.
fn goes_on(mut child: Child) -> (Option<i32>, String) {
    kill(pid(&child), Signal::SIGCONT).unwrap();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

fn cut_source() {
    let famfs = Famfs::fresh();
    let (from, to) = ("/tmp/cut", famfs.path("copy"));
    source(from, 0xcc);
    let child = stopped_cp(from, &to, 0xcc);
    let file = fs::File::options().write(true).open(from).unwrap();
    file.set_len(4096 + 10).unwrap();
    let (status, said) = goes_on(child);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("cannot copy /tmp/cut: it became shorter while it was copied"),
        "{said}"
    );
    assert!(!fs::exists(&to).unwrap());
    // Nothing holds the lock, and what is left of it can be copied.
    must(&format!("famfs cp {from} {to}"));
    must(&format!("famfs cp -c {from} {to}"));
    must(&format!("famfs check {}", famfs.mountpoint));
    fs::remove_file(from).unwrap();
}

fn poisoned_source() {
    let famfs = Famfs::fresh();
    let at = "/tmp/memory";
    fs::create_dir(at).unwrap();
    // Of a file system that has nothing else than the page cache, the page is lost.
    must(&format!("mount -t tmpfs none {at}"));
    let from = format!("{at}/file");
    fs::write(&from, vec![7; 8 << 20]).unwrap();
    // The kernel sends SIGBUS to whoever maps the page: not to this process, whose tests go on.
    child::run(|| poison_cached(&from, 513 * 4096));
    let to = famfs.path("copy");
    for threads in [0, 2] {
        let said = must_fail(&format!("famfs cp -t {threads} {from} {to}"));
        assert!(
            said.contains(&format!(
                "cannot copy {from}: the memory does not answer (SIGBUS"
            )),
            "{said}"
        );
        assert!(!fs::exists(&to).unwrap());
    }
    assert_eq!(famfs.attribute("state"), "ok");
    must(&format!("famfs check {}", famfs.mountpoint));
    must(&format!("umount {at}"));
    fs::remove_dir(at).unwrap();
}

/// Poisons the page of the page cache that is at `offset`.
fn poison_cached(path: &str, offset: i64) {
    let file = fs::File::open(path).unwrap();
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let page = unsafe {
        mman::mmap(
            None,
            const { NonZero::new(4096).unwrap() },
            mman::ProtFlags::PROT_READ,
            mman::MapFlags::MAP_SHARED,
            &file,
            offset,
        )
    }
    .unwrap();
    // SAFETY: mapped; its page is poisoned, and nothing touches it before it is unmapped.
    unsafe { mman::madvise(page, 4096, mman::MmapAdvise::MADV_HWPOISON) }.unwrap();
    // SAFETY: the mapping made above.
    unsafe { mman::munmap(page, 4096) }.unwrap();
}

fn disabled_target() {
    let famfs = Famfs::fresh();
    let victim = famfs.creat("victim", "2M");
    let (from, to) = ("/tmp/whole", famfs.path("copy"));
    source(from, 0xdd);
    let child = stopped_cp(from, &to, 0xdd);
    must(&format!("famfs-bench poison --json --file {victim}"));
    let (status, said) = goes_on(child);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains(&format!(
            "cannot copy to {to}: the memory does not answer (SIGBUS, BUS_ADRERR)"
        )) && said.contains("a memory error may have disabled the mount"),
        "{said}"
    );
    famfs.umount();
    must("rmmod famfs");
    let famfs = Famfs::fresh();
    // Whoever mounts the memory afterwards finds no copy in the log.
    let (status, said) = ends_with(&format!("famfs check {}", famfs.mountpoint));
    assert_eq!(status, 0, "{said}");
    fs::remove_file(from).unwrap();
}
