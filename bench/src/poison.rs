//! `famfs-bench poison`: one page reported as broken memory, and what that did to everybody.

mod after;

use std::fs::{File, OpenOptions};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use famfs_cli::name;
use nix::errno::Errno;
use nix::sys::mman::{MmapAdvise, madvise};
use serde::Serialize;

use self::after::{After, Held};
use crate::cli::Poison;
use crate::guard::{self, Bus, Outcome};
use crate::workload::map::{Mapping, Placement, Request};
use crate::workload::{PAGE, touch};
use crate::{output, sys};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: u32,
    #[serde(flatten)]
    file: name::File,
    /// The poisoned page's place in the file.
    offset: u64,
    /// Whether the kernel took the poison.
    delivered: bool,
    /// What the process that mapped the page met; absent if it met nothing.
    #[serde(flatten)]
    signal: Option<Signalled>,
    after: After,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Signalled {
    signal: &'static str,
    code: String,
    /// `si_addr`.
    address: String,
    /// Where in the file that address is.
    address_offset: Option<u64>,
    /// `madvise`, or `touch` for the first touch after it.
    during: &'static str,
}

const TOUCHING: i32 = 0;
const ADVISING: i32 = 1;
const TOUCHING_AGAIN: i32 = 2;

pub(crate) fn main(args: &Poison) -> Result<ExitCode> {
    let name = args.file.display();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&args.file)
        .with_context(|| format!("cannot open {name}"))?;
    let page = page_of(file.metadata()?.len(), args.offset)
        .with_context(|| format!("cannot poison {name}"))?;
    ensure!(
        sys::is_dax(&file).with_context(|| format!("cannot stat {name}"))?,
        "{name} is no DAX file: its pages are a cache in this machine's own memory, and \
         poisoning those takes memory away from the machine"
    );
    let held = Held::of(&args.file, &file, page)?;
    let mapping = map_page(&file, page).with_context(|| format!("cannot map {name}"))?;

    let outcome = guard::run(|| poison(&mapping))?;
    let signal =
        judge(&outcome, &mapping, page).with_context(|| format!("cannot poison {name}"))?;
    drop(mapping);
    let report = Report {
        schema: 1,
        file: args.file.as_path().into(),
        offset: page,
        delivered: true,
        signal,
        after: held.look()?,
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::text(&human(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The page that holds byte `offset` of a file of `size` bytes.
fn page_of(size: u64, offset: u64) -> Result<u64> {
    ensure!(
        offset < size,
        "byte {offset} is past the end of the file, which has {size} bytes"
    );
    Ok(offset - offset % PAGE as u64)
}

fn map_page(file: &File, page: u64) -> Result<Mapping, Errno> {
    Mapping::new(
        file,
        Request {
            offset: page,
            len: PAGE,
            placement: Placement::Aligned,
            private: false,
            writable: true,
        },
    )
}

/// Runs in the child: the page must be mapped for the kernel to find the memory behind it.
fn poison(mapping: &Mapping) -> Result<u64, Errno> {
    guard::stage(TOUCHING);
    touch::read_each(mapping, PAGE, PAGE);
    guard::stage(ADVISING);
    // SAFETY: the page is part of a mapping that lives on; poisoning is what was asked for.
    unsafe { madvise(mapping.base().cast(), PAGE, MmapAdvise::MADV_HWPOISON) }?;
    guard::stage(TOUCHING_AGAIN);
    touch::read_each(mapping, PAGE, PAGE);
    Ok(0)
}

/// Whether the poison was delivered, and the signal that came with it.
fn judge(outcome: &Outcome, mapping: &Mapping, page: u64) -> Result<Option<Signalled>> {
    match *outcome {
        Outcome::Done(Ok(_)) => Ok(None),
        Outcome::Done(Err(Errno::EPERM)) => {
            bail!("madvise(MADV_HWPOISON) needs CAP_SYS_ADMIN; run it as root, in the lab")
        }
        Outcome::Done(Err(Errno::EINVAL)) => {
            bail!("this kernel has no MADV_HWPOISON; it needs CONFIG_MEMORY_FAILURE")
        }
        Outcome::Done(Err(errno)) => bail!("madvise(MADV_HWPOISON): {errno}"),
        Outcome::Bus(bus) if bus.stage == TOUCHING => bail!(
            "touching byte {page} met SIGBUS {} before any poison: its mount is disabled or the \
             page is poisoned already",
            bus.code_name()
        ),
        Outcome::Bus(bus) => Ok(Some(signalled(bus, mapping, page))),
    }
}

fn signalled(bus: Bus, mapping: &Mapping, page: u64) -> Signalled {
    let base = mapping.base().as_ptr().addr() as u64;
    let within = bus
        .address
        .checked_sub(base)
        .filter(|&at| at < mapping.len() as u64);
    Signalled {
        signal: "SIGBUS",
        code: bus.code_name(),
        address: format!("{:#x}", bus.address),
        address_offset: within.map(|at| page + at),
        during: if bus.stage == ADVISING {
            "madvise"
        } else {
            "touch"
        },
    }
}

fn human(report: &Report) -> String {
    let met = match &report.signal {
        Some(signal) => {
            format!(
                "{} {} at {} during {}",
                signal.signal, signal.code, signal.address, signal.during
            )
        }
        None => "no signal".into(),
    };
    format!(
        "{}: page at {} poisoned; its process met {met}\n{}",
        report.file.text(),
        report.offset,
        report.after.human()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_names_its_page() {
        assert_eq!(page_of(10_000, 9_999).unwrap(), 8192);
        assert_eq!(page_of(4096, 0).unwrap(), 0);
        assert!(page_of(4096, 4096).is_err());
        assert!(page_of(0, 0).is_err());
    }

    #[test]
    fn a_file_of_the_page_cache_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4096).unwrap();
        let args = Poison {
            file: file.path().to_owned(),
            offset: 0,
            json: false,
        };
        let error = main(&args).unwrap_err().to_string();
        assert!(error.contains("is no DAX file"), "{error}");
    }

    #[test]
    fn a_signal_reads_as_json_beside_the_other_fields() {
        let report = Report {
            schema: 1,
            file: std::path::Path::new("/mnt/f").into(),
            offset: 4096,
            delivered: true,
            signal: Some(Signalled {
                signal: "SIGBUS",
                code: "BUS_MCEERR_AR".into(),
                address: "0x7000".into(),
                address_offset: Some(4096),
                during: "madvise",
            }),
            after: After::default(),
        };
        let json: serde_json::Value = serde_json::to_value(&report).unwrap();
        assert_eq!(json["signal"], "SIGBUS");
        assert_eq!(json["code"], "BUS_MCEERR_AR");
        assert_eq!(json["after"]["read"], "");
        assert!(human(&report).contains("BUS_MCEERR_AR at 0x7000 during madvise"));
    }
}
