//! The profilers: QEMU plugins, built here, and the windows that the one for faults reports.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::Log;
use crate::{paths, process};

/// Targets by the number that their mark carries.
pub(super) const TARGETS: [&str; 4] = ["famfs", "ext4", "xfs", "devdax"];

/// Builds `lab/profile/NAME.c` and returns where the plugin is.
pub(super) fn build(name: &str) -> Result<PathBuf> {
    let out = paths::target(format!("bench/{name}.so"));
    let _lock = process::lock(&out.with_extension("lock"), "bench")?;
    let source = paths::workspace().join(format!("lab/profile/{name}.c"));
    let gcc = paths::find_program("gcc").context("no gcc on PATH; install the package gcc")?;
    let log = Log::create(out.with_extension("log"))?;
    log.run(
        Command::new(gcc)
            .args(["-O2", "-Wall", "-Werror", "-fvisibility=hidden"])
            .args(["-shared", "-fPIC", "-o"])
            .arg(&out)
            .arg(source),
    )
    .with_context(|| format!("cannot build the plugin {name}"))?;
    Ok(out)
}

/// What a window is about: a row of a target, or the unmapping after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) target: &'static str,
    /// `pmd/write/steady`, with `unmap ` before it for the unmapping.
    pub(super) row: String,
}

/// The windows of one place that took the same number of instructions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) insns: u64,
    pub(super) count: u64,
    /// Instructions by the address of their block, over all windows.
    pub(super) blocks: BTreeMap<u64, u64>,
}

/// Reads the plugin's output.
pub(super) fn parse(text: &str) -> Result<BTreeMap<Place, Vec<Windows>>> {
    let mut places: BTreeMap<Place, Vec<Windows>> = BTreeMap::new();
    let mut current: Option<Place> = None;
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        let read = || -> Option<(Place, Windows)> {
            let [_, target, row, kind, insns, count] = words.as_slice() else {
                return None;
            };
            let target = *TARGETS.get(target.parse::<usize>().ok()?)?;
            let windows = Windows {
                insns: insns.parse().ok()?,
                count: count.parse().ok()?,
                blocks: BTreeMap::new(),
            };
            let row = row_name(row.parse().ok()?, kind)?;
            Some((Place { target, row }, windows))
        };
        let wrong = || format!("line {} of the profile: {line:?}", number + 1);
        if words.first() == Some(&"window") {
            let (place, windows) = read().with_context(wrong)?;
            places.entry(place.clone()).or_default().push(windows);
            current = Some(place);
            continue;
        }
        let last = current
            .as_ref()
            .and_then(|place| places.get_mut(place))
            .and_then(|all| all.last_mut());
        let (Some(last), [address, insns]) = (last, words.as_slice()) else {
            bail!(wrong());
        };
        let address = u64::from_str_radix(address, 16).with_context(wrong)?;
        let insns: u64 = insns.parse().with_context(wrong)?;
        *last.blocks.entry(address).or_default() += insns;
    }
    Ok(places)
}

/// The bits of a row's mark, and the kind of window.
fn row_name(bits: u32, kind: &str) -> Option<String> {
    let prefix = match kind {
        "1" => "",
        "2" => "unmap ",
        _ => return None,
    };
    let pick = |bit: u32, set: &'static str, clear| if bits & bit == 0 { clear } else { set };
    let (size, access, phase) = (
        pick(4, "pmd", "pte"),
        pick(2, "write", "read"),
        pick(1, "steady", "first"),
    );
    (bits < 8).then(|| format!("{prefix}{size}/{access}/{phase}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_by_place_and_blocks_of_one_address_are_added() {
        let text = "window 0 7 1 30 2\nffff0 40\nffff8 10\nffff0 10\nwindow 0 7 1 33 1\nffff0 33\n\
                    window 1 0 2 5 1\n";
        let places = parse(text).unwrap();
        let famfs = &places[&Place {
            target: "famfs",
            row: "pmd/write/steady".into(),
        }];
        assert_eq!((famfs.len(), famfs[0].count, famfs[0].insns), (2, 2, 30));
        assert_eq!(famfs[0].blocks[&0xffff0], 50);
        assert!(places.contains_key(&Place {
            target: "ext4",
            row: "unmap pte/read/first".into()
        }));
    }

    #[test]
    fn what_is_no_profile_is_an_error() {
        for text in [
            "ffff0 40",
            "window 4 0 1 1 1",
            "window 0 8 1 1 1",
            "window 0 0 3 1 1",
            "window 0 0 1 1",
            "window 0 0 1 1 1\nxyz 3",
            "window 0 0 1 1 1\nff -3",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
