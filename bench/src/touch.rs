//! `famfs-bench touch`: a known number of faults on a file, for whoever counts them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use famfs_cli::{name, size};
use serde::Serialize;

use crate::cli::{Access, Map, Touch};
use crate::guard::{self, Outcome};
use crate::workload::map::{Mapping, Placement, Request};
use crate::workload::{PAGE, touch};
use crate::{output, sys};

#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: u32,
    #[serde(flatten)]
    file: name::File,
    access: &'static str,
    map: &'static str,
    offset: u64,
    len: u64,
    rounds: u32,
    /// Pages of the range; each is touched once a round.
    pages: u64,
    touches: u64,
    /// What the kernel charged this process for while it touched.
    minor_faults: u64,
}

pub(crate) fn main(args: &Touch) -> Result<ExitCode> {
    let writes = args.access == Access::Write;
    let file = OpenOptions::new()
        .read(true)
        .write(writes)
        .open(&args.file)
        .with_context(|| format!("cannot open {}", args.file.display()))?;
    let metadata = file
        .metadata()
        .with_context(|| format!("cannot stat {}", args.file.display()))?;
    let range = Range::within(metadata.len(), metadata.is_file(), args.offset, args.len)
        .with_context(|| format!("cannot touch {}", args.file.display()))?;

    let minor_faults = match guard::run(|| rounds(&file, args, range))? {
        Outcome::Done(done) => {
            done.with_context(|| format!("cannot touch {}", args.file.display()))?
        }
        Outcome::Bus(bus) => bail!(
            "touching {} met SIGBUS {} at address {:#x}: the memory is poisoned, its mount is \
             disabled, or the file is shorter than its size says",
            args.file.display(),
            bus.code_name(),
            bus.address
        ),
    };
    report(args, range, minor_faults)?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &Touch, range: Range, minor_faults: u64) -> Result<()> {
    let report = Report {
        schema: 1,
        file: args.file.as_path().into(),
        access: if args.access == Access::Write {
            "write"
        } else {
            "read"
        },
        map: match args.map {
            Map::Aligned => "aligned",
            Map::Skewed => "skewed",
            Map::Private => "private",
        },
        offset: range.offset,
        len: range.len as u64,
        rounds: args.rounds,
        pages: range.pages() as u64,
        touches: range.pages() as u64 * u64::from(args.rounds),
        minor_faults,
    };
    if args.json {
        return output::json(&report);
    }
    output::text(&format!(
        "{}: {} pages touched {} time{} ({}, {}), {} faults\n",
        report.file.text(),
        report.pages,
        report.rounds,
        if report.rounds == 1 { "" } else { "s" },
        report.access,
        report.map,
        report.minor_faults
    ))
}

/// The bytes of a file that are touched: within it, and beginning at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    offset: u64,
    len: usize,
}

impl Range {
    /// `sized` says that `size` bounds the range; a device's size is not in its inode.
    fn within(size: u64, sized: bool, offset: u64, len: Option<u64>) -> Result<Self> {
        ensure!(
            offset.is_multiple_of(PAGE as u64),
            "offset {offset} is no multiple of 4096: a mapping begins at a page"
        );
        let len = match len {
            Some(len) => len,
            None if sized => size.saturating_sub(offset),
            None => bail!("this is no regular file, so its size is unknown: say --len"),
        };
        ensure!(
            len > 0,
            "the range is empty: the file has {}",
            size::exact(size)
        );
        let end = offset
            .checked_add(len)
            .context("offset and length overflow")?;
        ensure!(
            !sized || end <= size,
            "the range ends at byte {end}, the file at {size}: touching past the end is a SIGBUS"
        );
        Ok(Self {
            offset,
            len: usize::try_from(len).context("the range is larger than memory")?,
        })
    }

    fn pages(self) -> usize {
        self.len.div_ceil(PAGE)
    }
}

/// All rounds; the faults that the kernel counted during the touches.
fn rounds(file: &File, args: &Touch, range: Range) -> Result<u64, nix::errno::Errno> {
    let content = if args.access == Access::Write {
        first_bytes(file, range)?
    } else {
        Vec::new()
    };
    // The child's own pages, still shared with the parent, must not fault among the touches.
    sys::lock_memory();
    let mut faults = 0;
    for _ in 0..args.rounds {
        let request = Request {
            offset: range.offset,
            len: range.len,
            placement: if args.map == Map::Skewed {
                Placement::Skewed
            } else {
                Placement::Aligned
            },
            private: args.map == Map::Private,
            writable: args.access == Access::Write,
        };
        let mapping = Mapping::new(file, request)?;
        let before = sys::minor_faults();
        match args.access {
            Access::Read => touch::read_each(&mapping, PAGE, range.len),
            Access::Write => touch::write_each(&mapping, PAGE, &content),
        }
        faults += sys::minor_faults().saturating_sub(before);
    }
    Ok(faults)
}

/// The first byte of each page, by read(2), so that it causes no fault on the mapping.
fn first_bytes(file: &File, range: Range) -> Result<Vec<u8>, nix::errno::Errno> {
    let mut bytes = vec![0; range.pages()];
    for (page, byte) in bytes.iter_mut().enumerate() {
        let at = range.offset + (page * PAGE) as u64;
        file.read_exact_at(std::slice::from_mut(byte), at)
            .map_err(|error| {
                nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
            })?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_defaults_to_the_rest_of_the_file() {
        let range = Range::within(10_000, true, 4096, None).unwrap();
        assert_eq!(
            range,
            Range {
                offset: 4096,
                len: 5904
            }
        );
        assert_eq!(range.pages(), 2);
    }

    #[test]
    fn ranges_outside_the_file_are_refused() {
        for (offset, len) in [
            (1, None),
            (12_288, None),
            (0, Some(0)),
            (0, Some(8193)),
            (4096, Some(u64::MAX)),
        ] {
            assert!(
                Range::within(8192, true, offset, len).is_err(),
                "{offset} {len:?}"
            );
        }
    }

    #[test]
    fn a_device_needs_a_length() {
        assert!(Range::within(0, false, 0, None).is_err());
        assert_eq!(Range::within(0, false, 0, Some(8192)).unwrap().pages(), 2);
    }
}
