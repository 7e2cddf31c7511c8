//! The user's own commands: run beside the screen, their last word shown as an event.

use std::{
    io::{self, Read as _},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::Sender,
    thread,
    time::SystemTime,
};

use famfs_instruments::tui::{Message, app::Action};
use famfs_snapshot::model::{Event, EventKind};

/// How much of the end of the output is kept to find the last line in.
const TAIL: usize = 4096;

/// Runs the action's command in the background, and says on `messages` how it ended.
pub(super) fn start(action: Action, messages: Sender<Message>) {
    thread::spawn(move || {
        let verdict = match run(&action.command) {
            Ok((status, last)) => verdict(status, &last),
            Err(error) => format!("cannot run it: {error}"),
        };
        let text = format!("{}: {verdict}", action.label);
        // Without a screen to show it nobody waits for it.
        let _ = messages.send(Message::Ended(
            action.key,
            Event::new(SystemTime::now(), EventKind::Action, text),
        ));
    });
}

fn verdict(status: ExitStatus, last: &str) -> String {
    let how = if status.success() {
        "done".to_owned()
    } else {
        status.to_string()
    };
    if last.is_empty() {
        how
    } else {
        format!("{how}: {last}")
    }
}

/// The exit status and the last line of what the command wrote, on either stream.
fn run(command: &str) -> io::Result<(ExitStatus, String)> {
    let (mut output, writer) = io::pipe()?;
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = shell.spawn()?;
    // It holds the pipe's writing ends, and the reader waits until all are closed.
    drop(shell);
    let mut kept = Vec::new();
    let mut chunk = [0; TAIL];
    loop {
        match output.read(&mut chunk)? {
            0 => break,
            n => kept.extend_from_slice(&chunk[..n]),
        }
        kept.drain(..kept.len().saturating_sub(TAIL));
    }
    let status = child.wait()?;
    let text = String::from_utf8_lossy(&kept);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    Ok((status, last.unwrap_or_default().trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn said(command: &str) -> String {
        let (sender, receiver) = mpsc::channel();
        start(
            Action {
                key: 'p',
                label: "try".into(),
                command: command.into(),
            },
            sender,
        );
        let messages: Vec<_> = receiver.iter().collect();
        let [Message::Ended('p', event)] = &messages[..] else {
            panic!("{messages:?}")
        };
        event.text.clone()
    }

    #[test]
    fn the_last_line_of_either_stream_is_told() {
        assert_eq!(said("echo first; echo last >&2"), "try: done: last");
        assert_eq!(said("true"), "try: done");
    }

    #[test]
    fn a_failure_is_told_with_its_status() {
        assert_eq!(said("echo no >&2; exit 3"), "try: exit status: 3: no");
    }

    #[test]
    fn much_output_is_no_obstacle() {
        let said = said(
            "i=0; while [ $i -lt 9000 ]; do echo 0123456789abcdef; i=$((i+1)); done; echo end",
        );
        assert_eq!(said, "try: done: end");
    }
}
