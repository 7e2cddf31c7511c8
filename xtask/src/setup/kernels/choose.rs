//! Which of the kernels that a package index offers is taken. Nothing here reads or writes
//! anything: what an index offers and whether the module builds are given.

use std::cmp::Ordering;

use anyhow::Result;

use super::wanted::{SUPPORTED, Tools, Version, Wanted};

/// What came of looking for a kernel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) taken: Option<Candidate>,
    /// Why it is not another, or why there is none; empty if there is nothing to say.
    pub(super) notes: Vec<String>,
}

/// A kernel with headers, as an index offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// `uname -r`, such as `6.12.95+deb12-amd64`.
    pub(super) release: String,
    pub(super) tools: Tools,
    /// The packages of the kernel and its modules.
    pub(super) image: Vec<String>,
}

impl Candidate {
    pub(super) fn header_packages(&self) -> [String; 3] {
        header_packages(&self.release)
    }
}

/// Takes the first candidate that fits. `obstacle` tries to build the module, and says why it
/// cannot be built; it is asked only about kernels newer than [`SUPPORTED`].
pub(super) fn choose(
    wanted: &Wanted,
    names: &[String],
    mut obstacle: impl FnMut(&Candidate) -> Result<Option<String>>,
) -> Result<Choice> {
    let range = wanted.range();
    let mut notes = Vec::new();
    for build in wanted.builds {
        let releases = releases(wanted, build.mark, names);
        if releases.is_empty() {
            let mark = build.mark;
            notes.push(format!("no {range} kernel marked {mark} is offered"));
        }
        for release in releases {
            let Some(image) = image_packages(release, names) else {
                notes.push(format!(
                    "{release} is passed over: its headers are offered without the kernel, or \
                     without all of them"
                ));
                continue;
            };
            let candidate = Candidate {
                release: release.to_owned(),
                tools: build.tools,
                image,
            };
            let version = Version::of_release(release);
            if version > Some(SUPPORTED) {
                if let Some(why) = obstacle(&candidate)? {
                    notes.push(format!(
                        "{release} is passed over: it is newer than {SUPPORTED}, and famfs.ko \
                         does not build for it: {why}"
                    ));
                    continue;
                }
                notes.push(format!(
                    "{release} is newer than {SUPPORTED}; famfs.ko builds for it"
                ));
            } else if wanted.takes(SUPPORTED) && version < Some(SUPPORTED) {
                notes.push(format!("no {SUPPORTED} kernel is offered"));
            }
            return Ok(Choice {
                taken: Some(candidate),
                notes,
            });
        }
    }
    Ok(Choice { taken: None, notes })
}

/// The releases of a build that will do and whose headers are offered, newest first. Headers go
/// first when a version leaves the archive, so they say what can be used.
fn releases<'n>(wanted: &Wanted, mark: &str, names: &'n [String]) -> Vec<&'n str> {
    let mut releases: Vec<&str> = names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-headers-"))
        .filter(|release| {
            // Other flavours, such as cloud and rt, have another word before the architecture.
            let is_plain = release
                .strip_suffix("-amd64")
                .is_some_and(|version| version.contains(mark) && !version.contains('-'));
            is_plain && Version::of_release(release).is_some_and(|version| wanted.takes(version))
        })
        .collect();
    releases.sort_by(|a, b| compare(b, a));
    releases.dedup();
    releases
}

/// Compares by the numbers before the architecture.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.trim_end_matches("-amd64")
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|n| n.parse().ok())
            .collect()
    };
    numbers(a).cmp(&numbers(b))
}

/// The packages with the kernel and its modules, if an index has all that is needed of this
/// release. Where there are `linux-binary` and `linux-modules`, `linux-image` is empty.
fn image_packages(release: &str, names: &[String]) -> Option<Vec<String>> {
    let offered = |name: String| names.contains(&name).then_some(name);
    for package in header_packages(release) {
        offered(package)?;
    }
    let binary = offered(format!("linux-binary-{release}"))
        .or_else(|| offered(format!("linux-binary-unsigned-{release}")));
    let modules = offered(format!("linux-modules-{release}"));
    if binary.is_some() || modules.is_some() {
        return Some(vec![binary?, modules?]);
    }
    let image = offered(format!("linux-image-{release}"))
        .or_else(|| offered(format!("linux-image-{release}-unsigned")))?;
    Some(vec![image])
}

