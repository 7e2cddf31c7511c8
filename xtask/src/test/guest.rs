//! Tests that need a guest: the lab's own promises, and `lab-guest` in every kind of guest.

use std::{
    collections::VecDeque,
    process::{Command, Output},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context, Result};

use super::tally::Tally;
use crate::lab;

/// Guests at a time: one TCG guest rarely keeps two cores busy.
const PARALLEL: usize = 2;

/// One boot.
struct Job {
    name: &'static str,
    lab: &'static [&'static str],
    command: Vec<String>,
    /// The exit status that the lab must end with.
    expected: i32,
    /// What standard output must be; `None` for the output of `lab-guest`.
    stdout: Option<&'static str>,
}

/// Boots all guests and counts what they report.
pub(crate) fn run(filters: &[String], tally: &mut Tally) -> Result<()> {
    // Everything is built once, before guests run side by side.
    lab::image::build_binaries()?;
    let cxl = has_cxl()?;
    let mut jobs: VecDeque<Job> = suites(filters).into();
    if filters.is_empty() {
        jobs.extend(promises());
    }
    let (jobs, skipped): (VecDeque<_>, VecDeque<_>) = jobs
        .into_iter()
        .partition(|job| cxl || !job.lab.contains(&"cxl"));
    for job in skipped {
        report(
            tally,
            &format!("SKIP {}: this QEMU has no cxl-type3 device", job.name),
        );
    }
    let (jobs, tally) = (Mutex::new(jobs), Mutex::new(tally));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..PARALLEL)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let next = jobs
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .pop_front();
                        let Some(job) = next else { return Ok(()) };
                        let start = Instant::now();
                        let output = boot(&job)?;
                        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                        judge(&job, &output, start.elapsed().as_secs_f64(), &mut tally);
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_panic| anyhow::anyhow!("a worker died"))?
        })
    })
}

/// The same tests on every kind of guest.
fn suites(filters: &[String]) -> Vec<Job> {
    let command: Vec<String> = std::iter::once("lab-guest".to_owned())
        .chain(filters.iter().cloned())
        .collect();
    [
        (
            "lab 7.3 cxl",
            &["--kernel", "7.3", "--memory", "cxl"] as &[_],
        ),
        ("lab 6.12 pmem", &["--kernel", "6.12", "--memory", "pmem"]),
        ("lab 7.3 fsdev", &["--kernel", "7.3", "--memory", "fsdev"]),
        ("lab 7.3 pmem", &["--kernel", "7.3", "--memory", "pmem"]),
    ]
    .map(|(name, lab)| Job {
        name,
        lab,
        command: command.clone(),
        expected: 0,
        stdout: None,
    })
    .into()
}

/// What `cargo xtask lab` promises about streams, exit status, share and kernel complaints.
fn promises() -> Vec<Job> {
    let sh = |script: &str| ["sh", "-c", script].map(str::to_owned).to_vec();
    vec![
        Job {
            name: "lab: streams and exit status are the command's",
            lab: &[],
            command: sh("echo out; echo err >&2; exit 7"),
            expected: 7,
            stdout: Some("out\n"),
        },
        Job {
            name: "lab: a kernel complaint fails the run",
            lab: &[],
            command: sh("echo '<4>WARNING: CPU: 0 at test' > /dev/kmsg; echo done"),
            expected: 125,
            stdout: Some("done\n"),
        },
        Job {
            name: "lab: a crashed kernel fails the run",
            lab: &[],
            command: sh("sleep 1; echo c > /proc/sysrq-trigger; sleep 60"),
            expected: 125,
            stdout: Some(""),
        },
        Job {
            name: "lab: the timeout ends a guest",
            lab: &["--timeout", "12"],
            command: sh("sleep 600"),
            expected: 124,
            stdout: Some(""),
        },
        Job {
            name: "lab: a deterministic guest runs commands too",
            lab: &["--deterministic", "--kernel", "7.3"],
            command: sh("echo $FAMFS_DETERMINISTIC $FAMFS_DEV; exit 3"),
            expected: 3,
            stdout: Some("1 /dev/dax0.0\n"),
        },
        Job {
            name: "lab: 6.12 has no CXL memory",
            lab: &["--kernel", "6.12", "--memory", "cxl"],
            command: sh("true"),
            expected: 2,
            stdout: Some(""),
        },
    ]
}

fn boot(job: &Job) -> Result<Output> {
    Command::new(std::env::current_exe().context("cannot find xtask's own binary")?)
        .arg("lab")
        .args(job.lab)
        .arg("--")
        .args(&job.command)
        .stdin(std::process::Stdio::null())
        .output()
        .context("cannot run the lab")
}

fn judge(job: &Job, output: &Output, seconds: f64, tally: &mut Tally) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let status = output.status.code() == Some(job.expected);
    let streams = job.stdout.is_none_or(|expected| expected == stdout);
    // The suites' own lines count; the boot as a whole is one test more.
    if job.stdout.is_none() {
        for line in stdout.lines().filter(|line| line.contains("::")) {
            let line = line.replacen(' ', &format!(" [{}] ", job.name), 1);
            report(tally, &line);
        }
    }
    if status && streams {
        report(tally, &format!("PASS {} ({seconds:.1} s)", job.name));
    } else {
        for line in stdout.lines().chain(stderr.lines()) {
            show(&format!("    {line}"));
        }
        report(
            tally,
            &format!(
                "FAIL {}: {}, expected exit status {}",
                job.name, output.status, job.expected
            ),
        );
    }
}

fn has_cxl() -> Result<bool> {
    let output = Command::new("qemu-system-x86_64")
        .args(["-device", "help"])
        .output()
        .context("cannot run qemu-system-x86_64")?;
    Ok(String::from_utf8_lossy(&output.stdout).contains("cxl-type3"))
}

fn report(tally: &mut Tally, line: &str) {
    tally.read(line);
    show(line);
}

#[expect(clippy::print_stdout, reason = "a test run reports on standard output")]
fn show(line: &str) {
    println!("{line}");
}
