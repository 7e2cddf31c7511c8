use std::path::PathBuf;

use super::output::Output;
use super::{Error, FAILED, OK, complain_of};
use crate::device::{dax, daxmode};
use crate::fsck::{Finding, Report};
use crate::kernel::module;
use crate::ops::{self, open};
use crate::text::printable;

const EXAMPLES: &str = "\
Examples:
  famfs fsck /mnt/famfs          a mounted file system
  famfs fsck --json /dev/pmem0   a device, for a program to read
  famfs fsck img                 an image, or its first bytes up to the end of the log

  famfs fsck -H -B 8 /mnt/famfs  how full each eighth of the device is

Nothing is repaired. The exit status is 1 when an error was found, 4 when a warning was
found and no error; notes do not count.";

/// There are warnings, and no errors.
pub(super) const WARNED: u8 = 4;

/// Check superblock, log and every entry of a file system.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct Args {
    /// Show sizes as KiB, MiB and so on.
    #[arg(short = 'H', long)]
    human: bool,

    /// Also show the device in N equal parts: what is used and what is free.
    #[arg(short = 'B', long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    nbuckets: Option<u32>,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,

    /// Put a character dax device into fsdev mode first, and leave it there.
    #[arg(short = 'M', long)]
    set_daxmode: bool,

    /// Load the famfs module first: a device in fsdev mode is read through it.
    #[arg(short = 'L', long)]
    load_module: bool,

    /// Never map the device. It matters in devdax mode alone, where nothing else works.
    #[arg(short = 'D', long)]
    nodax: bool,

    /// Read the log by a mapping or by read(2): both are done here, as it fits.
    #[arg(short = 'm', long, conflicts_with = "read")]
    mmap: bool,

    /// See --mmap.
    #[arg(short, long)]
    read: bool,

    /// Accepted: the kernel module is what there is.
    #[arg(short = 'F', long, conflicts_with = "fuse")]
    nofuse: bool,

    /// Refused: there is no fuse here. What fsck finds is the same for both.
    #[arg(long)]
    fuse: bool,

    /// Accepted for scripts: it never did anything.
    #[arg(short, long, hide = true)]
    force: bool,

    /// Accepted for scripts: every finding is printed anyway.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// A device, an image, or a folder of a mount.
    path: PathBuf,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        if self.fuse {
            return Err(Error::OfFuse { option: "--fuse" });
        }
        if self.load_module {
            module::load().map_err(ops::Error::from)?;
        }
        if self.set_daxmode
            && let Some(switched) = daxmode::to_fsdev(&self.path).map_err(ops::Error::from)?
        {
            switched.keep();
        }
        // A folder of a mount has nothing to map.
        if self.nodax && !self.path.is_dir() {
            dax::check_unmapped(&self.path).map_err(ops::Error::from)?;
        }
        let report = match open::open(&self.path) {
            Ok(opened) => Report::with_buckets(
                &opened.volume,
                opened.memory_size,
                self.nbuckets.unwrap_or(0),
            ),
            Err(stale @ ops::Error::Stale { .. }) => {
                let report = Report::of_stale(stale.to_string());
                complain_of(Error::Op(stale));
                if !self.json {
                    Self::print_findings(&report, out)?;
                    return Ok(FAILED);
                }
                report
            }
            Err(e) => return Err(e.into()),
        };
        if self.json {
            out.json(&report)?;
        } else {
            self.print(&report, out)?;
        }
        Ok(match (report.errors, report.warnings) {
            (0, 0) => OK,
            (0, _) => WARNED,
            _ => FAILED,
        })
    }

    fn bytes(&self, bytes: u64) -> String {
        if self.human {
            human(bytes)
        } else {
            format!("{bytes} bytes")
        }
    }

    fn print_findings(report: &Report, out: &mut Output) -> Result<(), Error> {
        for finding in &report.findings {
            out.line(&line(finding))?;
        }
        Ok(())
    }

    fn print(&self, report: &Report, out: &mut Output) -> Result<(), Error> {
        Self::print_findings(report, out)?;
        let hidden = report.errors + report.warnings + report.notes - report.findings.len() as u64;
        if hidden > 0 {
            out.line(&format!("{hidden} findings more"))?;
        }
        out.line(&format!(
            "log      {} of {} entries, {} bad",
            report.entries, report.log_capacity, report.bad_entries
        ))?;
        out.line(&format!(
            "files    {}, {} directories, {}",
            report.files,
            report.directories,
            self.bytes(report.file_bytes)
        ))?;
        out.line(&format!(
            "space    {}: {} used, {} free, {} in one piece",
            self.bytes(report.capacity_bytes),
            self.bytes(report.used_bytes),
            self.bytes(report.free_bytes),
            self.bytes(report.largest_free_bytes)
        ))?;
        if report.shared_units > 0 {
            out.line(&format!(
                "shared   {} allocation units",
                report.shared_units
            ))?;
        }
        for bucket in &report.buckets {
            out.line(&format!(
                "bucket   {:#014x}+{}: {} used, {} free",
                bucket.offset,
                self.bytes(bucket.len),
                self.bytes(bucket.used),
                self.bytes(bucket.free)
            ))?;
        }
        let counts: Vec<String> = [(report.errors, "error"), (report.warnings, "warning")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}{}", if n == 1 { "" } else { "s" }))
            .collect();
        out.line(&if counts.is_empty() {
            "clean".to_owned()
        } else {
            counts.join(", ")
        })
    }
}

/// Three digits and a unit; whole numbers stay whole.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut shift = 0;
    let mut unit = "bytes";
    for next in UNITS {
        if bytes >> (shift + 10) == 0 {
            break;
        }
        shift += 10;
        unit = next;
    }
    let whole = bytes >> shift;
    let rest = bytes - (whole << shift);
    if rest == 0 {
        return format!("{whole} {unit}");
    }
    // Two digits behind the point, cut off.
    let hundredths = (u128::from(rest) * 100) >> shift;
    format!("{whole}.{hundredths:02} {unit}")
}

fn line(finding: &Finding) -> String {
    let severity = finding.severity.name();
    let place = match finding.index {
        Some(index) => format!("log entry {index} at offset {}", finding.offset),
        None => format!("offset {}", finding.offset),
    };
    let path = finding
        .path
        .text()
        .map(|p| format!(" {}", printable(p)))
        .unwrap_or_default();
    format!(
        "{severity}: {}: {place}{path}: {}",
        finding.code, finding.message
    )
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn human_sizes() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.50 KiB"),
            (10 << 20, "10 MiB"),
            ((2 << 30) + (1 << 29), "2.50 GiB"),
            (u64::MAX, "15.99 EiB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
