//! The command line: help and version are output like any other, and can fail like it.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::StyledStr;

use crate::{env, stream};

/// The status for output that could not be written.
const FAILED: u8 = 1;

/// Reads the arguments of this process. Where there is nothing more to do, gives the exit status
/// to end with: after help or a version 0, or 1 if that could not be written; after a mistake
/// `usage`.
pub fn parse<T: Parser>(program: &str, usage: u8) -> Result<T, u8> {
    T::try_parse().map_err(|error| said(program, usage, &error))
}

/// Ends with a mistake in the arguments that their declaration cannot tell.
pub fn misused(program: &str, usage: u8, error: &clap::Error) -> ExitCode {
    ExitCode::from(said(program, usage, error))
}

/// In colours on a terminal, unless the user wants none.
fn written(text: &StyledStr, is_terminal: bool) -> String {
    if is_terminal && env::NO_COLOR.get().is_none_or(|value| value.is_empty()) {
        text.ansi().to_string()
    } else {
        text.to_string()
    }
}

fn said(program: &str, usage: u8, error: &clap::Error) -> u8 {
    let text = error.render();
    if error.use_stderr() {
        stream::show(&written(&text, io::stderr().is_terminal()));
        return usage;
    }
    match stream::print(written(&text, io::stdout().is_terminal()).as_bytes()) {
        Ok(_) => 0,
        Err(error) => {
            stream::complain(program, &format!("cannot write the output: {error}"));
            FAILED
        }
    }
}
