//! `cargo xtask lab`: one command, or a shell, in a guest with DAX memory.

mod accel;
mod console;
mod cpio;
pub(crate) mod host;
pub(crate) mod hosts;
pub(crate) mod image;
mod modules;
mod power;
mod qemu;
mod session;
mod share;
pub(crate) mod shared;
mod terminal;
mod tsc;
mod vmlinux;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, IsTerminal, Write},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::{ValueEnum, builder::ArgPredicate};
use famfs_cli::size;
use lab_init::Config;

use self::{
    console::{Known, complaints},
    qemu::{Accel, Machine},
    session::{End, Limits},
    share::Incoming,
};
use crate::{
    ebpf, kmod, paths,
    setup::{
        self,
        kernels::{self, Asked, Kernel, Line},
    },
};

/// Exit status when the emulator itself died: nothing is known of the command.
pub(crate) const LOST: u8 = 123;
/// Exit status for a failure of the lab itself, not of the command.
const LAB_FAILED: u8 = 125;
const TIMED_OUT: u8 = 124;

/// The debugging kernel takes that many times as long, for everything.
const DEBUG_SLOWER: u32 = 8;

/// A guest beats its heart every two seconds; a loaded host may starve it for a while.
const SILENCE: Duration = Duration::from_mins(2);

/// How often a boot is tried. Under TCG one in some dozens never gets its first timer tick and
/// hangs before PID 1, so before the command: it is started again, in the open. The last try has
/// all the time there is.
const BOOTS: u32 = 3;
const BOOT: Duration = Duration::from_secs(45);

/// The last words of the line that says so; `cargo xtask test` counts these lines.
pub(crate) const AGAIN: &str = "booting it again";

/// Boot a guest with DAX memory and run a command in it, or a shell.
///
/// The command's standard output, standard error and exit status are the lab's own. Exit status
/// 125: the lab failed, or the kernel printed a warning; 124: the timeout passed; 123: the
/// emulator itself died.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask lab                                    a shell in the guest
  cargo xtask lab -- famfs mkfs /dev/pmem0           one command, on the 6.12 kernel
  cargo xtask lab --kernel 7.3 --memory cxl -- ls /dev/dax0.0
  cargo xtask lab --kernel debug -- lab-guest        with KASAN and lockdep; built first, an hour
  cargo xtask lab --hosts 6.12,7.3                   `1 COMMAND` and `2 COMMAND`, line by line
  cargo xtask lab --share results -- sh -c 'dmesg > /share/dmesg'")]
pub(crate) struct Args {
    /// lts, current, debug, or a version such as 7.3 [default: lts]
    #[arg(long)]
    pub(crate) kernel: Option<Asked>,
    /// Two guests on these kernels that share one memory, such as 6.12,7.3
    #[arg(
        long,
        value_name = "KERNEL,KERNEL",
        value_delimiter = ',',
        conflicts_with_all = ["kernel", "deterministic", "devices", "module"]
    )]
    pub(crate) hosts: Vec<Asked>,
    /// How the DAX memory is presented [default: pmem on lts, fsdev on current]
    #[arg(long, value_enum)]
    pub(crate) memory: Option<MemoryKind>,
    /// Bytes of DAX memory: a multiple of 256M, with suffix M or G
    #[arg(long, default_value = "1G", value_parser = parse_size)]
    pub(crate) size: u64,
    /// DAX devices: with 2, a second one of 256M is in `FAMFS_DEV2` (not with cxl)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2))]
    pub(crate) devices: u32,
    /// Keep the DAX memory in this file, shared with whoever else maps it
    #[arg(long, value_name = "FILE")]
    pub(crate) memory_file: Option<PathBuf>,
    /// Folder of the host that the guest sees as /share
    #[arg(long, value_name = "DIR")]
    pub(crate) share: Option<PathBuf>,
    /// End the guest after this many seconds [default: none; 900 with --deterministic]
    #[arg(
        long,
        value_name = "SECONDS",
        overrides_with = "timeout",
        default_value_if("deterministic", ArgPredicate::IsPresent, "900")
    )]
    pub(crate) timeout: Option<u64>,
    /// Make every boot execute the same instructions; no input, output comes at the end
    #[arg(long, requires = "command")]
    pub(crate) deterministic: bool,
    /// Another famfs.ko than the tree's own
    #[arg(long, value_name = "FILE")]
    pub(crate) module: Option<PathBuf>,
    /// Watch the emulated processor with a QEMU plugin: FILE[,OPTION=VALUE…]
    #[arg(long, value_name = "PLUGIN", requires = "deterministic", hide = true)]
    pub(crate) plugin: Option<String>,
    /// Bring the instruments along that famfs-top is compared with
    #[arg(long, hide = true)]
    pub(crate) tracers: bool,
    /// Everything that goes into the guest was built a moment ago
    #[arg(long, hide = true)]
    pub(crate) built: bool,
    /// Command and arguments; a shell without
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

