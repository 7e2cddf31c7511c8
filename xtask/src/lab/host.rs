//! A guest as one host of several: a shell in it runs one script after the other, and the whole
//! guest can be frozen or killed between two instructions.

use std::{
    fs,
    os::unix::{net::UnixStream, process::ExitStatusExt as _},
    path::Path,
    process::Child,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use lab_init::{Message, wire::MAX_PAYLOAD};
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{
    AGAIN, BOOT, BOOTS, DEBUG_SLOWER, Ready, SILENCE, complain,
    console::{Known, complaints},
    power,
    session::{self, Event, QUEUE},
};
use crate::paths;

/// How often this process booted a host again that had not come up.
pub(crate) static BOOTED_AGAIN: AtomicU32 = AtomicU32::new(0);

/// More than any script of ours says.
const OUTPUT_MAX: usize = 16 << 20;

/// A process that has closed its connections has ended within this time.
const DYING: Duration = Duration::from_secs(1);

/// Starts a line that the agent says, not the script.
const MARK: char = '\u{1e}';

/// What a script came to.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// A host that is on or off. Dropped, it is off at once.
#[derive(Debug)]
pub(crate) struct Host {
    /// The name in messages.
    pub name: String,
    /// When the user wants an end of it.
    pub deadline: Option<Instant>,
    ready: Ready,
    guest: Option<Guest>,
}

/// The deadline has passed.
#[derive(Debug, thiserror::Error)]
#[error("the hosts were ended by --timeout")]
pub(crate) struct TimedOut;

#[derive(Debug)]
struct Guest {
    qemu: Child,
    data: UnixStream,
    // The guest sends its heart beat there.
    _control: UnixStream,
    inbox: Receiver<Event>,
    heard: Instant,
    /// Scripts that were sent.
    jobs: u64,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Host {
    pub(crate) fn new(name: String, ready: Ready) -> Self {
        Self {
            name,
            deadline: None,
            ready,
            guest: None,
        }
    }

    /// Switches on those that are off, side by side, and waits until all can run scripts.
    pub(crate) fn boot<'h>(hosts: impl IntoIterator<Item = &'h mut Self>) -> Result<()> {
        let mut started = Vec::new();
        for host in hosts {
            if host.guest.is_none() {
                host.on()?;
                started.push(host);
            }
        }
        started.into_iter().try_for_each(Self::come_up)
    }

    fn on(&mut self) -> Result<()> {
        let machine = &self.ready.machine;
        let mut qemu = power::on(machine)?;
        let (events, inbox) = mpsc::sync_channel(QUEUE);
        let mut connect = |socket: &Path| -> Result<UnixStream> {
            let stream = session::connect(&mut qemu, socket)?
                .with_context(|| format!("QEMU of {} ended at once", self.name))?;
            session::listen(&stream, events.clone())?;
            Ok(stream)
        };
        let data = connect(&machine.data_socket())?;
        let control = connect(&machine.control_socket())?;
        self.guest = Some(Guest {
            qemu,
            data,
            _control: control,
            inbox,
            heard: Instant::now(),
            jobs: 0,
            out: Vec::new(),
            err: Vec::new(),
        });
        Ok(())
    }

    /// Waits for the first sign of life, and boots a guest again that gives none; then for the
    /// shell.
    fn come_up(&mut self) -> Result<()> {
        for boot in 1.. {
            // The last try has all the time there is.
            let limit = if boot < BOOTS { BOOT } else { SILENCE } * self.slower();
            match self.guest()?.awaken(limit) {
                Ok(true) => break,
                Err(error) if !self.is_lost()? => return Err(error),
                Ok(false) | Err(_) => {}
            }
            let healthy = self.healthy();
            self.kill()?;
            healthy?;
            if boot == BOOTS {
                bail!("{} did not come up {boot} times", self.name);
            }
            complain(&format!(
                "{} did not come up within {} s; {AGAIN}",
                self.name,
                limit.as_secs()
            ));
            BOOTED_AGAIN.fetch_add(1, Ordering::Relaxed);
            self.on()?;
        }
        self.must("modprobe famfs && mkdir -p /mnt/famfs").map(drop)
    }

    fn slower(&self) -> u32 {
        if self.ready.machine.debug {
            DEBUG_SLOWER
        } else {
            1
        }
    }

    fn guest(&mut self) -> Result<&mut Guest> {
        self.guest
            .as_mut()
            .with_context(|| format!("{} is off", self.name))
    }

    /// Runs a script, of which nobody reads the input, to its end.
    pub(crate) fn run(&mut self, script: &str) -> Result<Said> {
        self.start(script)?;
        self.wait()
    }

    /// Runs a script that must end with 0; returns what it said on standard output.
    pub(crate) fn must(&mut self, script: &str) -> Result<String> {
        let said = self.run(script)?;
        if said.status != 0 {
            bail!(
                "on {}, `{script}` ended with {}:\n{}{}",
                self.name,
                said.status,
                said.out,
                said.err
            );
        }
        Ok(said.out)
    }

    /// Starts a script; [`Self::wait`] or [`Self::done`] says what became of it.
    pub(crate) fn start(&mut self, script: &str) -> Result<()> {
        let name = self.name.clone();
        self.guest()?
            .send(script)
            .with_context(|| format!("cannot send a script to {name}"))
    }

    /// Waits for the script that was started.
    pub(crate) fn wait(&mut self) -> Result<Said> {
        let silence = SILENCE * self.slower();
        let name = self.name.clone();
        let deadline = self.deadline;
        let guest = self.guest()?;
        loop {
            if let Some(said) = guest.said() {
                return Ok(said);
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(TimedOut.into());
            }
            let heard = guest.hear(Duration::from_millis(100));
            heard.with_context(|| format!("while {name} ran a script"))?;
            if guest.heard.elapsed() > silence {
                bail!("{name} said nothing for {} s", silence.as_secs());
            }
        }
    }

    /// What became of the script, if the guest has said so by now.
    pub(crate) fn done(&mut self) -> Result<Option<Said>> {
        let guest = self.guest()?;
        while guest.hear(Duration::ZERO)? {}
        Ok(guest.said())
    }

    /// Stops all of the guest's CPUs between two instructions, as a kill does at this moment;
    /// but it can go on. Waits until they stand.
    pub(crate) fn freeze(&mut self) -> Result<()> {
        let pid = pid(&self.guest()?.qemu);
        kill(pid, Signal::SIGSTOP).context("cannot stop QEMU")?;
        match waitpid(pid, Some(WaitPidFlag::WUNTRACED)).context("cannot wait for QEMU")? {
            WaitStatus::Stopped(..) => Ok(()),
            other => bail!("QEMU of {} ended: {other:?}", self.name),
        }
    }

    /// Lets a frozen guest go on.
    pub(crate) fn thaw(&mut self) -> Result<()> {
        let pid = pid(&self.guest()?.qemu);
        kill(pid, Signal::SIGCONT).context("cannot let QEMU go on")
    }

    /// Says whether the emulator died by itself, which says nothing of the guest.
    pub(crate) fn is_lost(&mut self) -> Result<bool> {
        let qemu = self.guest.as_mut().map(|guest| &mut guest.qemu);
        qemu.map_or(Ok(false), died)
    }

    /// Ends the guest where it stands.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let Some(mut guest) = self.guest.take() else {
            return Ok(());
        };
        power::off(&self.ready.machine, &mut guest.qemu, false).map(drop)
    }

    /// Lets the guest power off, and judges its kernel.
    pub(crate) fn shut(&mut self) -> Result<()> {
        let Some(mut guest) = self.guest.take() else {
            return Ok(());
        };
        let asked = Message::StdinClosed.write(&mut guest.data);
        let ended = power::off(&self.ready.machine, &mut guest.qemu, asked.is_ok());
        self.healthy()?;
        ended.map(drop)
    }

    /// Fails when the kernel of this or an earlier boot complained.
    pub(crate) fn healthy(&self) -> Result<()> {
        let known = Known::load(&paths::workspace().join("lab/known-warnings.toml"))?;
        let console = &self.ready.machine.console;
        let text =
            fs::read(console).with_context(|| format!("cannot read {}", console.display()))?;
        let text = String::from_utf8_lossy(&text);
        match complaints(&text, &self.ready.kernel.series(), &known).as_slice() {
            [] => Ok(()),
            [first, ..] => {
                let kept = console.with_extension("complaint.log");
                let _ = fs::copy(console, &kept);
                bail!(
                    "the kernel of {} complained: {first}; its console is in {}",
                    self.name,
                    kept.display()
                )
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // What is to be known of it was asked for before.
        let _ = self.kill();
        let _ = fs::remove_file(&self.ready.machine.console);
    }
}

impl Guest {
    /// Waits for the first sign of life.
    fn awaken(&mut self, limit: Duration) -> Result<bool> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.hear(Duration::from_millis(100))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn send(&mut self, script: &str) -> Result<()> {
        self.out.clear();
        self.err.clear();
        self.jobs += 1;
        let text = wrapped(script, self.jobs);
        for part in text.as_bytes().chunks(MAX_PAYLOAD) {
            Message::Stdin(part.to_vec()).write(&mut self.data)?;
        }
        Ok(())
    }

    /// Takes one event, if one comes in time.
    fn hear(&mut self, limit: Duration) -> Result<bool> {
        if interrupted() {
            bail!("interrupted");
        }
        let event = match self.inbox.recv_timeout(limit) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => {
                return match self.qemu.try_wait().context("cannot wait for QEMU")? {
                    None => Ok(false),
                    Some(status) => bail!("QEMU ended with {status}"),
                };
            }
            Err(RecvTimeoutError::Disconnected) => bail!("QEMU closed its connection"),
        };
        self.heard = Instant::now();
        match event {
            Event::Message(Message::Stdout(bytes)) => self.out.extend(bytes),
            Event::Message(Message::Stderr(bytes)) => self.err.extend(bytes),
            Event::Message(Message::Exit(code)) => bail!("its shell ended with {code}"),
            Event::Message(Message::Failed(why)) => bail!("the guest is not ready: {why}"),
            Event::Message(_) | Event::Signal(_) => {}
            Event::Garbled(error) => bail!("the guest is not understood: {error}"),
        }
        if self.out.len() + self.err.len() > OUTPUT_MAX {
            bail!("the script said more than {OUTPUT_MAX} bytes");
        }
        Ok(true)
    }

    /// What the last script came to, once both streams say so.
    fn said(&mut self) -> Option<Said> {
        let (out, status) = ended(&self.out, self.jobs)?;
        let (err, _) = ended(&self.err, self.jobs)?;
        let said = Said {
            status: status.trim().parse().ok()?,
            out,
            err,
        };
        self.out.clear();
        self.err.clear();
        Some(said)
    }
}

