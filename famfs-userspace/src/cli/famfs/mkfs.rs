use std::path::PathBuf;

use famfs_cli::size;

use super::output::Output;
use super::{Error, OK, complain, no_effect};
use famfs_machine::host;
use famfs_media::format::{LOG_LEN_MAX, LOG_LEN_MIN, UNIT_2M, UNIT_4K};
use famfs_runtime::device::{dax, daxmode};
use famfs_runtime::ops::{self, mkfs};

pub(super) const EXAMPLES: &str = "\
Examples:
  famfs mkfs /dev/pmem0                    a log of 8 MiB, units of 2 MiB
  famfs mkfs --loglen 64M --alloc-unit 4k /dev/dax0.0
  truncate -s 1G img && famfs mkfs img     in an image
  famfs mkfs -f -k /dev/pmem0              remove it; the log stays as it is";

/// Make a file system on a device or in an image, or remove one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// Overwrite a file system that is there.
    #[arg(short, long)]
    force: bool,

    /// Remove the file system: zero its magic and nothing else. Needs --force.
    #[arg(short, long, requires = "force", conflicts_with_all = ["loglen", "alloc_unit"])]
    kill: bool,

    /// Bytes of the log: a power of two, at least 8 MiB.
    #[arg(short, long, value_name = "N", default_value = "8M", value_parser = log_len)]
    loglen: u64,

    /// What file sizes are rounded up to on the device. 2M keeps every file mappable by
    /// huge pages; 4k takes less room for small files.
    #[arg(long, value_name = "4k|2M", default_value = "2M", value_parser = alloc_unit)]
    alloc_unit: u64,

    /// Print what was made as JSON.
    #[arg(long, conflicts_with = "kill")]
    json: bool,

    /// Leave a character dax device in fsdev mode, which file systems are mounted from.
    #[arg(short = 'M', long)]
    set_daxmode: bool,

    /// Never map the device. It matters in devdax mode alone, where nothing else works.
    #[arg(short = 'D', long)]
    nodax: bool,

    /// Accepted: the kernel module is what there is.
    #[arg(short = 'F', long, conflicts_with = "fuse")]
    nofuse: bool,

    /// Accepted: what mkfs writes is the same for fuse.
    #[arg(long)]
    fuse: bool,

    /// Accepted for scripts: what was made is printed anyway.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// A block device with DAX, a character dax device, or an image file.
    device: PathBuf,
}

/// Takes every spelling of the two sizes.
fn alloc_unit(text: &str) -> Result<u64, String> {
    match size::parse(text)? {
        unit @ (UNIT_4K | UNIT_2M) => Ok(unit),
        _ => Err("an allocation unit is 4k or 2M".to_owned()),
    }
}

fn log_len(text: &str) -> Result<u64, String> {
    let len = size::parse(text)?;
    if len.is_power_of_two() && (LOG_LEN_MIN..=LOG_LEN_MAX).contains(&len) {
        Ok(len)
    } else {
        Err("a log is a power of two from 8 MiB to 1 GiB".to_owned())
    }
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        if self.fuse {
            no_effect("--fuse", "what mkfs writes is the same for fuse");
        }
        let switched = if self.set_daxmode {
            daxmode::to_fsdev(&self.device).map_err(ops::Error::from)?
        } else {
            None
        };
        if self.nodax {
            dax::check_unmapped(&self.device).map_err(ops::Error::from)?;
        }
        let status = self.make(out)?;
        if let Some(switched) = switched {
            switched.keep();
        }
        Ok(status)
    }

    fn make(&self, out: &mut Output) -> Result<u8, Error> {
        if self.kill {
            mkfs::kill(&self.device)?;
            return Ok(OK);
        }
        let options = mkfs::Options {
            force: self.force,
            log_len: self.loglen,
            alloc_unit: self.alloc_unit,
        };
        let host = host::ensure_system_uuid().map_err(ops::Error::from)?;
        let made = mkfs::mkfs(&self.device, &options, host)?;
        if made.device_size < mkfs::UPSTREAM_MIN {
            complain("note: upstream's mkfs refuses devices below 4 GiB; its other tools do not");
        }
        if self.json {
            out.json(&made)?;
        } else {
            out.line(&format!(
                "famfs on {}: {} bytes",
                made.device.text(),
                made.device_size
            ))?;
            out.line(&format!(
                "  log            {} bytes, {} entries",
                made.log_len, made.log_entries
            ))?;
            out.line(&format!("  alloc unit     {} bytes", made.alloc_unit))?;
            out.line(&format!("  free           {} bytes", made.free_bytes))?;
            out.line(&format!("  fs uuid        {}", made.fs_uuid))?;
            out.line(&format!("  device uuid    {}", made.dev_uuid))?;
            out.line(&format!("  made by host   {}", made.system_uuid))?;
        }
        Ok(OK)
    }
}
