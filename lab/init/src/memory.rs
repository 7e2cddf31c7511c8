//! Makes the guest's DAX device ready, by sysfs alone: no ndctl, no cxl tool.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use lab_init::{Config, Memory};

/// Drivers bind in the background and the lab may run on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const CXL: &str = "/sys/bus/cxl/devices";

/// Brings up the devices of `config.memory`.
pub(crate) fn prepare(config: &Config) -> Result<()> {
    if config.memory == Memory::Cxl {
        // A region's device is meant for system RAM: no driver that we load takes it.
        cxl_region(config.size)?;
        return enter_fsdev(0);
    }
    for index in 0..config.devices {
        let pmem = PathBuf::from(format!("/dev/pmem{index}"));
        if config.memory == Memory::Pmem {
            wait_for(pmem)?;
            continue;
        }
        // An earlier boot, or another guest, may have put the info block there: then the kernel
        // makes a character device by itself, and no block device.
        if wait_for_one([&pmem, &dax_device(index)])? == 0 {
            pmem_to_devdax(index)?;
        }
        leave_device_dax(index)?;
        enter_fsdev(index)?;
    }
    Ok(())
}

/// Puts a devdax info block on the raw namespace. `ram` keeps the struct pages in the guest's own
/// memory: on memory that two guests share, each would overwrite the other's.
fn pmem_to_devdax(index: u32) -> Result<()> {
    let namespace = format!("namespace{index}.0");
    write("/sys/bus/nd/drivers/nd_pmem/unbind", &namespace)?;
    let seed = read(format!("/sys/bus/nd/devices/region{index}/dax_seed"))?;
    let device = Path::new("/sys/bus/nd/devices").join(&seed);
    let uuid = format!("8b5b1e1e-6f1d-4f6c-9a56-0d3c1f0a7e{:02x}", index + 1);
    write(device.join("uuid"), &uuid)?;
    write(device.join("mode"), "ram")?;
    write(device.join("align"), "2097152")?;
    write(device.join("namespace"), &namespace)?;
    write("/sys/bus/nd/drivers/dax_pmem/bind", &seed)
}

/// Takes the character device from the driver that binds to it by itself.
fn leave_device_dax(index: u32) -> Result<()> {
    wait_for(dax_device(index).join("driver"))?;
    write("/sys/bus/dax/drivers/device_dax/unbind", &dax(index))
}

fn dax(index: u32) -> String {
    format!("dax{index}.0")
}

fn dax_device(index: u32) -> PathBuf {
    PathBuf::from("/sys/bus/dax/devices").join(dax(index))
}

/// Puts the character device into file-system mode.
fn enter_fsdev(index: u32) -> Result<()> {
    let dax = &dax(index);
    let device = dax_device(index);
    wait_for(&device)?;
    // The device may still be in another driver's hands for a moment, and the writes may report
    // ENODEV and bind all the same: the driver link is what counts.
    let driver = Path::new("/sys/bus/dax/drivers/fsdev_dax");
    let _ = write(driver.join("new_id"), dax);
    let start = Instant::now();
    loop {
        match fs::read_link(device.join("driver")) {
            Ok(driver) if driver.ends_with("fsdev_dax") => break,
            Ok(other) => bail!("{dax} is bound to {}, not to fsdev_dax", other.display()),
            Err(_) if start.elapsed() > PATIENCE => bail!("{dax} did not bind to fsdev_dax"),
            Err(_) => {
                thread::sleep(Duration::from_millis(20));
                let _ = write(driver.join("bind"), dax);
            }
        }
    }
    wait_for(format!("/dev/{dax}"))
}

/// One volatile region of one interleave way over the only CXL memory device.
fn cxl_region(size: u64) -> Result<()> {
    let cxl = Path::new(CXL);
    wait_for(cxl.join("endpoint2"))?;
    let create = cxl.join("decoder0.0/create_ram_region");
    wait_for(&create)?;
    let name = read(&create)?;
    write(&create, &name)?;
    let region = cxl.join(&name);
    write(region.join("interleave_granularity"), "256")?;
    write(region.join("interleave_ways"), "1")?;
    write(region.join("size"), &size.to_string())?;
    write(cxl.join("decoder2.0/mode"), "ram")?;
    write(cxl.join("decoder2.0/dpa_size"), &size.to_string())?;
    write(region.join("target0"), "decoder2.0")?;
    write(region.join("commit"), "1")?;
    write("/sys/bus/cxl/drivers/cxl_region/bind", &name)
}

fn wait_for(path: impl AsRef<Path>) -> Result<()> {
    wait_for_one([path.as_ref()]).map(drop)
}

/// Waits for the first of several paths; says which it is.
fn wait_for_one<const N: usize>(paths: [&Path; N]) -> Result<usize> {
    let start = Instant::now();
    loop {
        if let Some(found) = paths.iter().position(|path| path.exists()) {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!(
                "{} did not appear within {} s",
                paths.map(|path| path.display().to_string()).join(" or "),
                PATIENCE.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

fn write(path: impl AsRef<Path>, value: &str) -> Result<()> {
    let path = path.as_ref();
    fs::write(path, value).with_context(|| format!("cannot write {value} to {}", path.display()))
}