/// The script in a shell of its own, and a line at the end of both streams.
fn wrapped(script: &str, job: u64) -> String {
    format!(
        "(\n{script}\n) < /dev/null\nprintf '\\036{job} %d\\n' $?\nprintf '\\036{job} \\n' >&2\n"
    )
}

/// What stands before the last line of this job, and what that says.
fn ended(stream: &[u8], job: u64) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(stream);
    let (before, after) = text.rsplit_once(&format!("{MARK}{job} "))?;
    let line = after.strip_suffix('\n')?;
    Some((before.to_owned(), line.to_owned()))
}

/// Says whether a child was ended by a signal. Its connections are closed a moment before.
fn died(child: &mut Child) -> Result<bool> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => return Ok(status.signal().is_some()),
            // Its end was noticed where it was to be frozen.
            Err(e) if e.raw_os_error() == Some(nix::libc::ECHILD) => return Ok(true),
            Err(e) => return Err(e).context("cannot wait for QEMU"),
        }
        if start.elapsed() > DYING {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// Whether the user wants an end: then what is on is switched off, and files are removed.
fn interrupted() -> bool {
    static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| {
        let asked = Arc::new(AtomicBool::new(false));
        let _ = famfs_cli::signals::remember();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // The second ends us at once, and the guests with us; so does the first, where
            // there can be no handler.
            let status = 128 + signal;
            let second = Arc::clone(&asked);
            let _ = signal_hook::flag::register_conditional_shutdown(signal, status, second);
            let _ = signal_hook::flag::register(signal, Arc::clone(&asked));
        }
        // Else one that came between two of these would be lost.
        if famfs_cli::signals::asked().is_some() {
            asked.store(true, Ordering::Relaxed);
        }
        asked
    });
    asked.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signal_is_the_emulators_own_death() {
        for (script, lost) in [
            ("kill -SEGV $$", true),
            ("exit 1", false),
            ("sleep 5", false),
        ] {
            let mut child = std::process::Command::new("sh")
                .args(["-c", script])
                .spawn()
                .unwrap();
            assert_eq!(died(&mut child).unwrap(), lost, "{script}");
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_script_ends_with_its_mark_on_both_streams() {
        let dir = tempfile::tempdir().unwrap();
        let output = std::process::Command::new("sh")
            .current_dir(&dir)
            .args([
                "-c",
                &wrapped("printf 'no newline'; echo why >&2; exit 3", 7),
            ])
            .output()
            .unwrap();
        assert_eq!(
            ended(&output.stdout, 7).unwrap(),
            ("no newline".to_owned(), "3".to_owned())
        );
        assert_eq!(
            ended(&output.stderr, 7).unwrap(),
            ("why\n".to_owned(), String::new())
        );
        assert_eq!(ended(&output.stdout, 8), None);
    }

    #[test]
    fn half_a_mark_is_none() {
        for part in ["", "x", "\u{1e}7", "\u{1e}7 1"] {
            assert_eq!(ended(part.as_bytes(), 7), None, "{part:?}");
        }
    }
}
