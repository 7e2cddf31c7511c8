mod document;

use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

pub(super) use document::Document;

use famfs_cli::size;

use super::output::Output;
use super::{Error, FAILED, OK, complain_of, no_effect, note_image, number};
use famfs_machine::kernel::{self, module, mountinfo};
use famfs_media::fsck::{Finding, Report};
use famfs_media::volume::Volume;
use famfs_runtime::device::{dax, daxmode};
use famfs_runtime::ops::{self, open};
use famfs_snapshot::text::printable;

const EXAMPLES: &str = "\
Examples:
  famfs fsck /mnt/famfs          a mounted file system
  famfs fsck --json /dev/pmem0   a device, for a program to read
  famfs fsck img                 an image, or its first bytes up to the end of the log

  famfs fsck -h -B 8 /mnt/famfs  how full each eighth of the device is

Nothing is repaired. The exit status is 1 when an error was found, 4 when a warning was
found and no error, 16 when the device is mounted; notes do not count.";

/// There are warnings, and no errors.
pub(super) const WARNED: u8 = 4;

/// Check superblock, log and every entry of a file system.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, disable_help_flag = true)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct Args {
    /// Show sizes as KiB, MiB and so on.
    #[arg(short = 'h', short_alias = 'H', long)]
    human: bool,

    /// Print help.
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,

    /// Also show the device in N equal parts: what is used and what is free.
    #[arg(short = 'B', long, value_name = "N",
          value_parser = number::up_to::<u32>(1024))]
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

    /// Accepted: what fsck finds is the same for fuse.
    #[arg(long)]
    fuse: bool,

    /// Look at a device that is mounted, too. Its mount is the better way to it.
    #[arg(short, long)]
    force: bool,

    /// Print the numbers of superblock and log header, too.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,

    /// A device, an image, or a folder of a mount.
    path: PathBuf,
}

impl Args {
    /// Says whether a driver is switched or a module loaded before anything is read.
    pub(super) fn prepares(&self) -> bool {
        self.set_daxmode || self.load_module
    }

    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        if self.fuse {
            no_effect("--fuse", "what fsck finds is the same for fuse");
        }
        self.check_unmounted()?;
        if self.load_module {
            module::load().map_err(ops::Error::from)?;
        } else if dax::is_fsdev(&self.path) && !module::is_present() {
            // The kernel would load it by itself.
            return Err(ops::Error::from(kernel::Error::NoModule).into());
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
        note_image(&self.path);
        let mut volume = None;
        let report = match open::open(&self.path) {
            Ok(opened) => Report::with_buckets(
                volume.insert(opened.volume),
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
            out.json(&Document::new(&report))?;
        } else {
            self.print(&report, out)?;
            if let Some(volume) = volume.filter(|_| self.verbose > 0 && report.judged) {
                numbers(&volume, out)?;
            }
        }
        Ok(match (report.errors, report.warnings) {
            (0, 0) => OK,
            (0, _) => WARNED,
            _ => FAILED,
        })
    }

    /// Upstream refuses a device that is mounted: what its mount shows is what counts.
    fn check_unmounted(&self) -> Result<(), Error> {
        let is_device = std::fs::metadata(&self.path).is_ok_and(|meta| {
            meta.file_type().is_block_device() || meta.file_type().is_char_device()
        });
        if self.force || !is_device {
            return Ok(());
        }
        let mounts = mountinfo::read().map_err(ops::Error::from)?;
        match mounts
            .into_iter()
            .rfind(|m| m.is_famfs() && m.is_source(&self.path))
        {
            Some(mount) => Err(Error::Mounted {
                device: self.path.clone(),
                mount_point: mount.mount_point,
            }),
            None => Ok(()),
        }
    }

    fn bytes(&self, bytes: u64) -> String {
        if self.human {
            size::human(bytes)
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
            out.line(&format!("{hidden} more findings"))?;
        }
        if report.judged {
            self.print_contents(report, out)?;
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

    fn print_contents(&self, report: &Report, out: &mut Output) -> Result<(), Error> {
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
        // Under upstream's names, for scripts that look for them.
        for (name, bytes) in [
            ("Device capacity:", report.capacity_bytes),
            ("Free space:", report.free_bytes),
        ] {
            let bytes = if self.human {
                size::human(bytes)
            } else {
                bytes.to_string()
            };
            out.line(&format!("{name:<17}{bytes}"))?;
        }
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
        Ok(())
    }
}

/// Prints the numbers of superblock and log header under the names that upstream gives them.
fn numbers(volume: &Volume, out: &mut Output) -> Result<(), Error> {
    let (sb, header) = (&volume.superblock, &volume.header);
    for (name, number) in [
        ("log_len", sb.log_len()),
        ("alloc_unit", sb.alloc_unit()),
        ("dev_size", sb.dev_size()),
        ("last_index", header.last_index),
        ("next_index", header.next_index),
        ("next_seqnum", header.next_seqnum),
    ] {
        out.line(&format!("{name}: {number}"))?;
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let severity = finding.severity.name();
    let place = match finding.index {
        Some(index) => format!("log entry {index} at offset {}", finding.offset),
        None => format!("offset {}", finding.offset),
    };
    let path = finding
        .path
        .as_ref()
        .map(|path| format!(" {}", printable(&path.to_string_lossy())))
        .unwrap_or_default();
    format!(
        "{severity}: {}: {place}{path}: {}",
        finding.code, finding.message
    )
}