impl Args {
    /// Two hosts on these kernels, each with this many bytes of memory. What goes into the guests
    /// must have been built.
    pub(crate) fn for_hosts(lines: [Line; 2], size: u64) -> Self {
        Self {
            kernel: Some(lines[0].into()),
            hosts: lines.map(Asked::from).to_vec(),
            memory: None,
            size,
            devices: 1,
            memory_file: None,
            share: None,
            timeout: None,
            deterministic: false,
            module: None,
            plugin: None,
            tracers: false,
            built: true,
            command: Vec::new(),
        }
    }

    /// The kernel of a single guest.
    fn asked(&self) -> Asked {
        self.kernel.unwrap_or_else(|| kernels::first().into())
    }
}

/// [`lab_init::Memory`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MemoryKind {
    /// /dev/pmem0, a block device
    Pmem,
    /// /dev/dax0.0, a character device in file-system mode
    Fsdev,
    /// /dev/dax0.0 on an emulated CXL type-3 device
    Cxl,
}

impl From<MemoryKind> for lab_init::Memory {
    fn from(kind: MemoryKind) -> Self {
        match kind {
            MemoryKind::Pmem => Self::Pmem,
            MemoryKind::Fsdev => Self::Fsdev,
            MemoryKind::Cxl => Self::Cxl,
        }
    }
}

/// Runs the subcommand: usage errors end with 2, the lab's own with 125.
pub(crate) fn main(args: &Args) -> ExitCode {
    if let Err(error) = usage(args) {
        complain(&format!("{error:#}"));
        return ExitCode::from(2);
    }
    match set_up_and_run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(LAB_FAILED)
        }
    }
}

fn set_up_and_run(args: &Args) -> Result<u8> {
    setup::ensure()?;
    // Only now is it known which kernels there are.
    let memory = usage(args)?;
    if args.hosts.is_empty() {
        args.asked().report();
        return run(args, memory);
    }
    args.hosts.iter().copied().for_each(Asked::report);
    hosts::run(args, memory)
}

/// What the arguments do not allow together.
fn usage(args: &Args) -> Result<lab_init::Memory> {
    // Of two hosts both have the same, and each kernel has pmem.
    let (kernels, preferred) = if args.hosts.is_empty() {
        let asked = args.asked();
        (vec![asked], asked.line.memories()[0])
    } else {
        hosts::usage(&args.hosts)?;
        (args.hosts.clone(), lab_init::Memory::Pmem)
    };
    let memory = args.memory.map_or(preferred, Into::into);
    for kernel in kernels {
        let offered = kernel.line.memories();
        if !offered.contains(&memory) {
            let offered: Vec<_> = offered.iter().map(|memory| memory_name(*memory)).collect();
            bail!(
                "kernel {kernel} has no {} memory, only {} (current has pmem, fsdev and cxl)",
                memory_name(memory),
                offered.join(", ")
            );
        }
    }
    if args.devices > 1 && memory.second_device().is_none() {
        bail!("--devices 2: {} memory has one device", memory_name(memory));
    }
    for path in args.share.iter().chain(&args.memory_file) {
        if path.to_str().is_none() {
            bail!(
                "{}: QEMU cannot be given a name that is not UTF-8",
                path.display()
            );
        }
    }
    if let Some(share) = args.share.as_ref().filter(|path| !path.is_dir()) {
        bail!(
            "--share {}: not a folder; create it with `mkdir`",
            share.display()
        );
    }
    if let Some(file) = &args.memory_file {
        let size = fs::metadata(file)
            .with_context(|| {
                let name = file.display();
                format!(
                    "--memory-file {name}: make it with `truncate -s {} {name}`",
                    args.size
                )
            })
            .map(|meta| meta.len())?;
        if size < args.size {
            bail!(
                "--memory-file {} has {size} bytes, --size wants {}; make it so with `truncate`",
                file.display(),
                args.size
            );
        }
    }
    Ok(memory)
}

