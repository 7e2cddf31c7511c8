//! The other host looks at what a crash left, and goes on with it.

use anyhow::{Context, Result, bail, ensure};

use crate::lab::host::Host;
use crate::lab::shared::{Shared, Snapshot};
use crate::test::look::{self, MOUNT, Names, Thing};

/// What has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// A file system with exactly these names.
    Names(Names),
    /// No file system.
    None,
}

/// What whoever goes on makes.
const HEALED: (&str, usize, u32) = ("healed", 70_000, 77);

/// Says whether the memory is what it should be, for a client and for the master that comes back.
/// Fails where the host that looks does.
pub(super) fn judge(
    host: &mut Host,
    memory: &Shared,
    stopped: &Snapshot,
    left: &Left,
    master: &str,
) -> Result<Result<()>> {
    memory.restore(stopped)?;
    let said = host.run(&script(left, master))?;
    let found = verdict(&said.out, left);
    Ok(found.with_context(|| format!("{}\n{}{}", host.name, said.out, said.err)))
}

/// One script, so that a point costs one conversation. Each step says how it ended.
fn script(left: &Left, master: &str) -> String {
    let (name, size, seed) = HEALED;
    let look = look::SCRIPT;
    let (mount, force) = match left {
        // As a client first; and then the master, whose identity that is, appends.
        Left::Names(_) => (
            format!(
                "famfs mount $FAMFS_DEV {MOUNT} > /dev/null; say mount\n\
                 ({look}); say look\n\
                 famfs fsck {MOUNT} > /dev/null; say fsck"
            ),
            "",
        ),
        Left::None => (
            format!(
                "famfs mount $FAMFS_DEV {MOUNT} > /dev/null; say mount\n\
                 famfs fsck $FAMFS_DEV > /dev/null; say fsck"
            ),
            // Nothing is overwritten, so nothing has to be forced.
            "famfs mkfs $FAMFS_DEV > /dev/null && famfs mount $FAMFS_DEV /mnt/famfs > /dev/null && ",
        ),
    };
    format!(
        "say() {{ echo \"== $* $?\"; }}\n\
         ! grep -q famfs /proc/mounts || famfs umount {MOUNT}\n\
         {mount}\n\
         export FAMFS_SYSTEM_UUID_FILE=/tmp/master\n\
         printf '{master}' > /tmp/master\n\
         {force}famfs creat -s {size} -r -S {seed} {MOUNT}/{name}; say append\n\
         ({look}); say look again\n\
         famfs fsck {MOUNT} > /dev/null; say fsck again\n\
         famfs umount {MOUNT}; say umount\n"
    )
}

/// The steps in what the script said: what was printed, the step's name, its status.
fn steps(out: &str) -> Vec<(String, String, i32)> {
    let mut steps = Vec::new();
    let mut text = String::new();
    for line in out.split_inclusive('\n') {
        let step = line
            .strip_prefix("== ")
            .and_then(|step| step.trim_end().rsplit_once(' '))
            .and_then(|(name, status)| Some((name, status.parse().ok()?)));
        match step {
            Some((name, status)) => {
                steps.push((std::mem::take(&mut text), name.to_owned(), status));
            }
            None => text.push_str(line),
        }
    }
    steps
}

fn verdict(out: &str, left: &Left) -> Result<()> {
    let steps = steps(out);
    let ended = |wanted: &[(&str, i32)]| -> Result<()> {
        let found: Vec<(&str, i32)> = steps.iter().map(|s| (s.1.as_str(), s.2)).collect();
        ensure!(
            found == wanted,
            "the steps ended {found:?} instead of {wanted:?}"
        );
        Ok(())
    };
    let (name, size, seed) = HEALED;
    let healed = [(name.to_owned(), Thing::seeded(size, seed))];
    let look = |which: usize, wanted: &Names| -> Result<()> {
        let looks: Vec<_> = steps
            .iter()
            .filter(|step| step.1.starts_with("look"))
            .collect();
        let Some((text, ..)) = looks.get(which) else {
            bail!("it did not look {which} times");
        };
        Names::parse(text)?.must_be(
            wanted,
            if which == 0 {
                "the client"
            } else {
                "the master"
            },
        )
    };
    match left {
        Left::Names(names) => {
            ended(&[
                ("mount", 0),
                ("look", 0),
                ("fsck", 0),
                ("append", 0),
                ("look again", 0),
                ("fsck again", 0),
                ("umount", 0),
            ])?;
            look(0, names)?;
            look(1, &names.with(&healed))
        }
        Left::None => {
            ended(&[
                ("mount", 1),
                ("fsck", 1),
                ("append", 0),
                ("look again", 0),
                ("fsck again", 0),
                ("umount", 0),
            ])?;
            look(0, &Names::default().with(&healed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a judge prints for a file system with `names`, then with the healed file too.
    fn said(names: &str, sums: &str, fsck: i32) -> String {
        let (name, size, seed) = HEALED;
        let Thing::File { crc, .. } = Thing::seeded(size, seed) else {
            unreachable!()
        };
        let look = |more: &str, sum: &str| format!("directory|0|.\n{names}{more}--\n{sums}{sum}");
        format!(
            "== mount 0\n{}== look 0\n== fsck {fsck}\n== append 0\n{}== look again 0\n\
             == fsck again 0\n== umount 0\n",
            look("", ""),
            look(
                &format!("regular file|{size}|./{name}\n"),
                &format!("{crc:08x} ./{name}\n")
            )
        )
    }

    #[test]
    fn a_file_system_as_it_should_be_passes_and_no_other() {
        let one = Names::default().with(&[("one".into(), Thing::seeded(4096, 1))]);
        let file = "regular file|4096|./one\n";
        let left = Left::Names(one);
        verdict(&said(file, "44186b6f ./one\n", 0), &left).unwrap();
        // Lost, half there, something else there, a warning of fsck, none expected.
        for (said, left) in [
            (said("", "", 0), &left),
            (said(file, "00000000 ./one\n", 0), &left),
            (
                said(&format!("{file}directory|0|./d\n"), "44186b6f ./one\n", 0),
                &left,
            ),
            (said(file, "44186b6f ./one\n", 4), &left),
            (said(file, "44186b6f ./one\n", 0), &Left::None),
            (String::new(), &left),
        ] {
            assert!(verdict(&said, left).is_err(), "{said}");
        }
    }
}
