//! Mounts of our own, and devices that somebody else has mounted.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::mount::{MsFlags, mount, umount};

/// A mount point of our own; dropping it unmounts, `unmount` says if that failed.
#[derive(Debug)]
pub(super) struct Mounted {
    at: PathBuf,
    mounted: bool,
}

impl Mounted {
    /// An empty directory to mount on.
    pub(super) fn place(name: &str) -> Result<Self> {
        let at = std::env::temp_dir().join(format!("famfs-bench-{}-{name}", std::process::id()));
        fs::create_dir(&at)
            .with_context(|| format!("cannot make the mount point {}", at.display()))?;
        Ok(Self { at, mounted: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.at
    }

    pub(super) fn file(&self) -> PathBuf {
        self.at.join("measured")
    }

    pub(super) fn mount(&mut self, device: &Path, fstype: &str, options: &str) -> Result<()> {
        mount(
            Some(device),
            &self.at,
            Some(fstype),
            MsFlags::MS_NOATIME,
            Some(options),
        )
        .with_context(|| {
            format!(
                "cannot mount {} as {fstype} with {options}; the kernel log says why",
                device.display()
            )
        })?;
        self.mounted = true;
        Ok(())
    }

    /// Somebody else mounted here.
    pub(super) fn mounted(&mut self) {
        self.mounted = true;
    }

    pub(super) fn unmount(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        if std::mem::take(&mut self.mounted) {
            umount(&self.at).with_context(|| format!("cannot unmount {}", self.at.display()))?;
        }
        if self.at.exists() {
            fs::remove_dir(&self.at)
                .with_context(|| format!("cannot remove the mount point {}", self.at.display()))?;
        }
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            crate::output::complain(&format!("{error:#}"));
        }
    }
}

/// Refuses a device that carries a mounted file system, or is no device.
pub(super) fn refuse_mounted(device: &Path) -> Result<()> {
    let metadata = fs::metadata(device)
        .with_context(|| format!("cannot stat the device {}", device.display()))?;
    let kind = metadata.file_type();
    if !kind.is_block_device() && !kind.is_char_device() {
        bail!("{} is no device", device.display());
    }
    let mounts =
        fs::read_to_string("/proc/self/mountinfo").context("cannot read the mount table")?;
    let real =
        fs::canonicalize(device).with_context(|| format!("cannot resolve {}", device.display()))?;
    let number = metadata.rdev();
    let number = format!("{}:{}", libc::major(number), libc::minor(number));
    let is_block = kind.is_block_device();
    if let Some(place) = mount_of(&mounts, &real, is_block.then_some(number.as_str())) {
        bail!(
            "{} is mounted on {place}; unmount it first",
            device.display()
        );
    }
    Ok(())
}

/// Where the mount table has this device: by source path, or by number, which only a block
/// device shares with its mounts.
fn mount_of<'a>(mountinfo: &'a str, device: &Path, number: Option<&str>) -> Option<&'a str> {
    mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(2);
        let (dev, place) = (before.next()?, before.nth(1)?);
        let source = after.split(' ').nth(1)?;
        (Path::new(source) == device || Some(dev) == number).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 27 0:20 / /proc rw,nosuid - proc proc rw
36 27 0:25 / /mnt/famfs rw,noatime shared:1 - famfs /dev/dax0.0 rw
37 27 259:1 / /mnt/ext4 rw - ext4 /dev/pmem0 rw,dax=always
";

    #[test]
    fn a_mounted_device_is_found_by_path_or_number() {
        let found = |path: &str, number| mount_of(MOUNTS, Path::new(path), number);
        assert_eq!(found("/dev/dax0.0", None), Some("/mnt/famfs"));
        assert_eq!(found("/dev/pmem0", Some("259:1")), Some("/mnt/ext4"));
        assert_eq!(found("/dev/other-name", Some("259:1")), Some("/mnt/ext4"));
        assert_eq!(found("/dev/pmem1", Some("259:2")), None);
    }

    #[test]
    fn a_file_is_no_device() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = refuse_mounted(file.path()).unwrap_err().to_string();
        assert!(error.ends_with("is no device"), "{error}");
    }

    #[test]
    fn an_unused_mount_point_leaves_nothing() {
        let place = Mounted::place("test").unwrap();
        let path = place.path().to_owned();
        assert!(path.is_dir());
        place.unmount().unwrap();
        assert!(!path.exists());
    }
}