/// Returns the word that `--memory` takes.
pub(crate) fn memory_name(memory: lab_init::Memory) -> &'static str {
    match memory {
        lab_init::Memory::Pmem => "pmem",
        lab_init::Memory::Fsdev => "fsdev",
        lab_init::Memory::Cxl => "cxl",
    }
}

/// Boots a guest and returns the exit status to end with.
fn run(args: &Args, memory: lab_init::Memory) -> Result<u8> {
    let terminal = if args.deterministic {
        None
    } else {
        terminal::size()
    };
    let ready = Ready::new(args, memory, terminal, None)?;
    if io::stderr().is_terminal() {
        complain(&format!(
            "booting {} with {} memory ({:?})",
            ready.kernel.release,
            memory_name(memory),
            ready.machine.accel
        ));
    }
    boot(args, &ready.machine, &ready.kernel, terminal.is_some())
}

/// Tells the consoles of this process' guests from each other.
static GUESTS: AtomicU32 = AtomicU32::new(0);

/// A guest that can be booted, as often as one likes; its files go with this.
#[derive(Debug)]
pub(crate) struct Ready {
    machine: Machine,
    kernel: Kernel,
    _scratch: tempfile::TempDir,
}

/// What tells one host of several from the others.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The host's number, from 1 on; commands find it in `FAMFS_HOST`.
    pub number: usize,
    /// Files that only this host has.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Ready {
    /// Builds what goes into the guest, and its image.
    fn new(
        args: &Args,
        memory: lab_init::Memory,
        terminal: Option<(u16, u16)>,
        identity: Option<&Identity>,
    ) -> Result<Self> {
        let line = args.asked().line;
        if !args.built {
            setup::ensure()?;
            if line == Line::Debug {
                setup::debugkernel::ensure()?;
            }
            ebpf::build()?;
            image::build_binaries()?;
        }
        let kernel = kernels::installed(line)?;
        let famfs_ko = match &args.module {
            Some(file) => file.clone(),
            None if args.built => kmod::tree(line),
            None => kmod::build_tree(line, 0)?.ko,
        };
        let binaries = image::binaries();
        fs::create_dir_all(paths::target("lab/console")).context("cannot create target/lab")?;

        let scratch = tempfile::Builder::new()
            .prefix("famfs-lab-")
            .tempdir()
            .context("cannot create a temporary folder")?;
        let initrd = scratch.path().join("initrd");
        let share = match &args.share {
            Some(share) => Some(fs::canonicalize(share).context("cannot resolve --share")?),
            None => None,
        };
        let contents = image::Contents {
            kernel: &kernel,
            famfs_ko: &famfs_ko,
            binaries: &binaries,
            share: share.as_deref().filter(|_| args.deterministic),
            tracers: args.tracers,
            files: identity.map_or(&[], |identity| &identity.files),
        };
        let mut config = configuration(args, &kernel, memory, terminal, share.is_some());
        let guest = GUESTS.fetch_add(1, Ordering::Relaxed);
        let mut console = format!("{}-{}-{guest}", kernel.line, std::process::id());
        if let Some(Identity { number, .. }) = identity {
            config.env.insert("FAMFS_HOST".into(), number.to_string());
            let _ = write!(console, "-host{number}");
        }
        image::write(&initrd, &contents, config)?;

        let accel = if args.deterministic {
            Accel::Deterministic
        } else {
            accel::choose(&kernel.vmlinuz)?
        };
        let machine = Machine {
            accel,
            memory,
            size: args.size,
            devices: args.devices,
            memory_file: args.memory_file.clone(),
            kernel: vmlinux::plain(&kernel.vmlinuz, &kernel.release)?,
            initrd,
            console: paths::target(format!("lab/console/{console}.log")),
            sockets: scratch.path().to_owned(),
            tsc_khz: (accel == Accel::Tcg).then(tsc::khz).flatten(),
            share,
            plugin: args.plugin.clone(),
            debug: kernel.line == Line::Debug,
        };
        Ok(Self {
            machine,
            kernel,
            _scratch: scratch,
        })
    }
}

