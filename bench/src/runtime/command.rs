//! One command, run to its end between two readings of the clock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::mark::{self, Window};
use crate::workload::clock;

/// Runs commands with their output in files of `folder`: a pipe would make this process run too.
#[derive(Debug)]
pub(super) struct Runner {
    folder: PathBuf,
}

impl Runner {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Runs a command that is not measured; what it printed.
    pub(super) fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        self.prepare(program, args, None)?.finish()
    }

    /// Makes a command ready, with `input` as its standard input.
    pub(super) fn prepare(
        &self,
        program: &str,
        args: &[&str],
        input: Option<&Path>,
    ) -> Result<Ready> {
        let (stdout, stderr) = (self.folder.join("stdout"), self.folder.join("stderr"));
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("cannot create {}", path.display()))
        };
        let input = match input {
            Some(path) => File::open(path)
                .with_context(|| format!("cannot open {}", path.display()))?
                .into(),
            None => Stdio::null(),
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(input)
            .stdout(create(&stdout)?)
            .stderr(create(&stderr)?);
        Ok(Ready {
            command,
            shown: format!("{program} {}", args.join(" ")),
            stdout,
            stderr,
        })
    }
}

/// A command that only has to be started.
#[derive(Debug)]
pub(super) struct Ready {
    command: Command,
    shown: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Ready {
    /// The same with a variable of its environment set.
    pub(super) fn with(mut self, (name, value): (&str, &str)) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it; what it printed.
    pub(super) fn finish(mut self) -> Result<String> {
        let status = self.command.status();
        let status = status.with_context(|| format!("cannot run `{}`", self.shown))?;
        if !status.success() {
            let said = fs::read_to_string(&self.stderr).unwrap_or_default();
            bail!("`{}` failed ({status}): {}", self.shown, said.trim());
        }
        fs::read_to_string(&self.stdout)
            .with_context(|| format!("cannot read what `{}` printed", self.shown))
    }
}

/// Does `work` in a window; its ticks, and what it came to.
pub(super) fn measured<R>(window: Window, work: impl FnOnce() -> Result<R>) -> Result<(u64, R)> {
    mark::open(window);
    let begin = clock::now();
    let done = work();
    let ticks = clock::now().wrapping_sub(begin);
    mark::close();
    Ok((ticks, done?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_input_are_files_and_a_failure_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let runner = Runner::new(dir.path().to_owned());
        let input = dir.path().join("input");
        fs::write(&input, "a\nb\n").unwrap();
        let ready = runner.prepare("cat", &[], Some(&input)).unwrap();
        let (ticks, text) = measured(Window::Mkfs, || ready.finish()).unwrap();
        assert!(ticks > 0);
        assert_eq!(text, "a\nb\n");
        let ready = runner.prepare("sh", &["-c", "echo $WITH"], None).unwrap();
        assert_eq!(ready.with(("WITH", "value")).finish().unwrap(), "value\n");
        let error = runner
            .run("sh", &["-c", "echo no >&2; exit 3"])
            .unwrap_err();
        assert!(format!("{error:#}").contains("(exit status: 3): no"));
    }
}
