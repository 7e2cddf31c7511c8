//! Runs a phase: each thread makes its own operations from its own seed and executes them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    prng::{Rng, Seed},
    sys::Ret,
    watchdog::{self, Board},
};

/// What came of one operation.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub result: Ret,
    /// What should not have been, in words.
    pub wrong: Option<String>,
}

impl From<Ret> for Outcome {
    fn from(result: Ret) -> Self {
        Self {
            result,
            wrong: None,
        }
    }
}

/// A kind of attack.
pub(crate) trait Phase: Sync {
    type Op: fmt::Debug;
    type Local;
    const NAME: &'static str;

    /// The part of a thread in all operations, so that threads of unlike work end together.
    fn weight(&self, _thread: usize) -> u64 {
        1
    }
    /// The next operation: nothing but the generator decides it.
    fn generate(&self, thread: usize, rng: &mut Rng) -> Self::Op;
    fn kind(op: &Self::Op) -> &'static str;
    fn enter(&self, thread: usize) -> Self::Local;
    fn execute(&self, local: &mut Self::Local, op: &Self::Op) -> Outcome;
    /// Puts away what the thread still holds.
    fn leave(&self, local: Self::Local);
}

/// How long and how wide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub seed: Seed,
    pub threads: usize,
    /// The number for all threads together.
    pub operations: u64,
    pub deadline: Option<Instant>,
    /// An operation under way for longer hangs.
    pub hang: Duration,
}

/// What a phase did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub name: &'static str,
    pub operations: u64,
    pub seconds: f64,
    /// How often each kind of operation ended how.
    pub totals: BTreeMap<(&'static str, String), u64>,
    pub findings: Vec<String>,
    pub wrong: u64,
    /// Where each thread's generator stood at the end.
    pub states: Vec<u64>,
}

/// Findings printed in full; all are counted.
const SHOWN: usize = 20;

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    pub(crate) fn find(&mut self, text: String) {
        self.wrong += 1;
        if self.findings.len() < SHOWN {
            crate::say(&format!("fuzz: {}: {text}", self.name));
            self.findings.push(text);
        }
    }

    /// A condition at the end of a phase.
    pub(crate) fn check(&mut self, held: Result<(), String>) {
        if let Err(text) = held {
            self.find(text);
        }
    }

    fn merge(&mut self, other: Self) {
        self.operations += other.operations;
        for (key, count) in other.totals {
            *self.totals.entry(key).or_default() += count;
        }
        self.wrong += other.wrong;
        self.findings.extend(other.findings);
        self.states.extend(other.states);
    }

    pub(crate) fn count(&mut self, kind: &'static str, result: Ret) {
        self.operations += 1;
        let name = match result {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        *self.totals.entry((kind, name)).or_default() += 1;
    }
}

/// Runs the phase to its end.
pub(crate) fn run<P: Phase>(phase: &P, plan: &Plan) -> Report {
    let start = Instant::now();
    let board = Board::new(plan.threads);
    let over = AtomicBool::new(false);
    let report = Mutex::new(Report::new(P::NAME));
    let weights: u64 = (0..plan.threads).map(|thread| phase.weight(thread)).sum();
    let name_of = |thread, number| describe(phase, plan.seed, thread, number);
    thread::scope(|scope| {
        let watch = scope.spawn(|| watchdog::watch(P::NAME, &board, plan.hang, &over, &name_of));
        let workers: Vec<_> = (0..plan.threads)
            .map(|thread| {
                let (board, report) = (&board, &report);
                let part = plan.operations.saturating_mul(phase.weight(thread));
                let share = part.div_ceil(weights);
                scope.spawn(move || {
                    let done = work(phase, plan, thread, share, board.slot(thread));
                    report
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .merge(done);
                })
            })
            .collect();
        for worker in workers {
            if worker.join().is_err() {
                let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                report.find("a thread of the fuzzer panicked".to_owned());
            }
        }
        over.store(true, Relaxed);
        watch.thread().unpark();
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.seconds = start.elapsed().as_secs_f64();
    report
}

fn work<P: Phase>(
    phase: &P,
    plan: &Plan,
    thread: usize,
    share: u64,
    (number, since): (&AtomicU64, &AtomicU64),
) -> Report {
    let mut rng = plan.seed.generator(P::NAME, thread);
    let mut local = phase.enter(thread);
    let mut report = Report::new(P::NAME);
    for n in 0..share {
        if plan
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            break;
        }
        let op = phase.generate(thread, &mut rng);
        number.store(n, Relaxed);
        since.store(watchdog::now(), Relaxed);
        let outcome = phase.execute(&mut local, &op);
        report.count(P::kind(&op), outcome.result);
        if let Some(wrong) = outcome.wrong {
            let result = outcome.result;
            report.find(format!(
                "thread {thread} operation {n}: {wrong}: {op:x?} gave {result:?}"
            ));
        }
    }
    since.store(watchdog::now(), Relaxed);
    phase.leave(local);
    since.store(watchdog::IDLE, Relaxed);
    report.states.push(rng.state());
    report
}

/// The operation of this number, made again.
pub(crate) fn describe<P: Phase>(phase: &P, seed: Seed, thread: usize, number: u64) -> String {
    let mut rng = seed.generator(P::NAME, thread);
    for _ in 0..number {
        phase.generate(thread, &mut rng);
    }
    format!("{:x?}", phase.generate(thread, &mut rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up; every tenth operation is wrong.
    struct Counter;

    impl Phase for Counter {
        type Op = u64;
        type Local = ();
        const NAME: &'static str = "counter";

        fn generate(&self, _: usize, rng: &mut Rng) -> u64 {
            rng.below(10)
        }

        fn kind(_: &u64) -> &'static str {
            "count"
        }

        fn enter(&self, _: usize) {}

        fn execute(&self, (): &mut (), op: &u64) -> Outcome {
            Outcome {
                result: Ok(0),
                wrong: (*op == 0).then(|| "zero".to_owned()),
            }
        }

        fn leave(&self, (): ()) {}
    }

    fn plan(seed: u64) -> Plan {
        Plan {
            seed: Seed(seed),
            threads: 3,
            operations: 300,
            deadline: None,
            hang: Duration::from_mins(1),
        }
    }

    #[test]
    fn all_operations_are_counted_and_replayed() {
        let (mut one, mut two) = (run(&Counter, &plan(1)), run(&Counter, &plan(1)));
        assert_eq!(one.operations, 300);
        assert_eq!(one.totals[&("count", "ok".to_owned())], 300);
        assert!(one.wrong > 0 && one.wrong == two.wrong);
        one.states.sort_unstable();
        two.states.sort_unstable();
        assert_eq!(one.states, two.states);
        assert_ne!(run(&Counter, &plan(2)).wrong, 0);
    }

    #[test]
    fn an_operation_is_described_by_making_it_again() {
        let mut rng = Seed(9).generator("counter", 1);
        let made: Vec<u64> = (0..20).map(|_| Counter.generate(1, &mut rng)).collect();
        for (n, op) in made.iter().enumerate() {
            assert_eq!(describe(&Counter, Seed(9), 1, n as u64), format!("{op:x}"));
        }
    }
}
