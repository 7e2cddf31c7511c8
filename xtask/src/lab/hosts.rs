//! `cargo xtask lab --hosts A,B`: two guests that share one memory.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::{
    Args, Identity, Ready, TIMED_OUT, complain,
    host::{Host, Said, TimedOut},
    shared::Shared,
};
use crate::setup::kernels;

/// Who the hosts are to famfs. They keep their names through every boot: the one that made a
/// file system stays its master.
pub(crate) const UUIDS: [&str; 2] = [
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
];
const UUID_FILE: &str = "/opt/famfs/system_uuid";

/// Two hosts that can be switched on: on these kernels, with these memories, which may be one.
/// `more` files are on both.
pub(crate) fn ready(
    args: &Args,
    memory: lab_init::Memory,
    shared: [&Shared; 2],
    more: &[(String, Vec<u8>)],
) -> Result<Vec<Host>> {
    args.hosts
        .iter()
        .zip(UUIDS)
        .zip(shared)
        .enumerate()
        .map(|(index, ((asked, uuid), shared))| {
            // A NUL at its end, as upstream has it.
            let own = (UUID_FILE.to_owned(), format!("{uuid}\0").into_bytes());
            let identity = Identity {
                number: index + 1,
                files: std::iter::once(own).chain(more.iter().cloned()).collect(),
            };
            let args = Args {
                kernel: Some(*asked),
                memory_file: Some(shared.path().to_owned()),
                command: vec!["sh".to_owned()],
                ..args.clone()
            };
            let ready = Ready::new(&args, memory, None, Some(&identity))?;
            Ok(Host::new(
                format!("host {} ({})", index + 1, asked.line.series()),
                ready,
            ))
        })
        .collect()
}

/// Boots both, and runs the command in both at once; or without one what is asked for on
/// standard input, line by line. Returns the first status that is not 0.
pub(super) fn run(args: &Args, memory: lab_init::Memory) -> Result<u8> {
    let shared = match &args.memory_file {
        Some(file) => Shared::open(file, args.size)?,
        None => Shared::anonymous(0, args.size)?,
    };
    let mut hosts = ready(args, memory, [&shared; 2], &[])?;
    Host::boot(&mut hosts)?;
    for host in &mut hosts {
        host.deadline = args
            .timeout
            .map(|s| Instant::now() + Duration::from_secs(s));
    }
    let status = if args.command.is_empty() {
        interact(&mut hosts)
    } else {
        together(&mut hosts, &quoted(&args.command))
    };
    let status = match status {
        Err(error) if error.is::<TimedOut>() => {
            complain(&error.to_string());
            return Ok(TIMED_OUT);
        }
        status => status?,
    };
    for host in &mut hosts {
        host.shut()?;
    }
    Ok(status)
}

/// The command as a shell reads it.
fn quoted(command: &[String]) -> String {
    command
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
        .collect::<Vec<_>>()
        .join(" ")
}

fn together(hosts: &mut [Host], script: &str) -> Result<u8> {
    for host in &mut *hosts {
        host.start(script)?;
    }
    let mut status = 0;
    for (number, host) in (1..).zip(hosts) {
        let said = host.wait()?;
        show(&said, &format!("{number}| "))?;
        status = first(status, &said);
    }
    Ok(status)
}

fn interact(hosts: &mut [Host]) -> Result<u8> {
    let terminal = io::stdin().is_terminal();
    if terminal {
        complain("`1 COMMAND` runs on host 1, `2 COMMAND` on host 2; Ctrl-D ends both");
    }
    let mut status = 0;
    let lines = io::stdin().lock().lines();
    prompt(terminal)?;
    for line in lines {
        let line = line.context("cannot read standard input")?;
        match parse(&line) {
            Asked::Nothing => {}
            Asked::Run(number, script) => {
                let said = hosts[number - 1].run(script)?;
                show(&said, "")?;
                status = first(status, &said);
            }
            Asked::Unclear => {
                complain(&format!(
                    "`{line}` names no host; write `1 COMMAND` or `2 COMMAND`"
                ));
                status = if status == 0 { 2 } else { status };
            }
        }
        prompt(terminal)?;
    }
    Ok(status)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked<'l> {
    Nothing,
    /// The host's number, and what to run there.
    Run(usize, &'l str),
    Unclear,
}

fn parse(line: &str) -> Asked<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Asked::Nothing;
    }
    match line.split_once(char::is_whitespace) {
        Some(("1", script)) => Asked::Run(1, script.trim()),
        Some(("2", script)) => Asked::Run(2, script.trim()),
        _ => Asked::Unclear,
    }
}

fn prompt(terminal: bool) -> Result<()> {
    if terminal {
        write!(io::stderr(), "> ").context("cannot write a prompt")?;
    }
    Ok(())
}

fn show(said: &Said, prefix: &str) -> Result<()> {
    let write = |to: &mut dyn Write, text: &str| -> io::Result<()> {
        for line in text.split_inclusive('\n') {
            write!(to, "{prefix}{line}")?;
        }
        to.flush()
    };
    write(&mut io::stderr(), &said.err).context("cannot write standard error")?;
    write(&mut io::stdout(), &said.out).context("cannot write standard output")
}

fn first(status: u8, said: &Said) -> u8 {
    if status == 0 {
        u8::try_from(said.status).unwrap_or(255)
    } else {
        status
    }
}

/// The kernels must be two.
pub(super) fn usage(asked: &[kernels::Asked]) -> Result<()> {
    anyhow::ensure!(
        asked.len() == 2,
        "--hosts takes two kernels, such as 6.12,7.3; {} given",
        asked.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_host() {
        assert_eq!(parse(" 1  famfs list "), Asked::Run(1, "famfs list"));
        assert_eq!(parse("2 a b"), Asked::Run(2, "a b"));
        assert_eq!(parse("# note"), Asked::Nothing);
        assert_eq!(parse(""), Asked::Nothing);
        for unclear in ["3 ls", "ls", "1", "12 ls"] {
            assert_eq!(parse(unclear), Asked::Unclear, "{unclear}");
        }
    }

    #[test]
    fn words_reach_the_shell_as_they_are() {
        let words = ["echo", "it's", "$HOME *"].map(str::to_owned);
        assert_eq!(quoted(&words), r"'echo' 'it'\''s' '$HOME *'");
    }
}
