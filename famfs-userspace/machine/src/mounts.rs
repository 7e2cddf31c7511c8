//! Which famfs file systems are mounted here, and whether they are healthy.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::kernel::mountinfo;
use famfs_snapshot::model::{DeviceError, ModuleFaults, Mount, MountState};

/// More than any attribute of the module can honestly hold.
const ATTRIBUTE_MAX: u64 = 4096;

/// Every mounted famfs that this process can see, in the order of mounting. A file system that
/// is mounted in several places is listed once.
pub fn read() -> Vec<Mount> {
    read_with_paths()
        .into_iter()
        .map(|(_, mount)| mount)
        .collect()
}

/// The same, each with the line of the kernel's table that it was taken from: a [`Mount`] has its
/// paths as text, which does not lead to a place whose name is not UTF-8.
pub fn read_with_paths() -> Vec<(mountinfo::Mount, Mount)> {
    // Without /proc there is nothing to show, as without mounts.
    let mut mounts = of_kind(mountinfo::read().unwrap_or_default(), is_famfs);
    for (_, mount) in &mut mounts {
        let (major, minor) = mount.dev;
        let dir = PathBuf::from(format!("/sys/fs/famfs/{major}:{minor}"));
        let attribute = |name| read_bounded(&dir.join(name));
        mount.state = state_of(mount.dev);
        mount.error = attribute("error").as_deref().and_then(parse_error);
        mount.totals = attribute("faults").as_deref().and_then(parse_faults);
    }
    mounts
}

/// What the module says of the famfs whose files have this `st_dev`. Any other file system is
/// in an unknown state, as is one of a module that does not tell.
pub fn state_of((major, minor): (u32, u32)) -> MountState {
    let state = PathBuf::from(format!("/sys/fs/famfs/{major}:{minor}/state"));
    read_bounded(&state).map_or(MountState::Unknown, |text| parse_state(&text))
}

/// The mounts of other file systems, by the device numbers of `devs`; they tell of no state.
pub fn others(devs: &BTreeSet<(u32, u32)>) -> Vec<Mount> {
    let all = of_kind(mountinfo::read().unwrap_or_default(), |entry| {
        !is_famfs(entry) && devs.contains(&(entry.major, entry.minor))
    });
    all.into_iter().map(|(_, mount)| mount).collect()
}

/// Where `mount` is. Its text is the path but for names that are not UTF-8: those are looked up
/// again, and the text is kept where the mount has gone meanwhile.
pub fn path_of(mount: &Mount) -> PathBuf {
    let exact = mount
        .mountpoint
        .contains(char::REPLACEMENT_CHARACTER)
        .then(mountinfo::read)
        .and_then(Result::ok)
        .and_then(|all| exact_path(&all, mount));
    exact.unwrap_or_else(|| PathBuf::from(&mount.mountpoint))
}

fn exact_path(all: &[mountinfo::Mount], mount: &Mount) -> Option<PathBuf> {
    all.iter()
        .find(|entry| {
            (entry.major, entry.minor) == mount.dev
                && entry.mount_point.to_string_lossy() == mount.mountpoint
        })
        .map(|entry| entry.mount_point.clone())
}

