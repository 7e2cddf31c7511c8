use std::path::PathBuf;

use super::output::Output;
use super::watching::{Unit, Watching};
use super::{Error, FAILED, OK, complain};
use crate::ops::data;

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

    /// The file.
    file: PathBuf,
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
        if let Some(at) = differs? {
            complain(&format!(
                "{}: a read and a mapping differ at byte {at}",
                path.display()
            ));
            return Ok(FAILED);
        }
        let magic = match (self.superblock, self.log) {
            (true, _) => Some(crate::media::superblock::MAGIC),
            (_, true) => Some(crate::media::log::MAGIC),
            _ => None,
        };
        if let Some(magic) = magic
            && !data::starts_with(path, magic)?
        {
            complain(&format!("{}: it does not start as one", path.display()));
            return Ok(FAILED);
        }
        out.line(&format!("{}: ok", path.display()))?;
        Ok(OK)
    }
}
