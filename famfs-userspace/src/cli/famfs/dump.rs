use std::path::PathBuf;

use super::output::Output;
use super::{Error, OK, note_image};
use crate::dump::{Dump, kind_name};
use famfs_media::format::{Body, Super};
use famfs_media::volume::{Slot, Volume};
use famfs_runtime::ops::open;
use famfs_snapshot::text::printable;

const EXAMPLES: &str = "\
Examples:
  famfs dump /dev/pmem0          one line an entry
  famfs dump --json img          every field

It shows what is there, right or wrong; `famfs fsck` judges.";

/// Show superblock, log header and log entries field by field.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print every field as JSON.
    #[arg(long)]
    json: bool,

    /// A device, an image, or a folder of a mount.
    path: PathBuf,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        note_image(&self.path);
        let volume = open::open(&self.path)?.volume;
        if self.json {
            out.json(&Dump::new(&volume))?;
        } else {
            print(&volume, out)?;
        }
        Ok(OK)
    }
}

fn print(volume: &Volume, out: &mut Output) -> Result<(), Error> {
    out.line(&superblock(&volume.superblock))?;
    let header = &volume.header;
    out.line(&format!(
        "log         {} bytes, last slot {}, next entry {}, next number {}",
        header.len, header.last_index, header.next_index, header.next_seqnum
    ))?;
    if let Err(fault) = volume.check() {
        out.line(&format!("fault       {fault}"))?;
    }
    for slot in volume.slots() {
        out.line(&entry(&slot))?;
    }
    Ok(())
}

fn superblock(sb: &Super) -> String {
    let (version, fs_uuid) = match sb {
        Super::Current(sb) => (
            format!("{} (OMF {}.{})", sb.version, sb.omf_major, sb.omf_minor),
            sb.fs_uuid,
        ),
        Super::V46(sb) => (sb.version.to_string(), sb.fs_uuid),
    };
    format!(
        "superblock  version {version}, device {} bytes, log {} bytes, unit {} bytes, uuid {fs_uuid}",
        sb.dev_size(),
        sb.log_len(),
        sb.alloc_unit(),
    )
}

fn entry(slot: &Slot) -> String {
    let what = match &slot.entry.body {
        Body::File(f) => {
            let extents: Vec<String> = f
                .map
                .extents()
                .iter()
                .map(|e| format!("{}+{}", e.offset, e.len))
                .collect();
            format!(
                "{:o} {}:{} {} bytes at {} {}",
                f.mode,
                f.uid,
                f.gid,
                f.size,
                extents.join(","),
                printable(&f.path.lossy())
            )
        }
        Body::Mkdir(d) => {
            format!(
                "{:o} {}:{} {}",
                d.mode,
                d.uid,
                d.gid,
                printable(&d.path.lossy())
            )
        }
        Body::AddDaxdev { size, uuid, index } => format!("device {index} {uuid}, {size} bytes"),
        Body::Delete | Body::Access | Body::Unknown => format!("type {}", slot.entry.type_code),
    };
    let fault = slot
        .fault()
        .map(|f| format!("  FAULT {f}"))
        .unwrap_or_default();
    format!(
        "{:>8}  {:<10} {what}{fault}",
        slot.index,
        kind_name(&slot.entry.body)
    )
}
