//! The order of things: warm up, count what the kernel holds, attack, count again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{
    leak::{self, Census, SLACK},
    oracle::ranges::Ranges,
    phase::{
        calls::Calls,
        chaos::Chaos,
        claim::Claim,
        data::Data,
        mounts::{self, Mounts},
        names::{self, Names},
    },
    prng::Seed,
    run::{self, Phase, Plan, Report},
    say, sigbus,
    target::{self, Target},
    totals, watchdog,
};

/// Throw random calls, mounts and races at famfs, and check what must hold.
#[derive(Debug, clap::Parser)]
#[command(name = "lab-fuzz", version)]
pub(crate) struct Args {
    /// Operations, of all phases together
    #[arg(long, default_value_t = 200_000)]
    ops: u64,
    /// Stop after this many seconds, whatever is left to do
    #[arg(long = "for", value_name = "SECONDS")]
    duration: Option<u64>,
    /// Decimal, or hexadecimal after 0x [default: a new one, which is printed]
    #[arg(long)]
    seed: Option<Seed>,
    /// An operation that takes longer than this many seconds hangs
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    hang: u64,
    /// Only these
    #[arg(long, value_enum)]
    phase: Vec<Name>,
    /// Print the operations that a thread of the phases would do, and do nothing
    #[arg(long, value_name = "THREAD")]
    list: Option<usize>,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Calls,
    Names,
    Data,
    Mounts,
    Chaos,
    Claim,
}

/// Each phase, its threads, and its share of the operations in thousandths. A mount takes a
/// thousand times as long as an ioctl, a race around one ten times that.
const PHASES: &[(Name, usize, u64)] = &[
    (Name::Calls, 4, 400),
    (Name::Names, 4, 230),
    (Name::Data, 4, 230),
    (Name::Mounts, 3, 35),
    (Name::Chaos, 8, 102),
    (Name::Claim, 1, 3),
];

/// Operations that fill the kernel's caches before the first count.
const WARM_UP: u64 = 4000;
const WARM_UP_SEED: Seed = Seed(1);

/// Runs what was asked for; whether everything held.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let seed = args.seed.unwrap_or_else(Seed::any);
    let target = Target::find()?;
    let attack = Attack {
        target: &target,
        ranges: Ranges::default(),
        hang: Duration::from_secs(args.hang),
    };
    let chosen: Vec<_> = PHASES
        .iter()
        .filter(|(name, _, _)| args.phase.is_empty() || args.phase.contains(name))
        .copied()
        .collect();
    if let Some(thread) = args.list {
        for (name, threads, share) in &chosen {
            if thread < *threads {
                attack.list(
                    *name,
                    seed,
                    thread,
                    args.ops * share / 1000 / *threads as u64,
                );
            }
        }
        return Ok(true);
    }
    say(&format!(
        "fuzz: seed {seed}, {} operations on {} ({} MiB{}, KABI {})",
        args.ops,
        target.device,
        target.rules.device >> 20,
        match &target.second {
            Some(second) => format!("; {second}, {} MiB", target.rules.second >> 20),
            None => String::new(),
        },
        if target.rules.complete {
            "42, 43, 44"
        } else {
            "42, 43"
        }
    ));
    sigbus::install();

    let mut reports = Vec::new();
    for (name, threads, share) in &chosen {
        let plan = attack.plan(WARM_UP_SEED, *threads, WARM_UP * share / 1000, None);
        reports.push(attack.phase(*name, &plan));
    }
    let warm_up = totals::verdict("warm_up", WARM_UP_SEED, &reports);
    target::unload()?;
    let before = Census::take();
    target::load()?;

    let mut reports = Vec::new();
    let shares: u64 = chosen.iter().map(|(_, _, share)| share).sum();
    let mut passed = warm_up;
    for (name, threads, share) in &chosen {
        let time = args
            .duration
            .map(|all| Duration::from_millis(all * 1000 * share / shares));
        let plan = attack.plan(seed, *threads, args.ops * share / shares, time);
        let report = attack.phase(*name, &plan);
        passed &= totals::verdict(report.name, seed, std::slice::from_ref(&report));
        reports.push(report);
    }
    passed &= watchdog::guard("leaks", attack.hang, || nothing_left(&before));
    totals::print(&reports);
    if args.json {
        say(&totals::json(seed, &reports, passed).to_string());
    }
    Ok(passed)
}

/// What every phase needs.
struct Attack<'a> {
    target: &'a Target,
    ranges: Ranges,
    hang: Duration,
}

