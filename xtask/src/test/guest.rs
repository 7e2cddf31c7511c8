//! Tests that need a guest: the lab's own promises, and `lab-guest` in every kind of guest.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use super::{report, show, tally::Tally};
use crate::{lab, process, setup::kernels::Survey};

/// Guests at a time: one TCG guest rarely keeps two cores busy.
const PARALLEL: usize = 2;

/// Far more than any of them takes; a hung kernel must not hang the tests. The last one given
/// counts, so a job may have its own.
const TIMEOUT_S: &str = "1500";

/// Some seconds; the long run is `cargo xtask fuzz`.
const FUZZ_OPS: u32 = 3000;

/// Files of the shared folder, each with what is in it. Commas mean something to QEMU.
const SHARED: (&str, &str) = ("in, put", "from the host\n");
const RETURNED: (&str, &str) = ("out, put", "from the guest\n");

/// One boot.
struct Job {
    name: &'static str,
    lab: &'static [&'static str],
    command: Vec<String>,
    /// The exit status that the lab must end with.
    expected: i32,
    /// What standard output must be; `None` for the output of `lab-guest`.
    stdout: Option<&'static str>,
    /// Share a folder with [`SHARED`]; the guest must leave [`RETURNED`].
    share: bool,
}

/// Boots all guests and counts what they report.
pub(crate) fn run(filters: &[String], kernels: &Survey, tally: &mut Tally) -> Result<()> {
    // Everything is built once, before guests run side by side.
    lab::image::build_binaries()?;
    let cxl = has_cxl()?;
    let mut jobs: VecDeque<Job> = suites(filters).into();
    if filters.is_empty()
        || filters
            .iter()
            .any(|filter| "fuzz".contains(filter.as_str()))
    {
        jobs.extend(fuzzers());
    }
    if filters.is_empty() {
        jobs.extend(lockdowns());
        jobs.extend(promises());
    }
    // A kernel that is missing is one skip, which was counted already.
    jobs.retain(|job| kernels.can_run(job.lab));
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
                        let (output, returned) = boot(&job)?;
                        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                        let seconds = start.elapsed().as_secs_f64();
                        judge(&job, &output, &returned, seconds, &mut tally);
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
            // Its memory is ten times as slow.
            &["--kernel", "7.3", "--memory", "cxl", "--timeout", "1800"] as &[_],
        ),
        (
            "lab 6.12 pmem",
            &["--kernel", "6.12", "--memory", "pmem", "--devices", "2"],
        ),
        (
            "lab 7.3 fsdev",
            &["--kernel", "7.3", "--memory", "fsdev", "--devices", "2"],
        ),
        (
            "lab 7.3 pmem",
            &["--kernel", "7.3", "--memory", "pmem", "--devices", "2"],
        ),
    ]
    .map(|(name, lab)| Job {
        name,
        lab,
        command: command.clone(),
        expected: 0,
        stdout: None,
        share: false,
    })
    .into()
}

/// A short run of the fuzzer with a seed that stays, and one with a new seed.
fn fuzzers() -> Vec<Job> {
    let script = format!("lab-fuzz --ops {FUZZ_OPS} --seed 1 && lab-fuzz --ops {FUZZ_OPS}");
    [
        (
            "fuzz 6.12 pmem",
            &["--kernel", "6.12", "--devices", "2"] as &[_],
        ),
        ("fuzz 7.3 fsdev", &["--kernel", "7.3", "--devices", "2"]),
    ]
    .map(|(name, lab)| Job {
        name,
        lab,
        command: ["sh", "-c", &script].map(str::to_owned).to_vec(),
        expected: 0,
        stdout: None,
        share: false,
    })
    .into()
}

