//! A file system on the device, made, mounted and driven by the famfs command.

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MsFlags, mount, umount};

use super::command::{Runner, measured};
use super::mark::Window;
use super::{FILE_BYTES, size_text};
use crate::settle;

/// Where [`Stage::large`] is.
const LARGE: &str = "large";

/// A folder of its own with the mount point, the lists and the commands' output.
#[derive(Debug)]
pub(super) struct Stage {
    device: String,
    folder: PathBuf,
    at: String,
    pub(super) runner: Runner,
}

impl Stage {
    pub(super) fn new(device: PathBuf) -> Result<Self> {
        let text = |path: PathBuf| {
            let path = path.into_os_string().into_string();
            path.ok().context("a path that is not UTF-8")
        };
        let folder = std::env::temp_dir().join(format!("famfs-bench-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Its files are the page cache and nothing else: no device, no write-back, no limit.
        mount(
            Some("famfs-bench"),
            &folder,
            Some("ramfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("cannot mount a ramfs on {}", folder.display()))?;
        fs::create_dir(folder.join(LARGE)).context("cannot make a folder")?;
        let at = folder.join("mount");
        fs::create_dir(&at).with_context(|| format!("cannot make {}", at.display()))?;
        let runner = Runner::new(folder.clone());
        runner.run("modprobe", &["-q", "famfs"])?;
        Ok(Self {
            device: text(device)?,
            at: text(at)?,
            folder,
            runner,
        })
    }

    /// A name beside the mount point, in the page cache.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A folder whose files are page cache in folios of 2 MiB, as other file systems keep
    /// what they read in one go.
    pub(super) fn large(&self) -> Result<PathBuf> {
        let at = self.beside(LARGE);
        let options = Some("huge=always,size=100%");
        mount(
            Some("famfs-bench"),
            &at,
            Some("tmpfs"),
            MsFlags::empty(),
            options,
        )
        .with_context(|| format!("cannot mount a tmpfs with huge pages on {}", at.display()))?;
        Ok(at)
    }

    /// Fails unless nearly all of `bytes` that were written to [`Stage::large`] is so.
    pub(super) fn expect_large(&self, bytes: u64) -> Result<()> {
        let meminfo = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
        let found = huge_bytes(&meminfo).context("/proc/meminfo has no ShmemHugePages")?;
        ensure!(
            found >= bytes / 10 * 9,
            "of {bytes} bytes in {} only {found} are in folios of 2 MiB: memory is short, or cut \
             up",
            self.beside(LARGE).display()
        );
        Ok(())
    }

    /// A name in the file system.
    pub(super) fn inside(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }

    pub(super) fn mkfs(&self, window: Option<Window>) -> Result<u64> {
        let args = ["mkfs", "--force", &self.device];
        self.measure(window, &args, None).map(|(ticks, _)| ticks)
    }

    pub(super) fn mount(&self, play: bool) -> Result<()> {
        let play = if play { None } else { Some("--no-logplay") };
        let args: Vec<&str> = std::iter::once("mount")
            .chain(play)
            .chain([self.device.as_str(), self.at.as_str()])
            .collect();
        self.runner.run("famfs", &args).map(drop)
    }

    pub(super) fn unmount(&self) -> Result<()> {
        self.runner.run("famfs", &["umount", &self.at]).map(drop)
    }

    /// Makes the files of these numbers by one command.
    pub(super) fn creat_many(&self, window: Option<Window>, files: Range<u32>) -> Result<u64> {
        let list = self.beside("list");
        let size = size_text(FILE_BYTES);
        let lines = files.fold(String::new(), |mut lines, number| {
            let _ = writeln!(lines, "{},{size}", self.inside(&name(number)));
            lines
        });
        fs::write(&list, lines).with_context(|| format!("cannot write {}", list.display()))?;
        let args = ["creat", "--manifest", "-"];
        let (ticks, _) = self.measure(window, &args, Some(&list))?;
        Ok(ticks)
    }

    /// Makes the files of these numbers by a command each.
    pub(super) fn creat_single(&self, window: Window, files: Range<u32>) -> Result<u64> {
        let size = size_text(FILE_BYTES);
        let commands = files
            .map(|number| {
                let name = self.inside(&name(number));
                self.runner
                    .prepare("famfs", &["creat", "-s", &size, &name], None)
            })
            .collect::<Result<Vec<_>>>()?;
        settle::settle();
        let (ticks, ()) = measured(window, || {
            commands.into_iter().try_for_each(|command| {
                command.finish()?;
                Ok(())
            })
        })?;
        Ok(ticks)
    }

    pub(super) fn fsck(&self, entries: u32) -> Result<u64> {
        let args = ["fsck", "--json", &self.at];
        let (ticks, report) = self.measure(Some(Window::Fsck), &args, None)?;
        expect(&report, &[("entries", entries), ("files", entries)])?;
        Ok(ticks)
    }

    pub(super) fn logplay(&self, entries: u32) -> Result<u64> {
        let args = ["logplay", "--json", &self.at];
        let (ticks, report) = self.measure(Some(Window::Logplay), &args, None)?;
        expect(&report, &[("entries", entries), ("new_files", entries)])?;
        Ok(ticks)
    }

    /// Plays a log whose files are all in the mount already.
    pub(super) fn logplay_again(&self, entries: u32) -> Result<u64> {
        let args = ["logplay", "--json", &self.at];
        let (ticks, report) = self.measure(Some(Window::LogplayAgain), &args, None)?;
        expect(&report, &[("entries", entries), ("existing", entries)])?;
        Ok(ticks)
    }

    /// Runs `famfs ARGS`, in a window if there is one; its ticks and what it printed.
    pub(super) fn measure(
        &self,
        window: Option<Window>,
        args: &[&str],
        input: Option<&Path>,
    ) -> Result<(u64, String)> {
        let command = self.runner.prepare("famfs", args, input)?;
        let Some(window) = window else {
            return Ok((0, command.finish()?));
        };
        settle::settle();
        measured(window, || command.finish())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Of a measurement that failed; else nothing is mounted there.
        let _ = umount(self.at.as_str());
        let _ = umount(&self.beside(LARGE));
        if umount(&self.folder).is_ok() {
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

fn name(number: u32) -> String {
    format!("file{number:05}")
}

/// Returns how many bytes of a tmpfs lie in folios of 2 MiB.
fn huge_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("ShmemHugePages:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Fails unless the numbers of a JSON document are these.
fn expect(report: &str, numbers: &[(&str, u32)]) -> Result<()> {
    let report: serde_json::Value =
        serde_json::from_str(report).context("famfs printed no JSON document")?;
    for (field, wanted) in numbers {
        let found = report.get(field).and_then(serde_json::Value::as_u64);
        ensure!(
            found == Some(u64::from(*wanted)),
            "`{field}` is {found:?}, not {wanted}: what was measured is not what it is called"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_are_read() {
        let meminfo =
            "AnonHugePages:    2048 kB\nShmemHugePages:   196608 kB\nFileHugePages:  0 kB\n";
        assert_eq!(huge_bytes(meminfo), Some(192 << 20));
        assert_eq!(huge_bytes("AnonHugePages: 2048 kB\n"), None);
    }

    #[test]
    fn a_report_with_another_number_is_no_measurement() {
        let report = r#"{"entries": 5, "files": 4}"#;
        expect(report, &[("entries", 5), ("files", 4)]).unwrap();
        expect(report, &[("files", 5)]).unwrap_err();
        expect(report, &[("new_files", 5)]).unwrap_err();
        expect("", &[]).unwrap_err();
    }
}
