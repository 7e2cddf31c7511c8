//! Puts a character dax device into the mode that file systems need, and back again.
//!
//! The driver that a device is bound to is its mode; sysfs binds and unbinds. Binding
//! reports errors and binds all the same, so the driver link is what counts.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Error, holders, io_error};
use famfs_machine::kernel::mountinfo;

const DRIVERS: &str = "/sys/bus/dax/drivers";
const FSDEV: &str = "fsdev_dax";
const DEVDAX: &str = "device_dax";
/// A large device takes seconds: its page structs are made again.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// A device that was put into fsdev mode. Dropped, it goes back to what it was.
#[derive(Debug)]
#[must_use = "dropping it undoes the switch"]
pub struct Switched {
    path: PathBuf,
    name: String,
    /// The device's folder in sysfs.
    device: PathBuf,
    /// The driver that it was taken from; `None` when nothing is to be undone.
    from: Option<String>,
}

impl Switched {
    /// Leaves the device in its new mode.
    pub fn keep(mut self) {
        self.from = None;
    }

    /// Puts the device back, unless somebody has come to use it meanwhile.
    pub fn undo(mut self) -> Result<(), Error> {
        self.back()
    }

    fn back(&mut self) -> Result<(), Error> {
        let Some(driver) = self.from.take() else {
            return Ok(());
        };
        let failed = || io_error("switch back", &self.path);
        // A switch that failed half-way has left it with no driver, and nobody can use that.
        if driver_of(&self.device).as_deref() == Some(FSDEV) {
            let mounts = mountinfo::read()?;
            if mounts
                .iter()
                .any(|m| m.is_famfs() && m.is_source(&self.path))
            {
                return Err(Error::Mounted {
                    path: self.path.clone(),
                });
            }
            check_unused(&self.path)?;
            fs::write(driver_dir(FSDEV).join("unbind"), &self.name).map_err(failed())?;
        }
        // Only where it was named to the driver.
        let _ = fs::write(driver_dir(FSDEV).join("remove_id"), &self.name);
        bind(&self.device, &self.name, &driver).map_err(failed())
    }
}

impl Drop for Switched {
    fn drop(&mut self) {
        // What ends the command is said; this is not worth more words.
        let _ = self.back();
    }
}

/// Puts `path` into fsdev mode if it is a character dax device in another one. Any other
/// path is left alone: what it lacks is said where it is opened.
pub fn to_fsdev(path: &Path) -> Result<Option<Switched>, Error> {
    let meta = fs::metadata(path).map_err(io_error("look at", path))?;
    if !meta.file_type().is_char_device() {
        return Ok(None);
    }
    let rdev = meta.rdev();
    let number = format!("{}:{}", libc::major(rdev), libc::minor(rdev));
    let device = fs::canonicalize(Path::new("/sys/dev/char").join(number))
        .map_err(io_error("find in sysfs", path))?;
    let name = device
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or_default()
        .to_owned();
    let from = driver_of(&device);
    if from.as_deref() == Some(FSDEV) {
        return Ok(None);
    }
    if !driver_dir(FSDEV).exists() {
        let _ = Command::new("modprobe").arg(FSDEV).output();
    }
    if !driver_dir(FSDEV).exists() {
        return Err(Error::NoFsdev {
            path: path.to_owned(),
        });
    }
    // As late as can be: who opens the device behind this is not seen.
    check_unused(path)?;
    let failed = || io_error("switch to fsdev_dax", path);
    if let Some(driver) = &from {
        fs::write(driver_dir(driver).join("unbind"), &name).map_err(failed())?;
    }
    let switched = Switched {
        path: path.to_owned(),
        name: name.clone(),
        device: device.clone(),
        from: Some(from.unwrap_or_else(|| DEVDAX.to_owned())),
    };
    bind(&device, &name, FSDEV).map_err(failed())?;
    // The node is made by devtmpfs or udev, which may take a moment more.
    let start = Instant::now();
    while !path.exists() && start.elapsed() < PATIENCE {
        sleep(PAUSE);
    }
    Ok(Some(switched))
}

fn driver_dir(driver: &str) -> PathBuf {
    Path::new(DRIVERS).join(driver)
}

fn driver_of(device: &Path) -> Option<String> {
    let link = fs::read_link(device.join("driver")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

fn bind(device: &Path, name: &str, driver: &str) -> io::Result<()> {
    let start = Instant::now();
    let mut last = fs::write(driver_dir(driver).join("new_id"), name);
    loop {
        match driver_of(device) {
            Some(bound) if bound == driver => return Ok(()),
            Some(other) => {
                return Err(io::Error::other(format!("{other} took it instead")));
            }
            None if start.elapsed() > PATIENCE => {
                last?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            None => {
                sleep(PAUSE);
                last = fs::write(driver_dir(driver).join("bind"), name);
            }
        }
    }
}

/// Fails while a process has the device open or mapped. Unbinding does not wait for it: the
/// kernel then never gets the device ready again, and loses count of its users.
fn check_unused(path: &Path) -> Result<(), Error> {
    let meta = fs::metadata(path).map_err(io_error("look at", path))?;
    let holders = holders::of(meta.rdev());
    if holders.is_empty() {
        return Ok(());
    }
    Err(Error::Held {
        path: path.to_owned(),
        holders,
    })
}
