//! Spellings of upstream's command line that an option parser cannot be told. Pure.

use std::ffi::{OsStr, OsString};

/// Rewrites the arguments behind the program's name.
///
/// * `-h CMD`, and the like with `-?` and `--help`, is the help of CMD.
/// * `logplay -Ss DIR` and `-sS DIR` are `--shadow DIR`. Upstream's scripts write them, though
///   upstream's parser takes the first letter for an option that does not exist.
pub(super) fn rewrite(args: Vec<OsString>, commands: &[String]) -> Vec<OsString> {
    let is_command = |arg: &OsString| {
        commands
            .iter()
            .any(|name| arg.as_os_str() == OsStr::new(name))
    };
    match args.iter().position(is_command) {
        // Options of the program itself stand before the command; none of them has a value.
        Some(at) if args[..at].iter().any(is_help) => {
            vec![args[at].clone(), OsString::from("--help")]
        }
        Some(at) if args[..at].iter().all(is_option) && args[at] == "logplay" => {
            let (before, after) = args.split_at(at + 1);
            let mut options = true;
            let after = after.iter().flat_map(|arg| {
                options &= arg != "--";
                match shadow_letters(arg).filter(|_| options) {
                    Some(words) => words,
                    None => vec![arg.clone()],
                }
            });
            before.iter().cloned().chain(after).collect()
        }
        _ => args,
    }
}

fn is_help(arg: &OsString) -> bool {
    arg == "-h" || arg == "-?" || arg == "--help"
}

fn is_option(arg: &OsString) -> bool {
    arg.as_encoded_bytes().starts_with(b"-")
}

/// The words that short options of `logplay` stand for, when both `s` and `S` are among them.
fn shadow_letters(arg: &OsStr) -> Option<Vec<OsString>> {
    let letters = arg.to_str()?.strip_prefix('-')?;
    let known = |c: char| "nvmrcMsS".contains(c);
    if !(letters.chars().all(known) && letters.contains('s') && letters.contains('S')) {
        return None;
    }
    let others: String = letters.chars().filter(|c| !"sS".contains(*c)).collect();
    let others = Some(format!("-{others}")).filter(|_| !others.is_empty());
    Some(
        others
            .into_iter()
            .chain(["--shadow".to_owned()])
            .map(OsString::from)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let commands = ["mount", "logplay"].map(str::to_owned);
        let args = line.split_whitespace().map(OsString::from).collect();
        let args = rewrite(args, &commands);
        let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn help_of_a_command() {
        for line in [
            "-h mount",
            "-? mount",
            "--help mount",
            "--dryrun -h mount x",
        ] {
            assert_eq!(rewritten(line), "mount --help", "{line}");
        }
        for line in ["-h", "-h nonsense", "mount -h", "mount a -? b", ""] {
            assert_eq!(rewritten(line), line);
        }
    }

    #[test]
    fn shadow_in_letters() {
        for (line, means) in [
            ("logplay -Ss D M", "logplay --shadow D M"),
            ("logplay -sS D M", "logplay --shadow D M"),
            ("--dryrun logplay -vSs D", "--dryrun logplay -v --shadow D"),
            ("logplay -n -sSv D", "logplay -n -v --shadow D"),
        ] {
            assert_eq!(rewritten(line), means, "{line}");
        }
        for line in [
            "logplay -s D M",
            "logplay -S D M",
            "logplay -- -Ss D",
            "logplay --Ss D",
            "logplay -Ssx D",
            "mount -Ss D",
        ] {
            assert_eq!(rewritten(line), line);
        }
    }
}
