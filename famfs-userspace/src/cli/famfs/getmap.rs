use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use famfs_cli::name;
use serde::Serialize;

use super::output::Output;
use super::{Error, OK, complain_of};
use famfs_machine::kernel::abi;
use famfs_media::format::Extent;
use famfs_runtime::ops::{self, stale};
use famfs_snapshot::text::printable;

const EXAMPLES: &str = "\
Examples:
  famfs getmap /mnt/famfs/table
  famfs getmap --json /mnt/famfs/table
  famfs getmap -q /mnt/famfs/table && echo mapped

The exit status is 0 when every file has a map.";

/// Show where on the device the kernel has the bytes of files.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print nothing; the exit status tells.
    #[arg(short, long)]
    quiet: bool,

    /// Accepted for scripts.
    #[arg(short, long, hide = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Go on with the next file after one that has no map.
    #[arg(short = 'c', long = "continue")]
    go_on: bool,

    /// Print the map as JSON; of several files, a list of maps.
    #[arg(long)]
    json: bool,

    /// Files of a mounted file system.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct View {
    schema: u32,
    #[serde(flatten)]
    path: name::Path,
    size: u64,
    file_type: u32,
    ext_type: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk_size: Option<u64>,
    extents: Vec<Extent>,
}

/// The map of one file, or the list of the maps of several.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum Maps {
    One(View),
    Several(Vec<View>),
}

impl Maps {
    fn new(mut views: Vec<View>, asked: usize) -> Self {
        match views.pop() {
            Some(view) if asked == 1 => Self::One(view),
            last => {
                views.extend(last);
                Self::Several(views)
            }
        }
    }
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let mut status = OK;
        let mut views = Vec::new();
        for path in &self.files {
            match view(path) {
                Ok(view) if self.json => views.push(view),
                Ok(_) if self.quiet => {}
                Ok(view) => print(&view, self.files.len() > 1, out)?,
                Err(e) if self.go_on => status = complain_of(Error::Op(e)).max(status),
                Err(e) => return Err(e.into()),
            }
        }
        if self.json && !self.quiet {
            out.json(&Maps::new(views, self.files.len()))?;
        }
        Ok(status)
    }
}

fn view(path: &Path) -> Result<View, ops::Error> {
    let kind = std::fs::metadata(path).map_err(ops::failed("look at", path))?;
    if !kind.is_file() {
        return Err(ops::refused(path, "it is not a regular file"));
    }
    let file = File::open(path).map_err(ops::failed("open", path))?;
    if !abi::is_famfs(file.as_fd()) {
        return Err(ops::Error::NotFamfs {
            path: path.to_owned(),
        });
    }
    let meta = file.metadata().map_err(ops::failed("look at", path))?;
    stale::check_file(&meta, path)?;
    let map = abi::get_map(file.as_fd())
        .map_err(ops::failed("read the map of", path))?
        .ok_or_else(|| ops::refused(path, "the file has no map"))?;
    Ok(View {
        schema: 1,
        path: path.into(),
        size: map.size,
        file_type: map.file_type,
        ext_type: map.ext_type,
        chunk_size: map.chunk_size,
        extents: map.extents,
    })
}

fn print(view: &View, named: bool, out: &mut Output) -> Result<(), Error> {
    let name = if named {
        format!("{}: ", view.path.text())
    } else {
        String::new()
    };
    let pieces = match view.chunk_size {
        Some(chunk) => format!("chunks of {chunk} over {} strips", view.extents.len()),
        None => format!("{} extents", view.extents.len()),
    };
    out.line(&printable(&format!("{name}{} bytes, {pieces}", view.size)))?;
    for Extent {
        devindex,
        offset,
        len,
    } in &view.extents
    {
        let device = match devindex {
            0 => String::new(),
            n => format!(" of device {n}"),
        };
        out.line(&format!("  {offset:#x} {len}{device}"))?;
    }
    Ok(())
}
