use std::path::PathBuf;

use famfs_cli::name;
use serde::Serialize;

use super::output::Output;
use super::watching::{Unit, Watching};
use super::{Error, FAILED, OK, complain, manifest, number};
use famfs_runtime::ops::{data, pool};

const EXAMPLES: &str = "\
Examples:
  famfs verify -S 42 -f /mnt/famfs/seeded
  famfs verify -m /mnt/famfs/a,1 -m /mnt/famfs/b,2 -t 2

It only reads: a client's read-only files can be verified, too.";

/// Check that files hold what `creat` filled them with from a seed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The seed.
    #[arg(short = 'S', long, value_name = "SEED", requires = "file",
          conflicts_with = "multi", value_parser = manifest::seed)]
    seed: Option<u32>,

    /// The file.
    #[arg(
        short,
        long,
        alias = "filename",
        value_name = "FILE",
        requires = "seed",
        required_unless_present = "multi",
        conflicts_with = "multi"
    )]
    file: Option<PathBuf>,

    /// A file and its seed; more can be given the same way.
    #[arg(short, long, value_name = "FILE,SEED", value_parser = pair)]
    multi: Vec<(PathBuf, u32)>,

    /// Threads, from 0 (this one) to 256. Without: one for each CPU.
    #[arg(short, long, value_name = "N", value_parser = number::up_to::<u16>(256))]
    threadct: Option<u16>,

    /// Say nothing of files that are right.
    #[arg(short, long)]
    quiet: bool,

    /// Accepted for scripts.
    #[arg(short, long, hide = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Print the verdicts as JSON.
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(PathBuf, u32), String> {
    match text.rsplit_once(',') {
        Some((file, seed)) if !file.is_empty() => Ok((file.into(), manifest::seed(seed)?)),
        _ => Err("an item is FILE,SEED".to_owned()),
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Verdict {
    #[serde(flatten)]
    path: name::Path,
    seed: u32,
    ok: bool,
    /// The first byte that is another.
    differs_at: Option<u64>,
    error: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct View {
    schema: u32,
    files: Vec<Verdict>,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let single = self.file.iter().cloned().zip(self.seed);
        let files: Vec<(PathBuf, u32)> = single.chain(self.multi.iter().cloned()).collect();
        let threads = self.threadct.map_or_else(pool::default_threads, Into::into);
        let mut watching = Watching::start(Unit::Bytes)?;
        let watch = &watching.watch;
        for (path, _) in &files {
            watch.expect(std::fs::metadata(path).map_or(0, |meta| meta.len()));
        }
        let threads = if files.len() == 1 { 0 } else { threads };
        let mut done = pool::run(threads, files.iter().enumerate(), |(i, (path, seed))| {
            (i, data::verify(path, *seed, watch))
        });
        watching.end();
        if watching.watch.signal().is_some() {
            return Ok(watching.interrupted());
        }
        done.sort_by_key(|(i, _)| *i);
        let mut status = OK;
        let mut verdicts = Vec::new();
        for ((path, seed), (_, result)) in files.into_iter().zip(done) {
            let (differs_at, error) = match result {
                Ok(at) => (at, None),
                Err(e) => {
                    let text = format!("{:#}", anyhow::Error::new(e));
                    complain(&text);
                    (None, Some(text))
                }
            };
            if let Some(at) = differs_at {
                complain(&format!(
                    "{}: byte {at} is not of seed {seed}",
                    path.display()
                ));
            }
            let ok = differs_at.is_none() && error.is_none();
            if !ok {
                status = FAILED;
            } else if !self.quiet && !self.json {
                out.line(&format!("{}: ok", path.display()))?;
            }
            verdicts.push(Verdict {
                path: path.as_path().into(),
                seed,
                ok,
                differs_at,
                error,
            });
        }
        if self.json {
            out.json(&View {
                schema: 1,
                files: verdicts,
            })?;
        }
        Ok(status)
    }
}
