use std::path::PathBuf;

use famfs_cli::name;
use serde::Serialize;

use super::output::Output;
use super::watching::{Unit, Watching};
use super::{Error, FAILED, OK, complain};
use famfs_runtime::ops::data;

const EXAMPLES: &str = "\
Examples:
  famfs chkread /mnt/famfs/table
  famfs chkread -l /mnt/famfs/.meta/.log";

/// Check that a read and a mapping of a file show the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file is a superblock: it must start as one.
    #[arg(short, long, conflicts_with = "log")]
    superblock: bool,

    /// The file is a log: it must start as one.
    #[arg(short, long)]
    log: bool,

    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,

    /// Accepted for scripts.
    #[arg(short, long, hide = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// The file.
    file: PathBuf,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct View {
    schema: u32,
    #[serde(flatten)]
    path: name::Path,
    ok: bool,
    /// The first byte that a read and a mapping do not show alike.
    differs_at: Option<u64>,
    /// Whether it starts as a superblock or log, where that was asked.
    starts_right: Option<bool>,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let path = &self.file;
        let mut watching = Watching::start(Unit::Bytes)?;
        watching
            .watch
            .expect(std::fs::metadata(path).map_or(0, |meta| meta.len()));
        let differs = data::reads_alike(path, &watching.watch);
        watching.end();
        if watching.watch.signal().is_some() {
            return Ok(watching.interrupted());
        }
        let differs_at = differs?;
        let magic = match (self.superblock, self.log) {
            (true, _) => Some(famfs_media::format::superblock::MAGIC),
            (_, true) => Some(famfs_media::format::log::MAGIC),
            _ => None,
        };
        let starts_right = match magic {
            Some(magic) if differs_at.is_none() => Some(data::starts_with(path, magic)?),
            _ => None,
        };
        if let Some(at) = differs_at {
            complain(&format!(
                "{}: a read and a mapping differ at byte {at}",
                path.display()
            ));
        }
        if starts_right == Some(false) {
            complain(&format!("{}: it does not start as one", path.display()));
        }
        let ok = differs_at.is_none() && starts_right != Some(false);
        if self.json {
            out.json(&View {
                schema: 1,
                path: path.as_path().into(),
                ok,
                differs_at,
                starts_right,
            })?;
        } else if ok {
            out.line(&format!("{}: ok", path.display()))?;
        }
        Ok(if ok { OK } else { FAILED })
    }
}
