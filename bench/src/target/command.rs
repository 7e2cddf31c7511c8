//! Other programs, from outside.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context as _, anyhow, bail};

use super::Unready;

/// Runs a program to its end; one that is not installed makes the target a skip.
pub(super) fn run<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<(), Unready> {
    let shown = args.iter().fold(program.to_owned(), |shown, arg| {
        format!("{shown} {}", arg.as_ref().display())
    });
    let output = match Command::new(program).args(args).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Unready::Skip(format!("{program} is not installed")));
        }
        Err(error) => {
            return Err(anyhow!(error)
                .context(format!("cannot run `{shown}`"))
                .into());
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(anyhow!("`{shown}` failed ({}): {}", output.status, said.trim()).into())
}

/// Loads a kernel module if it can; what then fails to mount says so better.
pub(super) fn modprobe(module: &str) {
    let _ = Command::new("modprobe").arg("-q").arg(module).output();
}

/// Writes to a sysfs attribute, whose errno is the answer.
pub(super) fn write_sysfs(path: &std::path::Path, value: &str) -> anyhow::Result<()> {
    if !path.exists() {
        bail!("{} does not exist", path.display());
    }
    std::fs::write(path, value)
        .with_context(|| format!("cannot write {value:?} to {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_a_skip_that_names_it() {
        let Err(Unready::Skip(reason)) = run::<&str>("mkfs.of-no-file-system", &[]) else {
            panic!("not a skip")
        };
        assert_eq!(reason, "mkfs.of-no-file-system is not installed");
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_words() {
        let Err(Unready::Failed(error)) = run("sh", &["-c", "echo no room >&2; exit 3"]) else {
            panic!("not a failure")
        };
        let text = format!("{error:#}");
        assert!(
            text.contains("no room") && text.contains("exit status: 3"),
            "{text}"
        );
    }
}
