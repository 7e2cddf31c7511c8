//! Sees to it that a hang is reported with its operation, and that somebody watching sees life.

use std::{
    fs,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// The value that stands for no time: nothing is under way.
pub(crate) const IDLE: u64 = u64::MAX;

const PROGRESS: Duration = Duration::from_secs(10);

/// Milliseconds since the first call.
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).unwrap_or(IDLE - 1)
}

/// What each thread is at: the operation's number, and since when.
#[derive(Debug)]
pub(crate) struct Board(Vec<(AtomicU64, AtomicU64)>);

impl Board {
    pub(crate) fn new(threads: usize) -> Self {
        now();
        Self(
            (0..threads)
                .map(|_| (AtomicU64::new(0), AtomicU64::new(IDLE)))
                .collect(),
        )
    }

    pub(crate) fn slot(&self, thread: usize) -> (&AtomicU64, &AtomicU64) {
        let (number, since) = &self.0[thread];
        (number, since)
    }

    /// The thread that is longest at its operation, if that is too long.
    fn hanging(&self, limit: Duration, now: u64) -> Option<(usize, u64, u64)> {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(IDLE);
        self.0
            .iter()
            .enumerate()
            .map(|(thread, (number, since))| (thread, number.load(Relaxed), since.load(Relaxed)))
            .filter(|(_, _, since)| *since != IDLE && now.saturating_sub(*since) > limit)
            .min_by_key(|(_, _, since)| *since)
    }
}

/// Watches until `over`; ends the guest when an operation hangs.
pub(crate) fn watch(
    name: &str,
    board: &Board,
    limit: Duration,
    over: &AtomicBool,
    describe: &dyn Fn(usize, u64) -> String,
) {
    let mut told = Instant::now();
    while !over.load(Relaxed) {
        thread::park_timeout(Duration::from_millis(500));
        if let Some((thread, number, since)) = board.hanging(limit, now()) {
            let seconds = (now() - since) / 1000;
            crate::say(&format!(
                "FAIL fuzz::{name}: thread {thread} hangs in operation {number} for {seconds} s: {}",
                describe(thread, number)
            ));
            give_up();
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            let numbers: Vec<_> = board
                .0
                .iter()
                .map(|(n, _)| n.load(Relaxed).to_string())
                .collect();
            crate::say(&format!(
                "fuzz: {name}: at operation {}",
                numbers.join(", ")
            ));
        }
    }
}

/// Runs a step that is no operation; ends the guest when it hangs.
pub(crate) fn guard<T>(name: &str, limit: Duration, step: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let board = Board::new(1);
    board.slot(0).1.store(now(), Relaxed);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            watch(name, &board, limit, &over, &|_, _| {
                "the end of the phase".to_owned()
            });
        });
        let result = step();
        over.store(true, Relaxed);
        watcher.thread().unpark();
        result
    })
}

/// Shows where every thread stands, and crashes the guest: a thread that hangs in the kernel
/// cannot be ended in another way, and the console must be judged.
pub(crate) fn give_up() -> ! {
    for task in fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let read = |what| fs::read_to_string(task.path().join(what)).unwrap_or_default();
        crate::say(&format!(
            "fuzz: thread {} {}\n{}",
            task.file_name().to_string_lossy(),
            read("wchan"),
            read("stack")
        ));
    }
    let _ = fs::write("/proc/sysrq-trigger", "w");
    thread::sleep(Duration::from_secs(3));
    let _ = fs::write("/proc/sysrq-trigger", "c");
    std::process::exit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_hanging_thread_is_named() {
        let board = Board::new(3);
        let limit = Duration::from_millis(100);
        assert_eq!(board.hanging(limit, 1000), None);
        for (thread, number, since) in [(0, 7, 950), (1, 8, 800), (2, 9, 850)] {
            let (n, at) = board.slot(thread);
            n.store(number, Relaxed);
            at.store(since, Relaxed);
        }
        assert_eq!(board.hanging(limit, 1000), Some((1, 8, 800)));
        assert_eq!(board.hanging(Duration::from_secs(1), 1000), None);
    }
}
