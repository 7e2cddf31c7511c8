//! Jobs that run side by side: test programs of this machine, guests, and pairs of guests.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use super::ledger::Ledger;

/// A piece of work that reports to the ledger.
pub(crate) struct Job<'a> {
    /// The name under which an error of the work itself is counted as a failure.
    pub name: String,
    /// The seconds that it takes on a quiet machine, roughly; the longest are started first.
    pub seconds: u32,
    pub run: Work<'a>,
}

type Work<'a> = Box<dyn FnOnce(&Ledger) -> Result<()> + Send + 'a>;

/// Runs all jobs, `workers` at a time. A job that ends with an error is a failed test, and the
/// other jobs still run.
pub(crate) fn run(mut jobs: Vec<Job<'_>>, workers: usize, ledger: &Ledger) {
    jobs.sort_by_key(|job| std::cmp::Reverse(job.seconds));
    let jobs = Mutex::new(VecDeque::from(jobs));
    let next = || {
        let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.pop_front()
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job) = next() {
                    if let Err(error) = (job.run)(ledger) {
                        ledger.verdict(&format!("FAIL {}: {error:#}", job.name));
                    }
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_runs_and_an_error_is_a_failure() {
        let ledger = Ledger::new(std::io::sink());
        let job = |name: &str, fails: bool| Job {
            name: name.to_owned(),
            seconds: 1,
            run: Box::new(move |ledger: &Ledger| {
                ledger.verdict("PASS x");
                anyhow::ensure!(!fails, "no guest");
                Ok(())
            }),
        };
        let jobs = vec![job("a", false), job("b", true), job("c", false)];
        run(jobs, 2, &ledger);
        assert_eq!((ledger.tally().passed, ledger.tally().failed), (3, 1));
        assert_eq!(ledger.failures(), ["FAIL b: no guest"]);
    }

    #[test]
    fn the_longest_jobs_start_first() {
        let order = Mutex::new(Vec::new());
        let order = &order;
        let jobs = [3, 9, 5].map(|seconds| Job {
            name: String::new(),
            seconds,
            run: Box::new(move |_: &Ledger| {
                order.lock().unwrap().push(seconds);
                Ok(())
            }) as Work<'_>,
        });
        run(jobs.into(), 1, &Ledger::new(std::io::sink()));
        assert_eq!(*order.lock().unwrap(), [9, 5, 3]);
    }
}
