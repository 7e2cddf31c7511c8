use std::path::{Path, PathBuf};

use famfs_cli::name;
use serde::Serialize;

use super::output::Output;
use super::{Error, OK};
use famfs_runtime::ops::{self, clone, place::Place, stale};

const EXAMPLES: &str = "\
Examples:
  famfs clone --image img table copy      then `famfs fsck img` finds the collision

On a mount there is no clone: two files over the same memory break the kernel's count of who
uses a page, so the module refuses the second. `famfs cp` makes a file of its own.";

/// Log a second file over the memory of a first in an image, to test what finds it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The image, a regular file.
    #[arg(long, value_name = "IMAGE")]
    image: Option<PathBuf>,

    /// Print what was logged as JSON.
    #[arg(long)]
    json: bool,

    /// Accepted for scripts.
    #[arg(short, long, hide = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// The path of the file whose memory is taken, from the root of the file system.
    source: String,

    /// The path of the new file, from the root of the file system.
    target: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct View<'a> {
    schema: u32,
    #[serde(flatten)]
    image: name::Image,
    index: u64,
    source: &'a str,
    target: &'a str,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let Some(image) = &self.image else {
            if let Ok(place) = Place::find(Path::new(&self.source)) {
                stale::check(&place.mount).map_err(Error::Op)?;
            }
            return Err(ops::Error::Refused {
                path: Path::new(&self.target).to_owned(),
                reason: "two files over the same memory break the kernel's count of who uses a \
                         page; `--image IMAGE` does it where no kernel looks"
                    .to_owned(),
            }
            .into());
        };
        let index = clone::clone(image, &self.source, &self.target)?;
        if self.json {
            out.json(&View {
                schema: 1,
                image: image.as_path().into(),
                index,
                source: &self.source,
                target: &self.target,
            })?;
            return Ok(OK);
        }
        out.line(&format!(
            "log entry {index} of {} has the memory of {}",
            image.display(),
            self.source
        ))?;
        Ok(OK)
    }
}
