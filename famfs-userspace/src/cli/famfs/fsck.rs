use std::path::PathBuf;

use super::output::Output;
use super::{Error, FAILED, OK};
use crate::fsck::{Finding, Report, Severity};
use crate::ops::open;
use crate::text::printable;

const EXAMPLES: &str = "\
Examples:
  famfs fsck /mnt/famfs          a mounted file system
  famfs fsck --json /dev/pmem0   a device, for a program to read
  famfs fsck img                 an image, or its first bytes up to the end of the log

Nothing is repaired. The exit status is 1 when an error was found; notes do not count.";

/// Check superblock, log and every entry of a file system.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,

    /// A device, an image, or a folder of a mount.
    path: PathBuf,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let opened = open::open(&self.path)?;
        let report = Report::new(&opened.volume, opened.memory_size);
        if self.json {
            out.json(&report)?;
        } else {
            print(&report, out)?;
        }
        Ok(if report.clean { OK } else { FAILED })
    }
}

fn print(report: &Report, out: &mut Output) -> Result<(), Error> {
    for finding in &report.findings {
        out.line(&line(finding))?;
    }
    let errors = report
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count();
    out.line(&format!(
        "log      {} of {} entries, {} bad",
        report.entries, report.log_capacity, report.bad_entries
    ))?;
    out.line(&format!(
        "files    {}, {} directories, {} bytes",
        report.files, report.directories, report.file_bytes
    ))?;
    out.line(&format!(
        "space    {} bytes: {} used, {} free, {} in one piece",
        report.capacity_bytes, report.used_bytes, report.free_bytes, report.largest_free_bytes
    ))?;
    if report.shared_units > 0 {
        out.line(&format!(
            "shared   {} allocation units",
            report.shared_units
        ))?;
    }
    out.line(&match errors {
        0 => "clean".to_owned(),
        1 => "1 error".to_owned(),
        n => format!("{n} errors"),
    })
}

fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Note => "note",
        Severity::Error => "error",
    };
    let place = match finding.index {
        Some(index) => format!("log entry {index} at offset {}", finding.offset),
        None => format!("offset {}", finding.offset),
    };
    let path = finding
        .path
        .as_deref()
        .map(|p| format!(" {}", printable(p)))
        .unwrap_or_default();
    format!(
        "{severity}: {}: {place}{path}: {}",
        finding.code, finding.message
    )
}