/// A lockdown lasts until the next boot, so its tests have guests of their own. (With a filter
/// that names them the suites run them.)
fn lockdowns() -> Vec<Job> {
    [
        ("lockdown 6.12", &["--kernel", "6.12"] as &[_]),
        ("lockdown 7.3", &["--kernel", "7.3"]),
    ]
    .map(|(name, lab)| Job {
        name,
        lab,
        command: ["lab-guest", "lockdown"].map(str::to_owned).to_vec(),
        expected: 0,
        stdout: None,
        share: false,
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
            share: false,
        },
        Job {
            name: "lab: a shared folder is read and written",
            lab: &[],
            command: sh("cd /share; cat 'in, put'; echo from the guest > 'out, put'"),
            expected: 0,
            stdout: Some("from the host\n"),
            share: true,
        },
        Job {
            name: "lab: a kernel complaint fails the run",
            lab: &[],
            command: sh("echo '<4>WARNING: CPU: 0 at test' > /dev/kmsg; echo done"),
            expected: 125,
            stdout: Some("done\n"),
            share: false,
        },
        Job {
            name: "lab: a crashed kernel fails the run",
            lab: &[],
            command: sh("sleep 1; echo c > /proc/sysrq-trigger; sleep 60"),
            expected: 125,
            stdout: Some(""),
            share: false,
        },
        Job {
            name: "lab: the timeout ends a guest",
            lab: &["--timeout", "12"],
            command: sh("sleep 600"),
            expected: 124,
            stdout: Some(""),
            share: false,
        },
        Job {
            name: "lab: two hosts run a command at once",
            lab: &["--hosts", "6.12,7.3", "--size", "256M"],
            command: sh("echo it is $FAMFS_HOST; exit $((FAMFS_HOST + 2))"),
            expected: 3,
            stdout: Some("1| it is 1\n2| it is 2\n"),
            share: false,
        },
        Job {
            name: "lab: the timeout ends two hosts",
            lab: &["--hosts", "7.3,6.12", "--size", "256M", "--timeout", "2"],
            command: sh("sleep 600"),
            expected: 124,
            stdout: Some(""),
            share: false,
        },
        Job {
            name: "lab: a deterministic guest runs commands too",
            lab: &["--deterministic", "--kernel", "7.3"],
            command: sh(
                "echo $FAMFS_DETERMINISTIC $FAMFS_DEV; cd /share; cat 'in, put'; \
                         echo from the guest > 'out, put'; exit 3",
            ),
            expected: 3,
            stdout: Some("1 /dev/dax0.0\nfrom the host\n"),
            share: true,
        },
        Job {
            name: "lab: 6.12 has no CXL memory",
            lab: &["--kernel", "6.12", "--memory", "cxl"],
            command: sh("true"),
            expected: 2,
            stdout: Some(""),
            share: false,
        },
    ]
}

/// Boots the guest; an error says why what it returned is not what it should be.
fn boot(job: &Job) -> Result<(Output, Result<()>)> {
    let mut lab = Command::new(std::env::current_exe().context("cannot find xtask's own binary")?);
    lab.args(["lab", "--timeout", TIMEOUT_S]).args(job.lab);
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    if job.share {
        fs::write(folder.path().join(SHARED.0), SHARED.1)
            .context("cannot write a file to share")?;
        lab.arg("--share").arg(folder.path());
    }
    lab.arg("--").args(&job.command).stdin(Stdio::null());
    let output = process::tied(&mut lab, Signal::SIGTERM)
        .output()
        .context("cannot run the lab")?;
    let returned = if job.share {
        returned(folder.path())
    } else {
        Ok(())
    };
    Ok((output, returned))
}

fn returned(folder: &Path) -> Result<()> {
    let (name, expected) = RETURNED;
    let content = fs::read_to_string(folder.join(name))
        .with_context(|| format!("`{name}` did not come back"))?;
    ensure!(content == expected, "`{name}` came back as {content:?}");
    Ok(())
}

fn judge(job: &Job, output: &Output, returned: &Result<()>, seconds: f64, tally: &mut Tally) {
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
    if let Err(error) = returned {
        show(&format!("    {error:#}"));
    }
    if status && streams && returned.is_ok() {
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
