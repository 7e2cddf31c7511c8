//! Work dealt to a few threads.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

/// Returns the number of CPUs that this process may use.
pub fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Does `work` on every job in `threads` threads, or here when that is 0. The jobs are
/// made here, one after the other, and few ahead of the work: each may hold open files.
/// The results come in any order.
pub fn run<J: Send, R: Send>(
    threads: usize,
    jobs: impl Iterator<Item = J>,
    work: impl Fn(J) -> R + Sync,
) -> Vec<R> {
    if threads == 0 {
        return jobs.map(work).collect();
    }
    let (give, take) = sync_channel::<J>(threads);
    let take = Mutex::new(take);
    let (take, work) = (&take, &work);
    thread::scope(|scope| {
        let (answer, answers) = channel::<R>();
        for _ in 0..threads {
            let answer = answer.clone();
            scope.spawn(move || {
                loop {
                    // The lock goes before the work starts.
                    let job = match take.lock() {
                        Ok(take) => take.recv(),
                        Err(_poisoned) => return,
                    };
                    let Ok(job) = job else { return };
                    if answer.send(work(job)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(answer);
        for job in jobs {
            if give.send(job).is_err() {
                break;
            }
        }
        drop(give);
        answers.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_job_once() {
        for threads in [0, 1, 3, 16] {
            let mut results = run(threads, 0..100, |job| job * 2);
            results.sort_unstable();
            assert_eq!(results, (0..100).map(|i| i * 2).collect::<Vec<_>>());
        }
        assert_eq!(run(4, 0..0_u32, |job| job), [0_u32; 0]);
    }

    #[test]
    fn jobs_are_made_few_ahead() {
        let made = Cell::new(0_u64);
        let (worked, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let jobs = (0..1000).inspect(|_| {
            made.set(made.get() + 1);
            let ahead = made.get() - worked.load(Ordering::Relaxed);
            most.fetch_max(ahead, Ordering::Relaxed);
        });
        run(2, jobs, |_| worked.fetch_add(1, Ordering::Relaxed));
        // Two in hand, two in the queue, one being made; and one each that is done but not
        // counted yet.
        assert!(most.load(Ordering::Relaxed) <= 7, "{most:?}");
    }
}
