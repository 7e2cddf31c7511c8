//! A DAX device mapped without any file system: the floor of what a fault can cost.
//!
//! The device must be bound to the driver `device_dax`. In the lab's fsdev memory it is bound
//! to `fsdev_dax`, for famfs; there it is rebound, and put back at the end. The lab's pmem is
//! made a DAX device for as long as it is measured.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::command::{modprobe, write_sysfs};
use super::{Prepared, Sizes, Unready, namespace};
use crate::workload::{PAGE, PMD};

const DRIVER: &str = "device_dax";
/// A probe and the device node may come after the write that asks for them.
const PATIENCE: Duration = Duration::from_millis(500);

/// A device that was taken from another driver.
#[derive(Debug)]
pub(super) struct Rebound {
    device: String,
    from: String,
}

pub(super) fn prepare(path: &Path) -> Result<Prepared, Unready> {
    if !path
        .metadata()
        .context("cannot stat the device")?
        .file_type()
        .is_char_device()
    {
        return Err(Unready::Skip(format!(
            "raw devdax needs a character device of the dax bus, {} is a block device",
            path.display()
        )));
    }
    let device = device_name(path)?;
    let from = driver_of(&device).unwrap_or_default();
    let mut prepared = Prepared::of_file(path.to_owned());
    if from != DRIVER {
        modprobe(DRIVER);
        rebind(&device, &from, DRIVER)?;
        prepared.rebound = Some(Rebound { device, from });
    }
    prepared.limit(no_pte(path));
    Ok(prepared)
}

/// Makes a raw device of pmem, for faults of one size.
pub(super) fn convert(pmem: &Path, sizes: Sizes) -> Result<Prepared, Unready> {
    let align = if sizes == Sizes::Pte { PAGE } else { PMD };
    let (converted, device) = namespace::convert(pmem, align)?;
    if !bound(&device, DRIVER) {
        let said = format!("{device} of {} did not bind to {DRIVER}", pmem.display());
        return Err(Unready::Failed(anyhow::anyhow!(said)));
    }
    Ok(Prepared {
        sizes,
        converted: Some(converted),
        ..Prepared::of_file(Path::new("/dev").join(device))
    })
}

impl Rebound {
    pub(super) fn put_back(self) -> Result<()> {
        if self.from.is_empty() {
            return Ok(());
        }
        rebind(&self.device, DRIVER, &self.from)
            .with_context(|| format!("cannot give {} back to {}", self.device, self.from))
    }
}

/// The alignment of a dax device is the size of its faults; this one only does 2 MiB then.
pub(super) fn no_pte(path: &Path) -> Option<String> {
    let device = device_name(path).ok()?;
    let align = fs::read_to_string(bus_device(&device).join("align")).ok()?;
    let align = align.trim();
    (align != "4096").then(|| format!("{device} is aligned to {align}: it faults by that only"))
}

/// The dax bus's name of a character device, by its number.
fn device_name(path: &Path) -> Result<String> {
    let number = path
        .metadata()
        .with_context(|| format!("cannot stat the device {}", path.display()))?
        .rdev();
    let link = format!(
        "/sys/dev/char/{}:{}",
        libc::major(number),
        libc::minor(number)
    );
    let target = fs::canonicalize(&link)
        .with_context(|| format!("{} is no device of the dax bus", path.display()))?;
    let name = target
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if !bus_device(&name).exists() {
        bail!("{} is no device of the dax bus", path.display());
    }
    Ok(name)
}

fn bus_device(device: &str) -> PathBuf {
    Path::new("/sys/bus/dax/devices").join(device)
}

fn driver_of(device: &str) -> Option<String> {
    let link = fs::read_link(bus_device(device).join("driver")).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// Moves a device from one driver to another; what counts is the link at the end, as the
/// attributes' own errnos are not to be relied on.
fn rebind(device: &str, from: &str, to: &str) -> Result<()> {
    let drivers = Path::new("/sys/bus/dax/drivers");
    if !from.is_empty() {
        write_sysfs(&drivers.join(from).join("unbind"), device)?;
    }
    let mut said = Vec::new();
    for attribute in ["bind", "new_id"] {
        if let Err(error) = write_sysfs(&drivers.join(to).join(attribute), device) {
            said.push(format!("{error:#}"));
        }
        if bound(device, to) {
            return Ok(());
        }
    }
    bail!("cannot bind {device} to {to}: {}", said.join("; "))
}

/// Waits a little for driver and node.
fn bound(device: &str, driver: &str) -> bool {
    let node = Path::new("/dev").join(device);
    let until = Instant::now() + PATIENCE;
    loop {
        if driver_of(device).as_deref() == Some(driver) && node.exists() {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_device_of_another_bus_is_named() {
        let error = device_name(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(
            error.contains("/dev/null is no device of the dax bus"),
            "{error}"
        );
    }
}