impl Attack<'_> {
    fn plan(&self, seed: Seed, threads: usize, operations: u64, time: Option<Duration>) -> Plan {
        Plan {
            seed,
            threads,
            operations: operations.max(1),
            deadline: time.map(|time| Instant::now() + time),
            hang: self.hang,
        }
    }

    fn phase(&self, name: Name, plan: &Plan) -> Report {
        let target = self.target;
        match name {
            Name::Calls => self.mounted(&Calls::new(target, &self.ranges), plan, || Ok(())),
            Name::Names => self.mounted(&Names { target }, plan, names::clear),
            Name::Data => self.mounted(&self.data(), plan, || Ok(())),
            Name::Mounts => {
                let mut report = run::run(&Mounts { target }, plan);
                report.check(watchdog::guard("mounts", self.hang, mounts::clear));
                report
            }
            Name::Chaos => {
                let chaos = self.chaos();
                let prepared = chaos.prepare();
                let mut report = run::run(&chaos, plan);
                report.check(prepared);
                let _ = std::fs::write("/sys/kernel/tracing/events/famfs/enable", "0");
                report.check(target.restore().map_err(|error| format!("{error:#}")));
                report.check(target::unmount_all().map_err(|error| format!("{error:#}")));
                report
            }
            Name::Claim => {
                let mut report = run::run(&Claim { target }, plan);
                report.check(target::unmount_all().map_err(|error| format!("{error:#}")));
                report
            }
        }
    }

    fn data(&self) -> Data<'_> {
        Data {
            target: self.target,
            ranges: &self.ranges,
        }
    }

    fn chaos(&self) -> Chaos<'_> {
        Chaos {
            target: self.target,
            rebind: true,
        }
    }

    /// A phase on one mount, which is empty again afterwards.
    fn mounted<P: Phase>(
        &self,
        phase: &P,
        plan: &Plan,
        clear: impl FnOnce() -> Result<(), String>,
    ) -> Report {
        let mounted = self.target.mount();
        let _ = target::allow_everything();
        let opened = mounted.and_then(|()| self.target.open_second());
        let mut report = run::run(phase, plan);
        report.check(opened.map_err(|error| format!("cannot mount: {error}")));
        report.check(clear());
        report.check(self.empty());
        report.check(target::unmount_all().map_err(|error| format!("{error:#}")));
        report
    }

    /// Nothing is owned, and the whole device can be given to one file.
    fn empty(&self) -> Result<(), String> {
        let (all, free) = target::blocks().map_err(|error| format!("{error:#}"))?;
        let owned = self.ranges.bytes();
        if all != free || owned != 0 {
            return Err(format!(
                "no file is left, and {free} of {all} blocks are free ({owned})"
            ));
        }
        Ok(())
    }

    fn list(&self, name: Name, seed: Seed, thread: usize, operations: u64) {
        let target = self.target;
        match name {
            Name::Calls => list(&Calls::new(target, &self.ranges), seed, thread, operations),
            Name::Names => list(&Names { target }, seed, thread, operations),
            Name::Data => list(&self.data(), seed, thread, operations),
            Name::Mounts => list(&Mounts { target }, seed, thread, operations),
            Name::Chaos => list(&self.chaos(), seed, thread, operations),
            Name::Claim => list(&Claim { target }, seed, thread, operations),
        }
    }
}

fn list<P: Phase>(phase: &P, seed: Seed, thread: usize, operations: u64) {
    let mut rng = seed.generator(P::NAME, thread);
    for n in 0..operations {
        let op = phase.generate(thread, &mut rng);
        say(&format!("{} {thread} {n} {op:x?}", P::NAME));
    }
}

/// Unloads the module and counts what the kernel holds.
fn nothing_left(before: &Census) -> bool {
    let mut report = Report::new("leaks");
    let held = std::fs::read_to_string("/sys/module/famfs/refcnt").unwrap_or_default();
    if held.trim() != "0" {
        report.find(format!("the module's reference count is {}", held.trim()));
    }
    let vmalloc = leak::vmalloc();
    report.check(
        target::unload()
            .context("at the end")
            .map_err(|error| format!("{error:#}")),
    );
    if std::fs::exists("/sys/fs/famfs").unwrap_or(true) {
        report.find("/sys/fs/famfs is still there".to_owned());
    }
    let after = Census::take();
    for leak in before.leaks(&after, SLACK).into_iter().chain(vmalloc) {
        report.find(leak);
    }
    say(&format!("fuzz: leaks: {}", before.growth(&after)));
    totals::verdict("leaks", Seed(0), &[report])
}
