//! `famfs-top record`: snapshots into a file, or the last minutes of them.

use std::{
    fs::File,
    io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use famfs_cli::stream;

use super::{
    args::{Watch, seconds},
    complain, output_error,
    pace::Pace,
    signal::Signals,
};
use famfs_snapshot::{
    model::Snapshot,
    source::Source,
    store::{self, Ring, Writer, create_new},
    text,
};

/// Record what happens into a file, for `famfs-top replay`.
///
/// Ends at SIGINT or SIGTERM, with the file complete. What was written is readable at any time,
/// whatever happens to the machine; an existing file is never touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  famfs-top record night.famfsrec                      until interrupted, a snapshot a second
  famfs-top record --interval 0.2 --count 300 x.famfsrec   one minute in detail
  famfs-top record - | ssh host 'cat > night.famfsrec'     to standard output, while it happens
  famfs-top record --ring 10 incident.famfsrec         keep the last ten minutes; SIGUSR1 writes
                                                       them to incident-TIME.famfsrec, and the end
                                                       to incident.famfsrec

Exit status: 0 done, 1 failed, 2 usage, 3 a privilege or a kernel feature is missing, 128+N
signal N came while nobody read standard output.")]
pub(super) struct Args {
    /// The file to make; `-` is standard output.
    file: PathBuf,

    /// How far apart the snapshots are.
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    interval: Duration,

    /// End after so many intervals.
    #[arg(long, value_name = "N")]
    count: Option<NonZeroU64>,

    /// Keep only the last MINUTES, in the folder FILE.ring, until SIGUSR1 or the end.
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    ring: Option<Duration>,

    #[command(flatten)]
    pub(super) watch: Watch,
}

impl Args {
    /// How often the source may be asked.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }
}

/// Where snapshots go.
enum Sink {
    File(Box<Writer<File>>),
    Output(Box<Writer<stream::Direct>>),
    Ring(Box<Ring>, Arc<AtomicBool>),
}

/// Records until the end; whatever ends it, what was recorded is complete on disk.
pub(super) fn run(source: &mut dyn Source, args: &Args) -> anyhow::Result<()> {
    let signals = Signals::listen().context("cannot catch signals")?;
    let first = source.poll()?;
    if args.file == Path::new("-") {
        return match record_to_output(source, args, &signals, &first) {
            // The reader has seen enough.
            Err(error) if is_broken_pipe(&error) => Ok(()),
            done => done,
        };
    }
    let mut sink = Sink::open(args)?;
    let recorded = record(source, args, &signals, &first, &mut sink);
    let finished = sink.finish(&args.file);
    let snapshots = recorded?;
    finished?;
    let bytes = std::fs::metadata(&args.file).map_or(0, |m| m.len());
    complain(&format!(
        "{snapshots} snapshots recorded, {bytes} bytes in {}; see them with: famfs-top replay {}",
        args.file.display(),
        args.file.display()
    ));
    Ok(())
}

/// Records to standard output. What could not be written whole gets no end mark, and nothing
/// waits a second time for a reader that did not read.
fn record_to_output(
    source: &mut dyn Source,
    args: &Args,
    signals: &Signals,
    first: &Snapshot,
) -> anyhow::Result<()> {
    let mut sink = Sink::open_output(args)?;
    let snapshots = record(source, args, signals, first, &mut sink)?;
    sink.finish(&args.file)?;
    complain(&format!(
        "{snapshots} snapshots recorded to standard output"
    ));
    Ok(())
}

fn record(
    source: &mut dyn Source,
    args: &Args,
    signals: &Signals,
    first: &Snapshot,
    sink: &mut Sink,
) -> anyhow::Result<u64> {
    let cannot = || format!("cannot record to {}", name(&args.file));
    sink.append(first).with_context(cannot)?;
    let mut pace = Pace::new(args.interval);
    let mut intervals = 0;
    while args.count.is_none_or(|count| intervals < count.get()) {
        let whole = pace.interval(source, signals)?;
        let now = source.poll()?;
        sink.append(&now).with_context(cannot)?;
        sink.dump_if_wanted(&args.file, &now);
        intervals += 1;
        if !whole {
            break;
        }
    }
    Ok(intervals + 1)
}

/// What messages call the file.
fn name(file: &Path) -> std::borrow::Cow<'_, str> {
    if file == Path::new("-") {
        "standard output".into()
    } else {
        file.to_string_lossy()
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    output_error(error).is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl Sink {
    fn open(args: &Args) -> anyhow::Result<Self> {
        let file = &args.file;
        let explain = |error| match error {
            store::Error::Io { error, .. } if error.kind() == io::ErrorKind::AlreadyExists => {
                anyhow::anyhow!("{} exists: give another name, or remove it", file.display())
            }
            error => {
                anyhow::Error::new(error).context(format!("cannot record to {}", file.display()))
            }
        };
        let Some(keep) = args.ring else {
            let created = create_new(file).and_then(|file| Writer::new(file, args.interval));
            return created.map(Box::new).map(Self::File).map_err(explain);
        };
        if file.exists() {
            anyhow::bail!("{} exists: give another name, or remove it", file.display());
        }
        let folder = file.with_added_extension("ring");
        let ring =
            Ring::create(folder.clone(), keep, args.interval).map_err(|error| match error {
                store::Error::Io { error, .. } if error.kind() == io::ErrorKind::AlreadyExists => {
                    anyhow::anyhow!(
                        "{} holds what an earlier run kept: each file in it is a recording; replay \
                     what you want of it, then remove it",
                        folder.display()
                    )
                }
                error => explain(error),
            })?;
        let wanted = Signals::dump().context("cannot catch SIGUSR1")?;
        Ok(Self::Ring(Box::new(ring), wanted))
    }

    fn open_output(args: &Args) -> anyhow::Result<Self> {
        if args.ring.is_some() {
            anyhow::bail!(
                "--ring keeps recordings beside a file, and standard output is none: name a file, \
                 or ./- if that is its name"
            );
        }
        if stream::is_terminal() {
            anyhow::bail!(
                "refusing to write a recording, which is binary, to a terminal: name a file, or \
                 send standard output somewhere else"
            );
        }
        let cannot = "cannot record to standard output";
        let writer = Writer::new(stream::Direct, args.interval).context(cannot)?;
        Ok(Self::Output(Box::new(writer)))
    }

    fn append(&mut self, snapshot: &Snapshot) -> Result<(), store::Error> {
        match self {
            Self::File(writer) => writer.append(snapshot),
            Self::Output(writer) => writer.append(snapshot),
            Self::Ring(ring, _) => ring.append(snapshot),
        }
    }

    /// Where that fails, the ring goes on: the next try may find room.
    fn dump_if_wanted(&self, file: &Path, now: &Snapshot) {
        let Self::Ring(ring, wanted) = self else {
            return;
        };
        if !wanted.swap(false, Ordering::Relaxed) {
            return;
        }
        let to = dump_name(file, &text::rfc3339(now.time));
        match ring.dump(&to) {
            Ok(()) => complain(&format!("what is kept is in {}", to.display())),
            Err(error) => complain(&format!("{}: {error}", to.display())),
        }
    }

    fn finish(self, file: &Path) -> anyhow::Result<()> {
        match self {
            Self::File(writer) => {
                let cannot = || format!("cannot record to {}", file.display());
                let written = writer.finish().with_context(cannot)?;
                written.sync_all().with_context(cannot)
            }
            // What reads it decides how safe it is.
            Self::Output(writer) => {
                let finished = writer.finish().context("cannot record to standard output");
                finished.map(|_| ())
            }
            Self::Ring(ring, _) => {
                let folder = file.with_added_extension("ring");
                ring.finish(file).with_context(|| {
                    format!(
                        "{}: what was kept is in {}",
                        file.display(),
                        folder.display()
                    )
                })
            }
        }
    }
}

/// `incident.famfsrec` of a moment: `incident-20260101T000005.123Z.famfsrec`.
fn dump_name(file: &Path, time: &str) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(time.replace(['-', ':'], ""));
    let name = file.with_file_name(name);
    match file.extension() {
        Some(extension) => name.with_added_extension(extension),
        None => name,
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes = text.parse().ok().filter(|m| (0.1..=10_080.0).contains(m));
    minutes
        .map(|m: f64| Duration::from_secs_f64(m * 60.0))
        .ok_or_else(|| "must be a number of minutes from 0.1 to 10080, which is a week".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_named_after_its_moment() {
        let name = |file: &str| dump_name(Path::new(file), "2026-01-01T00:00:05.007Z");
        let expected = "/a/incident-20260101T000005.007Z.famfsrec";
        assert_eq!(name("/a/incident.famfsrec"), Path::new(expected));
        assert_eq!(name("night"), Path::new("night-20260101T000005.007Z"));
    }

    #[test]
    fn a_ring_keeps_a_sane_number_of_minutes() {
        assert_eq!(minutes("0.5"), Ok(Duration::from_secs(30)));
        for text in ["", "0", "-1", "NaN", "10081", "5m"] {
            assert!(minutes(text).is_err(), "{text}");
        }
    }
}
