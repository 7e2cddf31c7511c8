//! What the terminal can show, as the environment has it.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _},
};

use famfs_cli::env;

use famfs_instruments::tui::Glyphs;

/// Why there can be no screen, if there cannot.
pub(super) fn why_no_screen() -> Option<&'static str> {
    if !io::stdout().is_terminal() {
        return Some("standard output is no terminal");
    }
    why_dumb(env::TERM.get().as_deref())
}

/// A dumb terminal prints control sequences instead of obeying them.
fn why_dumb(term: Option<&OsStr>) -> Option<&'static str> {
    match term.and_then(OsStr::to_str) {
        Some("dumb") => Some("the terminal cannot show a screen (TERM is dumb)"),
        None | Some("") => Some("it is not known what the terminal can show (TERM is not set)"),
        Some(_) => None,
    }
}

/// What the locale has for drawing.
pub(super) fn glyphs() -> Glyphs {
    if is_utf8([env::LC_ALL, env::LC_CTYPE, env::LANG].map(|variable| variable.get())) {
        Glyphs::Unicode
    } else {
        Glyphs::Ascii
    }
}

/// Returns what setlocale(3) would choose: the first that is set and not empty names the locale of
/// characters, and without one it is C.
fn is_utf8(variables: [Option<OsString>; 3]) -> bool {
    let locale = variables.into_iter().flatten().find(|v| !v.is_empty());
    let Some(locale) = locale.as_ref().and_then(|l| l.to_str()) else {
        return false;
    };
    let charset = locale.split_once('.').map_or("", |(_, charset)| charset);
    let charset = charset.split('@').next().unwrap_or_default();
    matches!(charset.to_ascii_lowercase().as_str(), "utf-8" | "utf8")
}

/// <https://no-color.org>: any value but the empty one.
pub(super) fn is_colourless() -> bool {
    env::NO_COLOR.get().is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_must_be_known_to_take_control_sequences() {
        for (term, fits) in [
            (Some("xterm-256color"), true),
            (Some("linux"), true),
            (Some("dumb"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(why_dumb(term.map(OsStr::new)).is_none(), fits, "{term:?}");
        }
    }

    #[test]
    fn the_first_variable_that_is_set_names_the_locale() {
        for (variables, utf8) in [
            ([None, None, None], false),
            ([None, None, Some("en_GB.UTF-8")], true),
            ([None, None, Some("de_DE.utf8@euro")], true),
            ([Some("C.UTF-8"), None, Some("C")], true),
            ([Some("C"), None, Some("en_GB.UTF-8")], false),
            ([Some(""), Some("POSIX"), Some("en_GB.UTF-8")], false),
            ([Some(""), Some(""), Some("en_GB.UTF-8")], true),
            ([None, None, Some("de_DE")], false),
            ([None, None, Some("de_DE.ISO-8859-1")], false),
        ] {
            assert_eq!(
                is_utf8(variables.map(|v| v.map(Into::into))),
                utf8,
                "{variables:?}"
            );
        }
    }
}
