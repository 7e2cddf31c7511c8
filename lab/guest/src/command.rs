//! Commands whose failure is a test's failure, with everything they said.

use std::process::{Command, Output};

/// Runs a command line, split at blanks, and returns what came out.
pub(crate) fn run(line: &str) -> Output {
    let words: Vec<&str> = line.split_whitespace().collect();
    Command::new(words[0])
        .args(&words[1..])
        .output()
        .unwrap_or_else(|error| panic!("cannot run `{line}`: {error}"))
}

/// Runs a command that must succeed; returns its standard output.
pub(crate) fn must(line: &str) -> String {
    let output = run(line);
    assert!(
        output.status.success(),
        "`{line}` ended with {}\n{}",
        output.status,
        said(&output)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command that must fail without being killed; returns what it said.
pub(crate) fn must_fail(line: &str) -> String {
    let output = run(line);
    let code = output
        .status
        .code()
        .unwrap_or_else(|| panic!("`{line}`: {}", output.status));
    assert_ne!(code, 0, "`{line}` succeeded\n{}", said(&output));
    said(&output)
}

/// Runs a command that must end by itself; returns its exit status and what it said.
pub(crate) fn ends_with(line: &str) -> (i32, String) {
    let output = run(line);
    let code = output
        .status
        .code()
        .unwrap_or_else(|| panic!("`{line}`: {}", output.status));
    (code, said(&output))
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
