//! `famfs-top serve`: metrics for Prometheus.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::ValueEnum;

use super::{args::Watch, attach, complain, pace::NAP, signal::Signals};
use famfs_instruments::serve::{Buckets, FILES_MAX, Server, TopFiles, render};
use famfs_machine::privilege::Keep;
use famfs_snapshot::source::Source;

/// Serve metrics for Prometheus over HTTP, in the format of `OpenMetrics`: /metrics, and /healthz.
///
/// Each scrape is one snapshot. Percentiles are for the server to work out, from histograms whose
/// bounds never change.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  famfs-top serve                                  on 127.0.0.1:9717
  famfs-top serve --metrics-top-files 20           with the paths of the busiest files
  curl -s http://127.0.0.1:9717/metrics            what a scrape sees

Exit status: 0 ended by a signal, 1 failed, 2 usage, 3 a privilege or a kernel feature is missing.")]
pub(super) struct Args {
    /// Where to listen; port 0 takes a free one, and the address is written to standard error.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9717")]
    listen: SocketAddr,

    /// Listen on an address that other machines reach: there is neither a password nor
    /// encryption, and whoever reaches it learns what runs here.
    #[arg(long)]
    allow_remote: bool,

    /// How fine the histograms are.
    #[arg(long, value_enum, value_name = "BUCKETS", default_value_t = Fineness::Octave)]
    metrics_buckets: Fineness,

    /// Give the N busiest files series of their own, labelled with their paths; all others are
    /// one series, `other`.
    #[arg(long, value_name = "N", default_value = "0", value_parser = top_files)]
    metrics_top_files: usize,

    #[command(flatten)]
    watch: Watch,
}

/// How long the source is left alone when nobody asks.
const BETWEEN_SCRAPES: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Fineness {
    /// One bucket a power of two: 31 series.
    Octave,
    /// Eight a power of two, as in the kernel: 234 series, at most 12.5 % wide.
    Fine,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if !args.listen.ip().is_loopback() && !args.allow_remote {
        anyhow::bail!(
            "refusing to listen on {}, which other machines may reach: there is neither a password \
             nor encryption. Let a proxy that has both ask 127.0.0.1, or say --allow-remote",
            args.listen
        );
    }
    let signals = Signals::listen().context("cannot catch signals")?;
    let mut source = attach(&args.watch, BETWEEN_SCRAPES, Keep::Nothing)?;
    let server =
        Server::start(args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    complain(&format!("serving http://{}/metrics", server.address()));
    let buckets = match args.metrics_buckets {
        Fineness::Octave => Buckets::Octave,
        Fineness::Fine => Buckets::Fine,
    };
    let mut files = TopFiles::new(args.metrics_top_files);
    answer(source.as_mut(), &server, &signals, buckets, &mut files)
}

/// Polls the source, and once more for whoever asks.
fn answer(
    source: &mut dyn Source,
    server: &Server,
    signals: &Signals,
    buckets: Buckets,
    files: &mut TopFiles,
) -> anyhow::Result<()> {
    let mut due = Instant::now();
    while !signals.ended() {
        let asked = server.next(due.saturating_duration_since(Instant::now()).min(NAP));
        if asked.is_none() && Instant::now() < due {
            continue;
        }
        let snapshot = source.poll()?;
        if let Some(answer) = asked {
            files.observe(&snapshot);
            answer.send(render(&snapshot, buckets, files));
        }
        due = Instant::now() + BETWEEN_SCRAPES;
    }
    Ok(())
}

fn top_files(text: &str) -> Result<usize, String> {
    let n = text.parse().ok().filter(|n| *n <= FILES_MAX);
    n.ok_or_else(|| format!("must be a number from 0 to {FILES_MAX}: each is a series for ever"))
}
