use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use serde::Serialize;

use super::output::Output;
use super::{Error, OK};
use crate::kernel::abi;
use crate::media::Extent;
use crate::ops;

const EXAMPLES: &str = "\
Examples:
  famfs getmap /mnt/famfs/table
  famfs getmap --json /mnt/famfs/table";

/// Show where on the device the kernel has the bytes of a file.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print the map as JSON.
    #[arg(long)]
    json: bool,

    /// A file of a mounted file system.
    file: PathBuf,
}

#[derive(Serialize)]
struct View {
    schema: u32,
    size: u64,
    file_type: u32,
    ext_type: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk_size: Option<u64>,
    extents: Vec<Extent>,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let path = &self.file;
        let file = File::open(path).map_err(ops::failed("open", path))?;
        if !abi::is_famfs(file.as_fd()) {
            return Err(ops::Error::NotFamfs { path: path.clone() }.into());
        }
        let map = abi::get_map(file.as_fd())
            .map_err(ops::failed("read the map of", path))?
            .ok_or_else(|| ops::refused(path, "the file has no map"))?;
        let view = View {
            schema: 1,
            size: map.size,
            file_type: map.file_type,
            ext_type: map.ext_type,
            chunk_size: map.chunk_size,
            extents: map.extents,
        };
        if self.json {
            out.json(&view)?;
            return Ok(OK);
        }
        let interleaved = view
            .chunk_size
            .map(|c| format!(", chunks of {c} over"))
            .unwrap_or_default();
        out.line(&format!(
            "{} bytes{interleaved} {} extents",
            view.size,
            view.extents.len()
        ))?;
        for extent in &view.extents {
            out.line(&format!("  {:#x} {}", extent.offset, extent.len))?;
        }
        Ok(OK)
    }
}