fn configuration(
    args: &Args,
    kernel: &Kernel,
    memory: lab_init::Memory,
    terminal: Option<(u16, u16)>,
    share: bool,
) -> Config {
    let mut env = BTreeMap::from(
        [
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ("HOME", "/root"),
            ("FAMFS_DEV", memory.device()),
            ("FAMFS_KERNEL", &kernel.series()),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    if let Some(second) = memory.second_device().filter(|_| args.devices > 1) {
        env.insert("FAMFS_DEV2".into(), second.into());
    }
    if args.deterministic {
        env.insert("FAMFS_DETERMINISTIC".into(), "1".into());
    }
    // What decides how output looks, and what the gate wants its harness to know.
    // What is no text cannot be sent.
    let ours = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    env.extend(ours.filter(|(key, _)| {
        ["TERM", "COLORTERM", "NO_COLOR", "RUST_BACKTRACE"].contains(&key.as_str())
            || famfs_cli::env::FINGERPRINT.is_named(key)
            // A screen's characters are the terminal's; a test's output is the same everywhere.
            || (terminal.is_some() && ["LC_ALL", "LC_CTYPE", "LANG"].contains(&key.as_str()))
    }));
    let command = if args.command.is_empty() {
        vec!["sh".to_owned()]
    } else {
        args.command.clone()
    };
    Config {
        memory,
        size: args.size,
        devices: args.devices,
        modules: Vec::new(),
        link_modules: Vec::new(),
        command,
        env,
        terminal,
        deterministic: args.deterministic,
        share,
    }
}

/// Starts QEMU, relays until the end, and judges the kernel.
fn boot(args: &Args, machine: &Machine, kernel: &Kernel, on_terminal: bool) -> Result<u8> {
    let known = Known::load(&paths::workspace().join("lab/known-warnings.toml"))?;
    let slower = if machine.debug { DEBUG_SLOWER } else { 1 };
    let mut limits = Limits {
        timeout: args.timeout.map(Duration::from_secs),
        boot: None,
        silence: (!args.deterministic).then_some(SILENCE * slower),
    };
    let mut incoming = Incoming::default();
    let (data, control) = (machine.data_socket(), machine.control_socket());
    let mut boots = 0;
    let (end, orderly, died_by) = loop {
        boots += 1;
        limits.boot = (boots < BOOTS).then_some(BOOT * slower);
        let mut qemu = power::on(machine)?;
        let sockets = (data.as_path(), control.as_path());
        let end = if args.deterministic {
            session::collect(&mut qemu, &data, limits, &mut incoming)
        } else {
            session::relay(&mut qemu, sockets, on_terminal, limits, &mut incoming)
        };
        let orderly = matches!(end, Ok(End::Exit(_) | End::Failed(_)));
        let ended = power::off(machine, &mut qemu, orderly)?;
        let died_by = ended.and_then(|status| status.signal());
        // A kernel that complained before it hung is a finding, not an accident.
        let console = fs::read(&machine.console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        let quiet = complaints(&console, &kernel.series(), &known).is_empty();
        match end {
            Ok(End::NotUp(limit)) if quiet => complain(&format!(
                "the guest did not come up within {} s; {AGAIN}",
                limit.as_secs()
            )),
            end => break (end, orderly, died_by),
        }
    };
    let end = end?;
    if let (End::Exit(_), Some(share)) = (&end, &machine.share) {
        incoming.unpack(share)?;
    }

    // A console that cannot be read would be one without complaints.
    let text = match fs::read(&machine.console) {
        Err(error) if orderly => {
            return Err(error)
                .with_context(|| format!("cannot read {}", machine.console.display()));
        }
        text => text.unwrap_or_default(),
    };
    let text = String::from_utf8_lossy(&text);
    let complaints = complaints(&text, &kernel.series(), &known);
    match verdict(&end, died_by, &complaints) {
        Ok(code) => {
            let _ = fs::remove_file(&machine.console);
            Ok(code)
        }
        Err((code, why)) => {
            complain(&why);
            for line in text
                .lines()
                .rev()
                .take(12)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
            {
                complain(&format!("  {line}"));
            }
            complain(&format!(
                "the kernel console is in {}",
                machine.console.display()
            ));
            Ok(code)
        }
    }
}

/// The exit status, or the reason why the run failed whatever the command said.
fn verdict(end: &End, died_by: Option<i32>, complaints: &[&str]) -> Result<u8, (u8, String)> {
    if let Some(first) = complaints.first() {
        let count = complaints.len();
        return Err((
            LAB_FAILED,
            format!("the guest's kernel complained ({count} lines): {first}"),
        ));
    }
    match end {
        End::Exit(code) => Ok(*code),
        End::BrokenPipe => Ok(0),
        // The console may say why the user lost patience.
        End::Interrupted(signal) => Err((
            u8::try_from(128 + signal).unwrap_or(255),
            format!("the guest was ended by signal {signal}"),
        )),
        End::Failed(why) => Err((LAB_FAILED, format!("the guest is not ready: {why}"))),
        End::Died => Err(match died_by {
            Some(signal) => (
                LOST,
                format!("the emulator ended by signal {signal} before the command did"),
            ),
            None => (
                LAB_FAILED,
                "the guest died before the command ended".to_owned(),
            ),
        }),
        End::NotUp(limit) | End::Silent(limit) => Err((
            LAB_FAILED,
            format!(
                "the guest said nothing for {} s and was ended",
                limit.as_secs()
            ),
        )),
        End::TimedOut(limit) => Err((
            TIMED_OUT,
            format!(
                "the guest was ended after {} s (--timeout)",
                limit.as_secs()
            ),
        )),
    }
}

/// The lab's own words. That nobody reads them must not change how the run ends.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "lab: {line}");
}

/// Parses a size that QEMU and the CXL window can present, such as `512M` or `1GiB`.
fn parse_size(text: &str) -> Result<u64, String> {
    let size = size::parse(text)?;
    if size == 0 || size % (256 << 20) != 0 || size > 64 << 30 {
        return Err("must be a multiple of 256M, at most 64G".to_owned());
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_multiples_of_256_mib() {
        assert_eq!(parse_size("1G"), Ok(1 << 30));
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        for bad in [
            "",
            "G",
            "1",
            "1T",
            "100M",
            "0G",
            "-1G",
            "99999999999999G",
            "65G",
        ] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_kernel_complaint_fails_a_run_that_succeeded() {
        assert_eq!(verdict(&End::Exit(0), None, &[]), Ok(0));
        assert_eq!(verdict(&End::Exit(7), None, &[]), Ok(7));
        assert_eq!(
            verdict(&End::Exit(0), None, &["WARNING: x"]).unwrap_err().0,
            LAB_FAILED
        );
    }

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        use clap::Parser;
        Line::try_parse_from(["lab"].iter().chain(words)).map(|line| line.args)
    }

    #[test]
    fn only_a_deterministic_guest_has_a_timeout_by_itself() {
        assert_eq!(parse(&["--", "true"]).unwrap().timeout, None);
        let args = parse(&["--deterministic", "--", "true"]).unwrap();
        assert_eq!(args.timeout, Some(900));
        let args = parse(&["--deterministic", "--timeout", "5", "--", "true"]).unwrap();
        assert_eq!(args.timeout, Some(5));
    }

    #[test]
    fn what_the_lab_cannot_do_is_a_usage_error() {
        for words in [
            &["--kernel", "5.15"][..],
            &["--hosts", "2"],
            &["--deterministic"],
        ] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
        for words in [
            &["--share", "/no/such/folder"][..],
            &["--memory-file", "/no/such/file"],
            &["--kernel", "lts", "--memory", "cxl"],
            &["--hosts", "7.3"],
            &["--hosts", "7.3,6.12,7.3"],
            &["--hosts", "6.12,7.3", "--memory", "fsdev"],
            &["--kernel", "7.3", "--memory", "cxl", "--devices", "2"],
        ] {
            assert!(usage(&parse(words).unwrap()).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_dead_emulator_is_told_from_a_dead_guest_and_from_a_kernel_that_complained() {
        let status = |complaints: &[&str]| verdict(&End::Died, Some(11), complaints);
        assert_eq!(status(&[]).unwrap_err().0, LOST);
        assert_eq!(status(&["WARNING: x"]).unwrap_err().0, LAB_FAILED);
    }

    #[test]
    fn a_missing_memory_file_comes_with_the_command_that_makes_it() {
        let args = parse(&["--memory-file", "/no/such/file", "--size", "256M"]).unwrap();
        let error = format!("{:#}", usage(&args).unwrap_err());
        assert_eq!(
            error,
            "--memory-file /no/such/file: make it with `truncate -s 268435456 /no/such/file`: \
             No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_guest_that_dies_is_no_success() {
        assert_eq!(verdict(&End::Died, None, &[]).unwrap_err().0, LAB_FAILED);
        assert_eq!(
            verdict(&End::TimedOut(Duration::from_secs(3)), None, &[])
                .unwrap_err()
                .0,
            TIMED_OUT
        );
    }
}
