//! Makes the lab's memory fail: single pages, and the whole device.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::fixture::Famfs;

/// The namespace under a pmem block device.
fn namespace(device: &str) -> String {
    format!("namespace{}.0", device.trim_start_matches("/dev/pmem"))
}

/// Where the device's first byte is in the machine's memory.
fn first_byte(device: &str) -> u64 {
    let path = match device.strip_prefix("/dev/dax") {
        Some(name) => format!("/sys/bus/dax/devices/dax{name}/resource"),
        None => format!("/sys/bus/nd/devices/{}/resource", namespace(device)),
    };
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let digits = text.trim().trim_start_matches("0x");
    u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{path}: {text}: {error}"))
}

/// Reports the page at this offset of the device as broken, as a machine check would, but with
/// no process that has touched it.
pub(crate) fn poison(famfs: &Famfs, offset: u64) {
    poison_device(&famfs.device, offset);
}

/// The same on any device.
pub(crate) fn poison_device(device: &str, offset: u64) {
    let page = first_byte(device) + offset;
    fs::write(
        "/sys/devices/system/memory/hard_offline_page",
        format!("{page:#x}"),
    )
    .unwrap_or_else(|error| panic!("cannot report {page:#x}: {error}"));
}

/// The driver's folder and the device's name in it.
fn binding(device: &str) -> (PathBuf, String) {
    let bus = Path::new("/sys/bus");
    match device.strip_prefix("/dev/dax") {
        Some(name) => (bus.join("dax/drivers/fsdev_dax"), format!("dax{name}")),
        None => (bus.join("nd/drivers/nd_pmem"), namespace(device)),
    }
}

/// Takes the memory away from the system.
pub(crate) fn remove(device: &str) {
    let (driver, name) = binding(device);
    fs::write(driver.join("unbind"), &name)
        .unwrap_or_else(|error| panic!("cannot unbind {name}: {error}"));
}

/// Gives it back; its bytes are what they were.
pub(crate) fn restore(device: &str) {
    let (driver, name) = binding(device);
    let start = Instant::now();
    while !(driver.join(&name).exists() && Path::new(device).exists()) {
        assert!(start.elapsed().as_secs() < 60, "{device} did not come back");
        // The one says which devices the driver is for, the other that it shall take this one;
        // which of them is refused depends on what the driver has seen before.
        let _ = fs::write(driver.join("bind"), &name);
        let _ = fs::write(driver.join("new_id"), &name);
        std::thread::yield_now();
    }
}
