//! The device under attack, and the module: mount, unmount, unbind, bind, look.

use std::{
    env,
    ffi::{CStr, CString},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;

use crate::{abi, oracle::reference::Rules, sys};

pub(crate) const MOUNTPOINT: &CStr = c"/mnt/fuzz";

/// What is attacked.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub device: String,
    /// Opened by each mount that wants it.
    pub second: Option<String>,
    pub rules: Rules,
}

impl Target {
    /// Loads the module and finds out what it can do.
    pub(crate) fn find() -> Result<Self> {
        let device = env::var("FAMFS_DEV")
            .context("FAMFS_DEV names no device; run this with `cargo xtask fuzz`")?;
        load()?;
        places()?;
        let complete = Path::new("/sys/module/famfs/parameters/kabi_version").exists();
        let mut target = Self {
            device,
            rules: Rules {
                complete,
                device: 0,
                second: 0,
            },
            second: None,
        };
        target
            .mount()
            .with_context(|| format!("cannot mount {}", target.device))?;
        target.rules.device = blocks()?.0 * 4096;
        unmount(0).context("cannot unmount")?;
        if let Some(second) = env::var("FAMFS_DEV2").ok().filter(|_| complete) {
            mount(&second, MOUNTPOINT, 0, c"").with_context(|| format!("cannot mount {second}"))?;
            target.rules.second = blocks()?.0 * 4096;
            unmount(0).context("cannot unmount")?;
            target.second = Some(second);
        }
        ensure!(
            target.rules.device >= 64 << 20,
            "{} is too small",
            target.device
        );
        Ok(target)
    }

    pub(crate) fn is_char(&self) -> bool {
        self.device.starts_with("/dev/dax")
    }

    pub(crate) fn mount(&self) -> Result<(), Errno> {
        mount(&self.device, MOUNTPOINT, 0, c"")
    }

    /// Opens the second device, if there is one, as the mount's device 1.
    pub(crate) fn open_second(&self) -> Result<(), Errno> {
        let Some(second) = &self.second else {
            return Ok(());
        };
        let mut request = 1_u64.to_le_bytes().to_vec();
        request.extend((second.as_ptr().addr() as u64).to_le_bytes());
        request.extend(u32::try_from(second.len()).unwrap_or(0).to_le_bytes());
        request.extend(0_u32.to_le_bytes());
        let fd = sys::open(MOUNTPOINT, libc::O_RDONLY | libc::O_DIRECTORY)?;
        // SAFETY: the kernel only reads the request and the name.
        let opened = unsafe { sys::ioctl(fd, abi::DAXDEV_OPEN, request.as_ptr().addr()) };
        let _ = sys::close(fd);
        opened.map(drop)
    }

    /// Bytes of both devices.
    pub(crate) fn devices(&self) -> [u64; 2] {
        [self.rules.device, self.rules.second]
    }

    fn name(&self, which: usize) -> &str {
        match &self.second {
            Some(second) if which == 1 => second,
            _ => &self.device,
        }
    }

    /// The driver's folder, and the device's name in it.
    fn binding(&self, which: usize) -> (PathBuf, String) {
        if self.is_char() {
            let name = self.name(which).trim_start_matches("/dev/").to_owned();
            ("/sys/bus/dax/drivers/fsdev_dax".into(), name)
        } else {
            let number = usize::from(which == 1 && self.second.is_some());
            let name = format!("namespace{number}.0");
            ("/sys/bus/nd/drivers/nd_pmem".into(), name)
        }
    }

    pub(crate) fn unbind(&self, which: usize) -> Result<(), Errno> {
        let (driver, name) = self.binding(which);
        write(&driver.join("unbind"), &name)
    }

    fn bind(&self, which: usize) -> Result<(), Errno> {
        let (driver, name) = self.binding(which);
        let file = if self.is_char() { "new_id" } else { "bind" };
        let first = write(&driver.join(file), &name);
        if self.is_char() && first.is_err() {
            return write(&driver.join("bind"), &name);
        }
        first
    }

    pub(crate) fn is_bound(&self, which: usize) -> bool {
        let (driver, name) = self.binding(which);
        driver.join(name).exists() && Path::new(self.name(which)).exists()
    }

    /// Binds until the devices are there.
    pub(crate) fn restore(&self) -> Result<()> {
        (0..2).try_for_each(|which| self.restore_one(which))
    }

