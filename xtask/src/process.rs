//! Running other programs: quietly into a log that is named when one fails.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

/// Lines of a failed program's output that go into the error itself.
const TAIL_LINES: usize = 12;

/// A file that takes the output of the programs of one step.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    /// Starts an empty log.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path })
    }

    /// Runs a program with its output in the log; a failure quotes the last lines.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let status = self.status(command)?;
        if !status.success() {
            bail!(
                "{} failed: {status}\n{}\n(full output: {})",
                program(command),
                tail(&self.path),
                self.path.display()
            );
        }
        Ok(())
    }

    /// Runs a program whose failure is an answer too; says whether it succeeded.
    pub(crate) fn try_run(&self, command: &mut Command) -> Result<bool> {
        Ok(self.status(command)?.success())
    }

    fn status(&self, command: &mut Command) -> Result<ExitStatus> {
        let mut file = self.append()?;
        writeln!(file, "$ {}", describe(command))?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .with_context(|| format!("cannot start {}", describe(command)))
    }

    /// What the programs of this step said.
    pub(crate) fn text(&self) -> Result<String> {
        let bytes =
            fs::read(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The log, to write to.
    pub(crate) fn append(&self) -> Result<File> {
        File::options()
            .append(true)
            .open(&self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// A program's standard output as text; its failure carries what it said.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed: {}\n{}",
            describe(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Tries up to three times: a mirror that stumbles once must not end a set-up.
pub(crate) fn retry(mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    for pause in [2, 8] {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(error) => {
                let first = error.to_string();
                let first = first.lines().next().unwrap_or_default();
                eprintln!("        {first}; trying again in {pause} s");
                thread::sleep(Duration::from_secs(pause));
            }
        }
    }
    attempt()
}

/// A lock on `path` until the result is dropped: two runs in one tree take turns, and the
/// second finds the work done.
pub(crate) fn lock(path: &Path, what: &str) -> Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("{what}: another run in this tree is at it; waiting");
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// Makes the program end with the thread that starts it, however that ends: nothing of ours may
/// go on running when nobody waits for it.
pub(crate) fn tied(command: &mut Command, signal: Signal) -> &mut Command {
    // SAFETY: the closure makes one async-signal-safe system call.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            Ok(())
        })
    }
}

/// Whether this runs as root.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The command line as one would type it.
pub(crate) fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

fn program(command: &Command) -> String {
    Path::new(command.get_program()).file_name().map_or_else(
        || describe(command),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    // What an earlier attempt or step said is not the cause.
    let command = lines
        .iter()
        .rposition(|line| line.starts_with("$ "))
        .map_or(0, |at| at + 1);
    let first = lines.len().saturating_sub(TAIL_LINES).max(command);
    lines[first..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_its_own_last_lines_and_names_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::create(dir.path().join("step.log")).unwrap();
        log.run(Command::new("sh").args(["-c", "echo before"]))
            .unwrap();
        let script = "for n in $(seq 20); do echo line $n; done; exit 3";
        let error = log
            .run(Command::new("sh").args(["-c", script]))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("sh failed: exit status: 3\n    line 9\n"),
            "{error}"
        );
        assert!(error.contains("    line 20\n(full output: "), "{error}");
        assert!(error.contains("step.log)"), "{error}");
        let error = log
            .run(Command::new("sh").args(["-c", "echo why; false"]))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("sh failed: exit status: 1\n    why\n("),
            "{error}"
        );
        assert!(log.text().unwrap().contains("before\n"));
    }

    #[test]
    fn output_of_a_failed_program_is_its_error() {
        assert_eq!(stdout(Command::new("echo").arg("a")).unwrap(), "a\n");
        let error = stdout(Command::new("sh").args(["-c", "echo no >&2; exit 2"])).unwrap_err();
        assert!(
            error.to_string().ends_with("failed: exit status: 2\nno"),
            "{error}"
        );
    }
}