fn read_bounded(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(ATTRIBUTE_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_famfs(entry: &mountinfo::Mount) -> bool {
    matches!(&entry.fs_type[..], b"famfs" | b"fuse.famfs")
}

fn of_kind(
    all: Vec<mountinfo::Mount>,
    is_wanted: impl Fn(&mountinfo::Mount) -> bool,
) -> Vec<(mountinfo::Mount, Mount)> {
    let is_whole = |entry: &mountinfo::Mount| entry.root == Path::new("/");
    let mut found: Vec<(mountinfo::Mount, Mount)> = Vec::new();
    for entry in all {
        if !is_wanted(&entry) {
            continue;
        }
        let mount = Mount {
            dev: (entry.major, entry.minor),
            kind: if is_famfs(&entry) {
                "famfs".into()
            } else {
                String::from_utf8_lossy(&entry.fs_type).into_owned()
            },
            source: entry.source.to_string_lossy().into_owned(),
            mountpoint: entry.mount_point.to_string_lossy().into_owned(),
            state: MountState::Unknown,
            error: None,
            totals: None,
        };
        match found.iter_mut().find(|(_, m)| m.dev == mount.dev) {
            None => found.push((entry, mount)),
            // The mount of the whole file system names it better than a bind mount of a part.
            Some(known) if is_whole(&entry) && !is_whole(&known.0) => *known = (entry, mount),
            Some(_) => {}
        }
    }
    found
}

/// One line of `KIND=NUMBER` words; kinds of a later version are passed over.
fn parse_faults(text: &str) -> Option<ModuleFaults> {
    let of = |kind: &str| {
        let mut words = text.split_whitespace();
        let value = words.find_map(|word| word.strip_prefix(kind)?.strip_prefix('='))?;
        parse_number(value)
    };
    Some(ModuleFaults {
        pte: of("pte")?,
        pmd: of("pmd")?,
        pud_try: of("pud_try")?,
        fallback: of("fallback")?,
        refused: of("refused")?,
    })
}

fn parse_state(text: &str) -> MountState {
    match text.trim() {
        "ok" => MountState::Ok,
        "disabled" => MountState::Disabled,
        "stale" => MountState::Stale,
        _ => MountState::Unknown,
    }
}

/// One line of `KEY=VALUE` words. Keys of a later version are passed over; a line that lacks one
/// of ours, repeats one, or holds no number where one belongs says nothing.
fn parse_error(text: &str) -> Option<DeviceError> {
    let (mut dev, mut offset, mut len, mut flags, mut time_ns) = (None, None, None, None, None);
    for word in text.split_whitespace() {
        let (key, value) = word.split_once('=')?;
        let number = match key {
            "dev" => {
                // The module writes blanks as mountinfo does.
                let value = mountinfo::unescape(value.as_bytes());
                if dev.replace(value.to_string_lossy().into_owned()).is_some() {
                    return None;
                }
                continue;
            }
            "offset" => &mut offset,
            "len" => &mut len,
            "flags" => &mut flags,
            "time" => &mut time_ns,
            _ => continue,
        };
        if number.replace(parse_number(value)?).is_some() {
            return None;
        }
    }
    Some(DeviceError {
        dev: dev?,
        offset: offset?,
        len: len?,
        flags: flags?,
        time_ns: time_ns?,
    })
}

fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        // from_str_radix would take a sign.
        Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            u64::from_str_radix(hex, 16).ok()
        }
        None if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mount(dev: (u32, u32), source: &str, mountpoint: &str) -> Mount {
        Mount {
            dev,
            kind: "famfs".into(),
            source: source.into(),
            mountpoint: mountpoint.into(),
            state: MountState::Unknown,
            error: None,
            totals: None,
        }
    }

    fn famfs_of(all: Vec<mountinfo::Mount>) -> Vec<Mount> {
        let found = of_kind(all, is_famfs);
        found.into_iter().map(|(_, mount)| mount).collect()
    }

    #[test]
    fn a_mount_point_that_is_not_utf8_is_found_again() {
        let text = b"\
40 22 0:42 / /mnt/\xfe rw - famfs /dev/pmem0 rw
41 22 0:43 / /mnt/\xff rw - famfs /dev/pmem1 rw
";
        let all = mountinfo::parse(text);
        let shown = famfs_of(all.clone());
        assert_eq!(shown[0].mountpoint, shown[1].mountpoint);
        for (entry, mount) in all.iter().zip(&shown) {
            assert_eq!(exact_path(&all, mount).as_ref(), Some(&entry.mount_point));
        }
    }

    #[test]
    fn only_famfs_is_listed() {
        let text = "\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 0:42 / /mnt/famfs rw,noatime shared:7 master:3 - famfs /dev/pmem0 rw
41 22 0:43 / /mnt/fuse rw - fuse.famfs /dev/dax0.0 rw,user_id=0
42 22 0:44 / /mnt/other rw - famfsx none rw
";
        assert_eq!(
            famfs_of(mountinfo::parse(text.as_bytes())),
            [
                mount((0, 42), "/dev/pmem0", "/mnt/famfs"),
                mount((0, 43), "/dev/dax0.0", "/mnt/fuse")
            ]
        );
    }

    #[test]
    fn one_file_system_is_listed_once_and_by_its_root() {
        let text = "\
40 22 0:42 /sub /srv/part rw - famfs /dev/pmem0 rw
41 22 0:42 / /mnt/famfs rw - famfs /dev/pmem0 rw
42 22 0:42 / /mnt/again rw - famfs /dev/pmem0 rw
";
        assert_eq!(
            famfs_of(mountinfo::parse(text.as_bytes())),
            [mount((0, 42), "/dev/pmem0", "/mnt/famfs")]
        );
    }

    #[test]
    fn states_are_exact_words() {
        assert_eq!(parse_state("ok\n"), MountState::Ok);
        assert_eq!(parse_state("disabled\n"), MountState::Disabled);
        assert_eq!(parse_state("stale\n"), MountState::Stale);
        for text in ["", "OK", "disabled?", "ok ok"] {
            assert_eq!(parse_state(text), MountState::Unknown, "{text:?}");
        }
    }

    #[test]
    fn fault_totals_are_all_there_or_none() {
        let totals = ModuleFaults {
            pte: 1,
            pmd: 2,
            pud_try: 3,
            fallback: 4,
            refused: 5,
        };
        let text = "pte=1 pmd=2 later=9 pud_try=3 fallback=4 refused=5\n";
        assert_eq!(parse_faults(text), Some(totals));
        for text in [
            "",
            "pte=1 pmd=2",
            "pte=1 pmd=x pud_try=3 fallback=4 refused=5",
        ] {
            assert_eq!(parse_faults(text), None, "{text:?}");
        }
    }

    #[test]
    fn other_file_systems_are_named_by_their_type() {
        let text = "22 1 254:1 / /mnt/dax rw,relatime shared:1 - ext4 /dev/pmem0 rw,dax=always\n";
        let all = || mountinfo::parse(text.as_bytes());
        let found = of_kind(all(), |entry| !is_famfs(entry));
        assert_eq!((&found[0].1.kind[..], found[0].1.dev), ("ext4", (254, 1)));
        assert_eq!(of_kind(all(), is_famfs), []);
    }

    #[test]
    fn an_error_line_says_what_when_and_where() {
        let line = "dev=/dev/pmem0 offset=35651584 len=4096 flags=0x23 time=1767225600000000000\n";
        let error = parse_error(line).unwrap();
        assert_eq!(
            error,
            DeviceError {
                dev: "/dev/pmem0".into(),
                offset: 35_651_584,
                len: 4096,
                flags: 0x23,
                time_ns: 1_767_225_600_000_000_000,
            }
        );
        assert_eq!(parse_error(&format!("later=1 {line}")), Some(error));
        let line = line.replace("/dev/pmem0", r"/dev/a\040b");
        assert_eq!(parse_error(&line).unwrap().dev, "/dev/a b");
    }

    #[test]
    fn half_an_error_line_says_nothing() {
        for line in [
            "",
            "\n",
            "dev=a offset=1 len=1 flags=0x1",
            "dev=a offset=1 len=1 flags=0x1 time=",
            "dev=a offset=-1 len=1 flags=0x1 time=1",
            "dev=a offset=+1 len=1 flags=0x1 time=1",
            "dev=a offset=1 len=1 flags=0x time=1",
            "dev=a offset=1 len=1 flags=0x+1 time=1",
            "dev=a offset=18446744073709551616 len=1 flags=0x1 time=1",
            "dev=a dev=b offset=1 len=1 flags=0x1 time=1",
            "dev=a offset=1 offset=2 len=1 flags=0x1 time=1",
            "dev=a offset len=1 flags=0x1 time=1",
        ] {
            assert_eq!(parse_error(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_text_is_no_panic(text in "[ -~\\n\u{80}-\u{ff}]{0,200}") {
            parse_error(&text);
        }
    }
}