fn header_packages(release: &str) -> [String; 3] {
    let version = release.trim_end_matches("-amd64");
    [
        format!("linux-headers-{release}"),
        format!("linux-headers-{version}-common"),
        format!("linux-kbuild-{version}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    /// What Debian offered on the last day of November 2026, flavours and leftovers included.
    const TODAY: &str = include_str!("offered.txt");
    const LTS: usize = 0;
    const CURRENT: usize = 1;

    fn today() -> Vec<String> {
        TODAY.lines().map(str::to_owned).collect()
    }

    fn without(word: &str) -> Vec<String> {
        let kept: Vec<_> = today().into_iter().filter(|n| !n.contains(word)).collect();
        assert_ne!(kept.len(), today().len(), "{word}");
        kept
    }

    /// A 7.4 where 7.3 was, as the archive replaces one by the other.
    fn with_7_4(names: Vec<String>) -> Vec<String> {
        let newer: Vec<_> = today()
            .iter()
            .filter(|name| name.contains("7.3.4"))
            .map(|name| name.replace("7.3.4", "7.4.1"))
            .collect();
        assert_eq!(newer.len(), 17);
        names.into_iter().chain(newer).collect()
    }

    /// The choice, and the releases that were tried.
    fn look(
        row: usize,
        names: &[String],
        builds: fn(&str) -> bool,
    ) -> (Option<Candidate>, Vec<String>, Vec<String>) {
        let mut tried = Vec::new();
        let choice = choose(&super::super::TABLE[row], names, |candidate| {
            tried.push(candidate.release.clone());
            Ok((!builds(&candidate.release)).then(|| "map.c:1: error: no".to_owned()))
        })
        .unwrap();
        (choice.taken, choice.notes, tried)
    }

    fn release(taken: Option<Candidate>) -> String {
        taken.map_or("none".to_owned(), |candidate| candidate.release)
    }

    #[test]
    fn today_the_backport_and_7_3_are_taken_and_nothing_is_tried_or_said() {
        let (lts, notes, tried) = look(LTS, &today(), |_| panic!("not to be tried"));
        assert_eq!((notes.len(), tried.len()), (0, 0), "{notes:?}");
        let lts = lts.unwrap();
        assert_eq!(lts.release, "6.12.95+deb12-amd64");
        assert_eq!(lts.tools, Tools::Host);
        assert_eq!(lts.image, ["linux-image-6.12.95+deb12-amd64"]);
        let (current, notes, tried) = look(CURRENT, &today(), |_| panic!("not to be tried"));
        assert_eq!((notes.len(), tried.len()), (0, 0), "{notes:?}");
        let current = current.unwrap();
        assert_eq!(current.release, "7.3.4+deb13-amd64");
        assert_eq!(current.tools, Tools::Chroot);
        assert_eq!(
            current.image,
            [
                "linux-binary-7.3.4+deb13-amd64",
                "linux-modules-7.3.4+deb13-amd64"
            ]
        );
        assert_eq!(
            current.header_packages(),
            [
                "linux-headers-7.3.4+deb13-amd64",
                "linux-headers-7.3.4+deb13-common",
                "linux-kbuild-7.3.4+deb13"
            ]
        );
    }

    #[test]
    fn without_the_backport_the_suite_s_own_is_taken() {
        let (lts, notes, _) = look(LTS, &without("+deb12"), |_| panic!("not to be tried"));
        assert_eq!(notes, ["no 6.12 kernel marked +deb12 is offered"]);
        let lts = lts.unwrap();
        assert_eq!(lts.release, "6.12.117+deb13-amd64");
        assert_eq!(lts.tools, Tools::Chroot);
        assert_eq!(lts.image, ["linux-image-6.12.117+deb13-amd64"]);
    }

    #[test]
    fn a_later_kernel_that_does_not_build_gives_way_to_an_older_one() {
        let names = with_7_4(without("-7.3."));
        let (current, notes, tried) = look(CURRENT, &names, |_| false);
        assert_eq!(release(current), "7.2.12+deb13-amd64");
        assert_eq!(tried, ["7.4.1+deb13-amd64"]);
        assert_eq!(
            notes,
            [
                "7.4.1+deb13-amd64 is passed over: it is newer than 7.3, and famfs.ko does not \
                 build for it: map.c:1: error: no",
                "no 7.3 kernel is offered"
            ]
        );
        // Beside 7.3 it costs a trial and changes nothing.
        let (current, notes, tried) = look(CURRENT, &with_7_4(today()), |_| false);
        assert_eq!(release(current), "7.3.4+deb13-amd64");
        assert_eq!((notes.len(), tried.len()), (1, 1));
    }

    #[test]
    fn a_later_kernel_that_builds_is_taken() {
        let (current, notes, tried) = look(CURRENT, &with_7_4(today()), |_| true);
        assert_eq!(release(current), "7.4.1+deb13-amd64");
        assert_eq!(tried, ["7.4.1+deb13-amd64"]);
        assert_eq!(
            notes,
            ["7.4.1+deb13-amd64 is newer than 7.3; famfs.ko builds for it"]
        );
    }

    #[test]
    fn where_none_fits_the_reason_is_told() {
        let (lts, notes, _) = look(LTS, &without("6.12."), |_| true);
        assert_eq!(lts, None);
        assert_eq!(
            notes,
            [
                "no 6.12 kernel marked +deb12 is offered",
                "no 6.12 kernel marked +deb13 is offered"
            ]
        );
        let (current, notes, _) = look(CURRENT, &[], |_| true);
        assert_eq!(current, None);
        assert_eq!(notes, ["no 7.x kernel marked +deb13 is offered"]);
        let only_later: Vec<_> = with_7_4(without("-7."));
        let (current, notes, tried) = look(CURRENT, &only_later, |_| false);
        assert_eq!(current, None);
        assert_eq!((notes.len(), tried.len()), (1, 1));
    }

    #[test]
    fn a_kernel_that_is_offered_in_part_is_passed_over() {
        for part in [
            "linux-binary-7.3.4+deb13-amd64 linux-binary-unsigned-7.3.4+deb13-amd64",
            "linux-modules-7.3.4+deb13-amd64",
            "linux-kbuild-7.3.4+deb13",
            "linux-headers-7.3.4+deb13-common",
        ] {
            let gone: Vec<&str> = part.split(' ').collect();
            let names: Vec<_> = today()
                .into_iter()
                .filter(|name| !gone.contains(&name.as_str()))
                .collect();
            let (current, notes, _) = look(CURRENT, &names, |_| true);
            assert_eq!(release(current), "7.2.12+deb13-amd64", "{part}");
            assert!(
                notes[0].starts_with("7.3.4+deb13-amd64 is passed over"),
                "{notes:?}"
            );
        }
        // Unsigned ones are as good.
        let names: Vec<_> = without("linux-binary-7");
        let (current, _, _) = look(CURRENT, &names, |_| true);
        let image = current.unwrap().image;
        assert_eq!(image[0], "linux-binary-unsigned-7.3.4+deb13-amd64");
    }

    #[test]
    fn the_newest_is_told_by_its_numbers_and_flavours_are_not_taken() {
        let names: Vec<String> = [
            "linux-headers-6.12.95+deb12-amd64",
            "linux-headers-6.12.107+deb13-amd64",
            "linux-headers-6.12.9+deb12-amd64",
            "linux-headers-6.12.95+deb12.1-amd64",
            "linux-headers-6.12.99+deb12-cloud-amd64",
            "linux-headers-6.12.99+deb12-rt-amd64",
            "linux-headers-6.12.99+deb12-common",
            "linux-headers-6.1.99+deb12-amd64",
        ]
        .map(String::from)
        .to_vec();
        assert_eq!(
            releases(Line::Lts.wanted(), "+deb12", &names),
            [
                "6.12.95+deb12.1-amd64",
                "6.12.95+deb12-amd64",
                "6.12.9+deb12-amd64"
            ]
        );
    }

    #[test]
    fn a_trial_that_cannot_be_made_is_an_error_and_no_verdict() {
        let failed = choose(Line::Current.wanted(), &with_7_4(today()), |_| {
            anyhow::bail!("no network")
        });
        assert_eq!(failed.unwrap_err().to_string(), "no network");
    }
}