    fn restore_one(&self, which: usize) -> Result<()> {
        let start = Instant::now();
        while !self.is_bound(which) {
            if start.elapsed() > Duration::from_mins(1) {
                bail!("{} does not come back", self.name(which));
            }
            let _ = self.bind(which);
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Errno> {
    fs::write(path, text).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

/// `mount -t famfs`.
pub(crate) fn mount(
    source: &str,
    on: &CStr,
    how: libc::c_ulong,
    options: &CStr,
) -> Result<(), Errno> {
    let source = CString::new(source).map_err(|_nul| Errno::EINVAL)?;
    let words = [
        source.as_ptr().addr(),
        on.as_ptr().addr(),
        c"famfs".as_ptr().addr(),
        usize::try_from(how).unwrap_or(usize::MAX),
        options.as_ptr().addr(),
    ];
    // SAFETY: the kernel only reads the four strings.
    unsafe { sys::call(libc::SYS_mount, words) }.map(drop)
}

pub(crate) fn unmount(how: i32) -> Result<(), Errno> {
    sys::on_path(libc::SYS_umount2, MOUNTPOINT, [sys::flags(how)]).map(drop)
}

/// Unmounts whatever is mounted there, however often, and waits while it is busy.
pub(crate) fn unmount_all() -> Result<()> {
    let start = Instant::now();
    loop {
        match unmount(0) {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::ENOENT) => return Ok(()),
            Err(Errno::EBUSY) if start.elapsed() < Duration::from_mins(1) => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => bail!("cannot unmount {MOUNTPOINT:?}: {error}"),
        }
    }
}

/// All blocks of the mount, and those that no file owns.
pub(crate) fn blocks() -> Result<(u64, u64)> {
    let stat = nix::sys::statfs::statfs(MOUNTPOINT).context("cannot statfs the mount")?;
    Ok((stat.blocks(), stat.blocks_free()))
}

/// One of the module's files for the mount.
pub(crate) fn attribute(name: &str) -> Option<String> {
    let dev = fs::metadata(MOUNTPOINT.to_str().ok()?).ok()?.dev();
    let (major, minor) = (libc::major(dev), libc::minor(dev));
    fs::read_to_string(format!("/sys/fs/famfs/{major}:{minor}/{name}")).ok()
}

/// Sets all option bits, so that only what is asked for refuses.
pub(crate) fn allow_everything() -> Result<(), Errno> {
    let fd = sys::open(MOUNTPOINT, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let bits = abi::ALL_OPTIONS;
    let mut word = bits;
    // SAFETY: the kernel writes 8 bytes.
    let set = unsafe { sys::ioctl(fd, abi::SET_OPTS, (&raw mut word).addr()) };
    let _ = sys::close(fd);
    set.map(drop)
}

pub(crate) fn load() -> Result<()> {
    let output = Command::new("modprobe")
        .arg("famfs")
        .output()
        .context("cannot run modprobe")?;
    ensure!(
        output.status.success(),
        "modprobe famfs: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The mount points, on something that cannot be written: while nothing is mounted, no operation
/// may find a file there that is not the module's.
fn places() -> Result<()> {
    let tmpfs = |how| {
        let words = [
            c"none".as_ptr().addr(),
            c"/mnt".as_ptr().addr(),
            c"tmpfs".as_ptr().addr(),
            how,
            0,
        ];
        // SAFETY: the kernel only reads the strings.
        unsafe { sys::call(libc::SYS_mount, words) }
    };
    tmpfs(0).context("cannot mount a tmpfs on /mnt")?;
    for place in ["/mnt/fuzz", "/mnt/fuzz2"] {
        fs::create_dir(place).with_context(|| format!("cannot create {place}"))?;
    }
    let read_only = libc::MS_REMOUNT | libc::MS_RDONLY;
    tmpfs(usize::try_from(read_only)?).context("cannot make /mnt read-only")?;
    Ok(())
}

pub(crate) fn unload() -> Result<()> {
    nix::kmod::delete_module(c"famfs", nix::kmod::DeleteModuleFlags::O_NONBLOCK)
        .context("rmmod famfs")
}

/// A file's name below the mount point.
pub(crate) fn path(name: &str) -> CString {
    CString::new(format!("/mnt/fuzz/{name}")).unwrap_or_default()
}
