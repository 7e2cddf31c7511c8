//! `famfs-bench memcpy`: the cheapest way from the page cache into a DAX file, as a measure of
//! what `famfs cp` adds to it.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::cli::Memcpy;
use crate::guard::{self, Outcome};
use crate::output;
use crate::runtime::mark::{self, Window};
use crate::workload::clock;
use crate::workload::map::{Mapping, Placement, Request};

/// Written, then flushed while the lines are still in the cache.
const CHUNK: usize = 1 << 20;
const LINE: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: u32,
    bytes: u64,
    /// The cost of the copy and the flush, without opening and mapping.
    pub(crate) ticks: u64,
}

pub(crate) fn main(args: &Memcpy) -> Result<ExitCode> {
    let from = open(&args.from, OpenOptions::new().read(true))?;
    let to = open(&args.to, OpenOptions::new().read(true).write(true))?;
    let (bytes, room) = (from.metadata()?.len(), to.metadata()?.len());
    ensure!(
        bytes == room && bytes > 0,
        "{} has {bytes} bytes, {} has {room}: they must be of one size, and not empty",
        args.from.display(),
        args.to.display()
    );
    let len = usize::try_from(bytes).context("the file is larger than memory")?;
    let window = if args.small {
        Window::MemcpySmall
    } else {
        Window::Memcpy
    };
    let ticks = match guard::run(|| copy(&from, &to, len, window))? {
        Outcome::Done(done) => done.context("cannot map the files")?,
        Outcome::Bus(bus) => bail!(
            "copying to {} met SIGBUS {} at address {:#x}: the memory is poisoned, its mount is \
             disabled, or a file became shorter",
            args.to.display(),
            bus.code_name(),
            bus.address
        ),
    };
    let report = Report {
        schema: 1,
        bytes,
        ticks,
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&format!("{bytes} bytes copied in {ticks} ticks\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path, how: &OpenOptions) -> Result<File> {
    how.open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Ticks of the copy.
fn copy(from: &File, to: &File, len: usize, window: Window) -> Result<u64, Errno> {
    let map = |file, writable| {
        Mapping::new(
            file,
            Request {
                offset: 0,
                len,
                placement: Placement::Aligned,
                private: false,
                writable,
            },
        )
    };
    let (from, to) = (map(from, false)?, map(to, true)?);
    populate(&from)?;
    mark::open(window);
    let begin = clock::now();
    for at in (0..len).step_by(CHUNK) {
        let len = CHUNK.min(len - at);
        let (from, to) = (
            from.base().as_ptr().wrapping_add(at),
            to.base().as_ptr().wrapping_add(at),
        );
        // SAFETY: `at + len` is within both mappings, which do not overlap, and no reference to
        // their bytes exists; a fault that cannot be served ends this child by its handler.
        unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
        flush(to, len);
    }
    fence();
    let ticks = clock::now().wrapping_sub(begin);
    mark::close();
    Ok(ticks)
}

/// Maps every page of the source, so that no fault on it is timed.
fn populate(mapping: &Mapping) -> Result<(), Errno> {
    // SAFETY: the range is the mapping's own; populating it for reading changes no byte.
    let failed = unsafe {
        libc::madvise(
            mapping.base().as_ptr().cast(),
            mapping.len(),
            libc::MADV_POPULATE_READ,
        )
    };
    Errno::result(failed).map(drop)
}

#[cfg(target_arch = "x86_64")]
fn flush(start: *const u8, len: usize) {
    use std::arch::asm;
    use std::arch::x86_64::{__cpuid_count, _mm_clflush};

    /// Bits of EBX in leaf 7 of CPUID.
    const CLFLUSHOPT: u32 = 1 << 23;
    const CLWB: u32 = 1 << 24;

    // One loop for each instruction: which it is, is not asked for every line.
    let can = __cpuid_count(7, 0).ebx;
    let first = start.wrapping_sub(start.addr() % LINE);
    let lines = (start.addr() % LINE + len).div_ceil(LINE);
    let lines = (0..lines).map(|line| first.wrapping_add(line * LINE));
    if can & CLWB != 0 {
        for line in lines {
            // SAFETY: the line holds a byte of the caller's mapping; the CPU has the instruction.
            unsafe {
                asm!("clwb [{line}]", line = in(reg) line, options(nostack, preserves_flags));
            }
        }
    } else if can & CLFLUSHOPT != 0 {
        for line in lines {
            // SAFETY: as above.
            unsafe {
                asm!("clflushopt [{line}]", line = in(reg) line, options(nostack, preserves_flags));
            }
        }
    } else {
        for line in lines {
            // SAFETY: the line holds a byte of the caller's mapping; every x86-64 has it.
            unsafe { _mm_clflush(line) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn fence() {
    // SAFETY: SFENCE has no operand; every x86-64 has it.
    unsafe { std::arch::x86_64::_mm_sfence() };
}

#[cfg(not(target_arch = "x86_64"))]
fn flush(_: *const u8, _: usize) {}

#[cfg(not(target_arch = "x86_64"))]
fn fence() {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn every_byte_is_copied_also_of_a_last_page_that_is_cut() {
        let content: Vec<u8> = (0..251).cycle().take(CHUNK + 4097).collect();
        let mut from = tempfile::NamedTempFile::new().unwrap();
        from.write_all(&content).unwrap();
        let to = tempfile::NamedTempFile::new().unwrap();
        to.as_file().set_len(content.len() as u64).unwrap();
        let args = Memcpy {
            from: from.path().to_owned(),
            to: to.path().to_owned(),
            json: true,
            small: false,
        };
        main(&args).unwrap();
        assert!(std::fs::read(to.path()).unwrap() == content);
    }

    #[test]
    fn files_of_two_sizes_are_refused() {
        let (from, to) = (
            tempfile::NamedTempFile::new().unwrap(),
            tempfile::NamedTempFile::new().unwrap(),
        );
        from.as_file().set_len(4096).unwrap();
        let args = Memcpy {
            from: from.path().to_owned(),
            to: to.path().to_owned(),
            json: false,
            small: false,
        };
        let error = main(&args).unwrap_err().to_string();
        assert!(error.contains("one size"), "{error}");
    }
}
