//! Raw DAX out of the lab's pmem: its namespace changes hands by sysfs alone.
//!
//! Outside of the lab a namespace is its administrator's, and `ndctl` is the tool for it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use famfs_cli::env;

use super::command::{modprobe, write_sysfs};

const DEVICES: &str = "/sys/bus/nd/devices";
const DRIVERS: &str = "/sys/bus/nd/drivers";
/// Where a namespace says what it is, and how much of it is read for that.
const INFO_BLOCK: u64 = 4096;
const PATIENCE: Duration = Duration::from_secs(2);

/// A namespace that a DAX device was made of.
#[derive(Debug)]
pub(super) struct Converted {
    pmem: PathBuf,
    namespace: String,
    /// The nvdimm bus's DAX device on it.
    seed: String,
}

/// Whether this is pmem of the lab, which is there to be destroyed.
pub(super) fn convertible(device: &Path) -> bool {
    env::KERNEL.get().is_some() && namespace_of(device).is_some()
}

/// The namespace under a whole pmem block device.
fn namespace_of(device: &Path) -> Option<String> {
    if !fs::metadata(device).ok()?.file_type().is_block_device() {
        return None;
    }
    let name = device.file_name()?;
    let parent = fs::canonicalize(Path::new("/sys/block").join(name).join("device")).ok()?;
    let parent = parent.file_name()?.to_str()?;
    parent.starts_with("namespace").then(|| parent.to_owned())
}

/// Makes the pmem a DAX device of this alignment; its name on the dax bus comes with it.
pub(super) fn convert(pmem: &Path, align: usize) -> Result<(Converted, String)> {
    let namespace = namespace_of(pmem)
        .with_context(|| format!("{} is no pmem with a namespace", pmem.display()))?;
    modprobe("dax_pmem");
    modprobe("device_dax");
    // namespace0.0 is of region0, and so is dax0.0.
    let region = namespace
        .trim_start_matches("namespace")
        .split('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    let seed = fs::read_to_string(format!("{DEVICES}/region{region}/dax_seed"))
        .with_context(|| format!("region{region} offers no DAX device"))?;
    let seed = seed.trim().to_owned();
    write_sysfs(&driver("nd_pmem", "unbind"), &namespace)?;
    let device = Path::new(DEVICES).join(&seed);
    write_sysfs(&device.join("uuid"), "2f7d7c1e-93c5-4b0a-8f1e-5d0b6f1c7a02")?;
    // The page descriptors go into ordinary memory, so that all of the pmem stays data.
    write_sysfs(&device.join("mode"), "ram")?;
    write_sysfs(&device.join("align"), &align.to_string())?;
    write_sysfs(&device.join("namespace"), &namespace)?;
    write_sysfs(&driver("dax_pmem", "bind"), &seed)?;
    let converted = Converted {
        pmem: pmem.to_owned(),
        namespace,
        seed,
    };
    Ok((converted, format!("dax{region}.0")))
}

impl Converted {
    /// Makes it pmem again, with nothing left on it that says otherwise.
    pub(super) fn put_back(self) -> Result<()> {
        let raw = Path::new(DEVICES).join(&self.namespace).join("force_raw");
        write_sysfs(&driver("dax_pmem", "unbind"), &self.seed)?;
        let seed = Path::new(DEVICES).join(&self.seed);
        write_sysfs(&seed.join("namespace"), "\n")?;
        // Bound as it is, whatever its info block says, so that the info block can be erased.
        write_sysfs(&raw, "1")?;
        write_sysfs(&driver("nd_pmem", "bind"), &self.namespace)?;
        wait_for(&self.pmem)?;
        self.erase_info_block()?;
        write_sysfs(&driver("nd_pmem", "unbind"), &self.namespace)?;
        write_sysfs(&raw, "0")?;
        write_sysfs(&driver("nd_pmem", "bind"), &self.namespace)?;
        wait_for(&self.pmem)
    }

    fn erase_info_block(&self) -> Result<()> {
        use std::os::unix::fs::FileExt as _;
        let what = || format!("cannot erase the info block of {}", self.pmem.display());
        let file = OpenOptions::new()
            .write(true)
            .open(&self.pmem)
            .with_context(what)?;
        file.write_all_at(&[0; 4096], INFO_BLOCK)
            .with_context(what)?;
        file.sync_all().with_context(what)
    }
}

fn driver(name: &str, attribute: &str) -> PathBuf {
    Path::new(DRIVERS).join(name).join(attribute)
}

fn wait_for(node: &Path) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !node.exists() {
        if Instant::now() > until {
            bail!("{} did not come back", node.display());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pmem_has_no_namespace() {
        for device in ["/dev/null", "/no/such/device", "/"] {
            assert_eq!(namespace_of(Path::new(device)), None, "{device}");
        }
    }
}
