//! Standard error: every message is one write, so that the lines of programs that share it, such
//! as two commands of one script in the background, never mix.

use std::io::{self, IsTerminal as _, Write as _};

use famfs_cli::env;

/// Writes one line that starts with the program's name. Standard error may be gone, which is no
/// reason to stop.
pub(super) fn line(program: &str, message: &str) {
    raw(&format!("{program}: {message}\n"));
}

/// Writes text as it is, at once. The standard library's stream has no buffer: given a format with
/// several parts it makes several writes.
pub(super) fn raw(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes what is wrong with a command line.
pub(super) fn usage(error: &clap::Error) {
    raw(&rendered(error, io::stderr().is_terminal()));
}

/// Help, or what is wrong with a command line, with colours for a terminal that wants them.
pub(super) fn rendered(error: &clap::Error, terminal: bool) -> String {
    let text = error.render();
    let refused = env::NO_COLOR.get().is_some_and(|value| !value.is_empty());
    let dumb = env::TERM.get().is_some_and(|value| value == "dumb");
    if terminal && !refused && !dumb {
        text.ansi().to_string()
    } else {
        text.to_string()
    }
}
