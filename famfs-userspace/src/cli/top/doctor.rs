//! `famfs-top doctor`: can faults be watched here, and if not, what to do.

use std::path::PathBuf;

use anyhow::Context as _;

use super::output::{print, print_json};
use famfs_instruments::doctor::{self, Status};

const EXAMPLES: &str = "\
Examples:
  famfs-top doctor                     what works, what does not, and what to do about it
  famfs-top doctor --file /mnt/data    make the fault of the self-test on this DAX file
  famfs-top doctor --json | jq '.findings[] | select(.verdict != \"ok\")'

Exit status: 0 all well, 1 watching works, with gaps, 2 usage, 3 nothing can be watched.";

/// Check what watching needs, and see one fault counted.
///
/// The kernel, its type information, the capabilities, the module, the mounts and every probe
/// are looked at; then one page of a DAX file is mapped and read, and that fault must be counted
/// exactly once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,

    /// Make the self-test's fault on this file [default: one of a mounted famfs].
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Everything is well.
pub(super) const WELL: u8 = 0;
pub(super) const DEGRADED: u8 = 1;

pub(super) fn run(args: &Args) -> anyhow::Result<u8> {
    let facts = doctor::gather(args.file.as_deref());
    let findings = doctor::judge(&facts);
    if args.json {
        let document = doctor::Document::new(&facts, &findings);
        let text = serde_json::to_string_pretty(&document).context("cannot write the findings")?;
        print_json(&format!("{text}\n"))?;
    } else {
        print(&doctor::text(&findings))?;
    }
    Ok(match doctor::status(&findings) {
        Status::AllWell => WELL,
        Status::Degraded => DEGRADED,
        Status::CannotWatch => super::UNSUPPORTED,
    })
}
