//! `famfs-top replay`: a recording on the screen, or in any format.

use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

use super::{
    args::{Format, Show, seconds},
    complain, format,
    output::Printer,
    screen,
};
use famfs_snapshot::{
    model::delta,
    source::replay::{Moment, Replay, Span, intervals},
    store::{Damage, Entry},
    text,
};

/// Show a recording: on the screen with jump, pause and speed, or in any format of the live view.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  famfs-top replay night.famfsrec                      the screen; `?` there lists the keys
  famfs-top replay --once night.famfsrec               all of it in one table
  famfs-top replay --once --at 2026-01-01T03:12:00Z --interval 60 night.famfsrec
                                                       the minute before that moment
  famfs-top replay --csv --from +1h --to +2h night.famfsrec
  famfs-top replay --ndjson --interval 10 night.famfsrec

A moment is a time in UTC such as 2026-01-01T03:12:00Z, or a distance: +90 is 90 s after the
beginning, -5m is 5 minutes before the end.

Exit status: 0 done, 1 failed, 2 usage. What is damaged is reported and left out.")]
pub(super) struct Args {
    /// The recording.
    file: PathBuf,

    #[command(flatten)]
    show: Show,

    /// The length of an interval [default: as recorded; with --once and --json all that is asked
    /// for]
    #[arg(long, value_name = "S", value_parser = seconds)]
    interval: Option<Duration>,

    /// Print no more than so many intervals.
    #[arg(long, value_name = "N")]
    count: Option<NonZeroU64>,

    /// Begin at this moment.
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse, allow_hyphen_values = true)]
    from: Option<Moment>,

    /// End at this moment.
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse, allow_hyphen_values = true)]
    to: Option<Moment>,

    /// Show the one interval that ends at this moment; on the screen, begin there, paused.
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse, allow_hyphen_values = true,
          conflicts_with_all = ["from", "to", "count"])]
    at: Option<Moment>,

    /// How fast the screen plays: seconds of the recording in one second.
    #[arg(long, value_name = "TIMES", default_value = "1", value_parser = speed)]
    speed: f64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if args.file == Path::new("-") {
        anyhow::bail!(
            "cannot replay standard input, because a recording is read back and forth: name a \
             file, or ./- if that is its name"
        );
    }
    let cannot = || format!("cannot replay {}", args.file.display());
    let mut replay = Replay::open(&args.file).with_context(cannot)?;
    tell(args, replay.recording().damages());
    if !replay.recording().ended() {
        complain(&format!(
            "{} has no end mark: its writer writes still, or was stopped",
            args.file.display()
        ));
    }
    match format(&args.show) {
        Some(format) => print(args, &mut replay, format),
        None => play(args, replay),
    }
}

fn print(args: &Args, replay: &mut Replay, format: Format) -> anyhow::Result<()> {
    let mut printer = Printer::new(format, &args.show);
    if !printer.begin()? {
        return Ok(());
    }
    let mut earlier = None;
    for Span { first, last } in spans(args, replay, format)? {
        // The end of one interval is most often the beginning of the next.
        let (at, before) = match earlier.take() {
            Some((at, snapshot)) if at == first => (at, snapshot),
            _ => replay.sound(first)?,
        };
        // Damage in between moved the beginning on.
        let (at, now) = replay.sound(last.max(at))?;
        tell(args, &replay.met());
        if !printer.interval(&delta(&before, &now))? {
            break;
        }
        earlier = Some((at, now));
    }
    Ok(())
}

/// The intervals that are asked for.
fn spans(args: &Args, replay: &Replay, format: Format) -> anyhow::Result<Vec<Span>> {
    let entries = replay.recording().entries();
    let nothing = || {
        let times = [entries.first(), entries.last()].map(|e| e.map_or(0, Entry::time_ns));
        format!(
            "{} holds nothing there: it is of {} to {}",
            args.file.display(),
            text::rfc3339(at(times[0])),
            text::rfc3339(at(times[1]))
        )
    };
    if let Some(at) = args.at {
        let span = Span::ending(entries, at, args.interval).with_context(nothing)?;
        return Ok(vec![span]);
    }
    let span = Span::between(entries, args.from, args.to).with_context(nothing)?;
    let one = matches!(format, Format::Table | Format::Json)
        && args.interval.is_none()
        && args.count.is_none();
    if one {
        return Ok(vec![span]);
    }
    let mut spans = intervals(entries, span, args.interval);
    if let Some(count) = args.count {
        spans.truncate(usize::try_from(count.get()).unwrap_or(usize::MAX));
    }
    Ok(spans)
}

fn play(args: &Args, mut replay: Replay) -> anyhow::Result<()> {
    let entries = replay.recording().entries();
    let outside = || format!("{} holds nothing there", args.file.display());
    let span = Span::between(entries, args.from, args.to).with_context(outside)?;
    let jump = match args.at {
        None => None,
        Some(at) => {
            let place = Span::ending(entries, at, None).with_context(outside)?.last;
            let from = entries[span.first].elapsed_ns();
            Some(entries[place].elapsed_ns().saturating_sub(from))
        }
    };
    replay.limit(span);
    replay.set_speed(args.speed);
    if let Some(to) = jump {
        replay.pause(true);
        replay.jump(Duration::from_nanos(to))?;
    }
    let recorded = Duration::from_millis(replay.recording().header().interval_ms.into());
    let options = screen::Shown {
        show: &args.show,
        // Two snapshots are never exactly so far apart as was meant.
        interval: args.interval.unwrap_or(recorded / 2),
        actions: &[],
        all_dax: true,
    };
    screen::run(&mut screen::Feed::Recording(&mut replay), &options)
}

fn tell(args: &Args, damages: &[Damage]) {
    const MOST: usize = 10;
    let file = args.file.display();
    for Damage { offset, bytes, why } in damages.iter().take(MOST) {
        complain(&match bytes {
            0 => format!("{file}: what builds on byte {offset} is left out: {why}"),
            _ => format!("{file}: {bytes} bytes at byte {offset} are left out: {why}"),
        });
    }
    if damages.len() > MOST {
        complain(&format!(
            "{file}: {} more places are damaged",
            damages.len() - MOST
        ));
    }
}

fn at(time_ns: i64) -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(time_ns).unwrap_or(0))
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|s| (0.125..=64.0).contains(s));
    speed.ok_or_else(|| "must be a number from 0.125 to 64".into())
}
