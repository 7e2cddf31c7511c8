//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::target;
use famfs_cli::size;

#[derive(Debug, Parser)]
#[command(
    name = "famfs-bench",
    version,
    about = "Touches, poisons, measures and compares the faults of DAX files",
    after_help = "Exit status: 0 done or passed, 1 regression or limit missed, 2 usage or run error, \
                  3 not deterministic, 4 not comparable."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Touch(Touch),
    Poison(Poison),
    Run(Run),
    Gate(Gate),
    Cost(Cost),
    Memcpy(Memcpy),
    Runtime(Runtime),
    RuntimeCost(RuntimeCost),
    Watched(Watched),
    ProbeCost(ProbeCost),
    Reading(Reading),
    ReadCost(ReadCost),
    /// Print the clock
    #[command(hide = true)]
    Stamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Map {
    /// The address is congruent to the file offset modulo 2 MiB: faults can be served by PMD
    Aligned,
    /// The address is 4 KiB off that: every fault is served by PTE
    Skewed,
    /// Aligned, but private: a write copies its page
    Private,
}

/// Touch a file once per 4 KiB page, through a fresh mapping each round
///
/// A write stores the byte that is already there, so the file keeps its content.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench touch --file /mnt/famfs/data
  famfs-bench touch --file /mnt/famfs/data --access write --map skewed --len 4M
  famfs-bench touch --file /mnt/famfs/data --rounds 1000 --json

Exit status: 0 every page touched, 2 usage or run error (a SIGBUS is reported with its code).")]
pub(crate) struct Touch {
    /// The file to map
    #[arg(long)]
    pub(crate) file: PathBuf,
    #[arg(long, value_enum, default_value = "read")]
    pub(crate) access: Access,
    #[arg(long, value_enum, default_value = "aligned")]
    pub(crate) map: Map,
    /// Where in the file to begin; a multiple of 4 KiB
    #[arg(long, value_parser = size::parse, default_value = "0", value_name = "BYTES")]
    pub(crate) offset: u64,
    /// How much to touch [default: to the end of the file]
    #[arg(long, value_parser = size::parse, value_name = "BYTES")]
    pub(crate) len: Option<u64>,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// DANGER: report a page of a DAX file to the kernel as broken memory
///
/// The kernel then behaves as if the memory had failed: the process that maps the page gets
/// SIGBUS, a famfs mount on that device is DISABLED for everybody, and the page stays poisoned
/// until the machine reboots. Nothing on the page is erased, but no process can be sure to
/// read it again. Use it in the lab. Needs `CAP_SYS_ADMIN`.
///
/// Afterwards open, stat, read, write, mmap and touching are tried once each and what they
/// met is reported.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench poison --file /mnt/famfs/data --json
  famfs-bench poison --file /mnt/famfs/data --offset 2M

Exit status: 0 the poison was delivered, 2 it was not.")]
pub(crate) struct Poison {
    /// The DAX file to poison a page of
    #[arg(long)]
    pub(crate) file: PathBuf,
    /// Any byte of the page
    #[arg(long, value_parser = size::parse, default_value = "0", value_name = "BYTES")]
    pub(crate) offset: u64,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Measure what a first-touch and a steady fault cost, by 2 MiB and by 4 KiB mappings
///
/// Each target is measured twice over: PMD write, PMD read, PTE write, PTE read, each through
/// a fresh mapping. The first round is `first`, the later ones are `steady`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench run --target famfs:/mnt/famfs/data
  famfs-bench run --device /dev/pmem0 --destroy --json          (destroys what is on pmem0)
  cargo xtask lab --memory pmem -- famfs-bench run              (inside the lab: $FAMFS_DEV)
  cargo xtask lab --deterministic -- famfs-bench run --gate     (instructions, for the gate)

A target is famfs, ext4, xfs or devdax: famfs-bench makes it on --device, which needs
--destroy. KIND:FILE measures a file that exists (at least --size long) and formats nothing.
Inside the lab (FAMFS_KERNEL is set) the device is $FAMFS_DEV and is there to be destroyed.

Exit status: 0 measured, 2 usage or run error, or fault counts other than expected.")]
pub(crate) struct Run {
    /// What to measure: famfs, ext4, xfs, devdax, or KIND:FILE; repeatable
    /// [default: all four; with --gate famfs]
    #[arg(long = "target", value_name = "KIND[:FILE]")]
    pub(crate) targets: Vec<target::Spec>,
    /// The DAX device to make file systems on
    #[arg(long, value_name = "DEV")]
    pub(crate) device: Option<PathBuf>,
    /// Yes, what is on the device may be destroyed
    #[arg(long, requires = "device")]
    pub(crate) destroy: bool,
    /// Bytes of the file that is measured; a multiple of 2 MiB
    #[arg(long, value_parser = size::parse, default_value = "64M", value_name = "BYTES")]
    pub(crate) size: u64,
    /// Faults to measure by 4 KiB [default: every page of the file; with --gate 4096]
    #[arg(long, value_name = "N")]
    pub(crate) pte_touches: Option<usize>,
    /// Rounds; the first is reported apart
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) reps: u32,
    /// Measure what the gate compares: needs the deterministic lab
    #[arg(long)]
    pub(crate) gate: bool,
    /// Write the JSON document to a file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Compare instructions per fault against a baseline, and fail on growth
///
/// Each side is two or more results of `run --gate`, one per boot of the deterministic lab.
/// `cargo xtask gate` boots, measures and calls this.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench gate --new a.json --new b.json
  famfs-bench gate --new a.json --new b.json --base c.json --base d.json --json
  famfs-bench gate --new a.json --new b.json --accept

Exit status: 0 pass, 1 regression, 2 usage or run error, 3 not deterministic (the boots of a
side differ), 4 not comparable (fingerprints differ, or neither baseline nor base results).")]
pub(crate) struct Gate {
    /// A result of the side under test; one per boot
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) new: Vec<PathBuf>,
    /// A result of the side to compare with; one per boot
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Vec<PathBuf>,
    /// Where the baselines are, one per fingerprint
    #[arg(long, default_value = "bench/baselines", value_name = "DIR")]
    pub(crate) baselines: PathBuf,
    #[arg(long, default_value = "bench/thresholds.toml", value_name = "FILE")]
    pub(crate) thresholds: PathBuf,
    /// Make the new side the baseline of its fingerprint, whatever the comparison says
    #[arg(long)]
    pub(crate) accept: bool,
    /// Fail also if anything moved within the thresholds, or became cheaper
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hold famfs against the cheaper of ext4 and xfs, measured in the same run
///
/// Each result is one kernel's, of `run` in the deterministic lab with the targets famfs, ext4,
/// xfs and, for the floor, devdax. `cargo xtask bench fault-cost` boots, measures and calls this.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench cost --result 6.12.json --result 7.3.json
  famfs-bench cost --result 7.3.json --json

Exit status: 0 every limit met, 1 one was missed, 2 usage or run error.")]
pub(crate) struct Cost {
    /// A result of `famfs-bench run`; one per kernel
    #[arg(long = "result", required = true, value_name = "FILE")]
    pub(crate) results: Vec<PathBuf>,
    #[arg(long, default_value = "bench/limits.toml", value_name = "FILE")]
    pub(crate) limits: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Copy a file from the page cache into a DAX file, by memcpy and a flush of every line
///
/// What `famfs cp` is held against: one thread, both files mapped, the source's pages mapped
/// before the clock starts. The target exists and is as long as the source. The time is that of
/// the copy, its faults on the target and the flush, in ticks of the time stamp counter.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs creat -s 1G /mnt/famfs/to && famfs-bench memcpy --from /tmp/from --to /mnt/famfs/to
  famfs-bench memcpy --from /tmp/from --to /mnt/famfs/to --json

Exit status: 0 copied, 2 usage or run error (a SIGBUS is reported with its code).")]
pub(crate) struct Memcpy {
    /// A file, best one whose pages are in memory
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// A file of the same size
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// The source is in folios of one page: a window of its own for the lab's counter
    #[arg(long, hide = true)]
    pub(crate) small: bool,
}

/// Measure what the famfs command costs: mkfs, creat, logplay, fsck, and cp beside memcpy
///
/// The device's content is destroyed. A log is filled by many files in one command, and by
/// single commands at its beginning and near the end; played and checked when it is full; then
/// files are copied by `famfs cp` and by `famfs-bench memcpy`, in pairs of the order ABBA, each
/// on a fresh file system: out of a page cache in folios of 2 MiB, and in single pages.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  cargo xtask lab --memory pmem --size 32G --memory-file SPARSE -- famfs-bench runtime
  famfs-bench runtime --device /dev/pmem0 --destroy --pairs 10      (destroys what is on pmem0)

Without --entries the log is filled to its end, which takes 32 GiB of device. Inside the lab
(FAMFS_KERNEL is set) the device is $FAMFS_DEV and is there to be destroyed.
`cargo xtask bench runtime` boots, measures in instructions and in time, and judges.

Exit status: 0 measured, 2 usage or run error.")]
pub(crate) struct Runtime {
    /// The DAX device to make file systems on
    #[arg(long, value_name = "DEV")]
    pub(crate) device: Option<PathBuf>,
    /// Yes, what is on the device may be destroyed
    #[arg(long, requires = "device")]
    pub(crate) destroy: bool,
    /// FILE entries of the log that is played and checked; a log of 8 MiB holds 15420
    #[arg(long, value_name = "N", default_value_t = 15_420)]
    pub(crate) entries: u32,
    /// Files that one command makes, and that single commands make
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) files: u32,
    /// Single commands that are measured, at the beginning and at the end of --files each
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sample: u32,
    /// Bytes that are copied; a multiple of 1 MiB
    #[arg(long, value_parser = size::parse, default_value = "1G", value_name = "BYTES")]
    pub(crate) size: u64,
    /// Copies by each of cp and memcpy
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pairs: u32,
    /// Write the JSON document to a file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hold the famfs command's costs against their limits
///
/// Each folder is one kernel's: `insn.json`, of `runtime` in the deterministic lab; `split.txt`,
/// what the lab's counter of instructions saw of the same boot; and, if there are times to judge,
/// `time.json`, of `runtime` with a clock. `cargo xtask bench runtime` measures and calls this.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench runtime-cost --results target/bench/runtime-6.12 --results target/bench/runtime-7.3
  famfs-bench runtime-cost --results target/bench/runtime-7.3 --json

Exit status: 0 every limit met, 1 one was missed, 2 usage or run error. Of the times that of cp
is judged, by the median of its pairs with memcpy; the others are shown.")]
pub(crate) struct RuntimeCost {
    /// A folder of results; one per kernel
    #[arg(long, required = true, value_name = "DIR")]
    pub(crate) results: Vec<PathBuf>,
    #[arg(long, default_value = "bench/runtime-limits.toml", value_name = "FILE")]
    pub(crate) limits: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Measure the same faults again and again, each time with another instrument on
///
/// The instruments are empty BPF programs, famfs-top, and bpftrace with scripts that do the same.
/// `cargo xtask bench probe-cost` brings them into a guest and calls this there.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  famfs-bench watched --tracers /usr/lib/famfs --out /share/result.json

Exit status: 0 measured, 2 usage or run error, such as an instrument that saw no fault.")]
pub(crate) struct Watched {
    /// Where the scripts for bpftrace are
    #[arg(long, value_name = "DIR")]
    pub(crate) tracers: PathBuf,
    /// Bytes of the file that is measured; a multiple of 2 MiB
    #[arg(long, value_parser = size::parse, default_value = "64M", value_name = "BYTES")]
    pub(crate) size: u64,
    /// Faults to measure by 4 KiB
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(crate) pte_touches: usize,
    /// Where the JSON document goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Hold what famfs-top adds to a fault against its limits, and against others that do the same
///
/// Each result is one kernel's, of `watched` in the deterministic lab. `cargo xtask bench
/// probe-cost` boots, measures and calls this.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench probe-cost --result 6.12.json --result 7.3.json
  famfs-bench probe-cost --result 7.3.json --json

Exit status: 0 every rule met, 1 one was missed, 2 usage or run error.")]
pub(crate) struct ProbeCost {
    /// A result of `famfs-bench watched`; one per kernel
    #[arg(long = "result", required = true, value_name = "FILE")]
    pub(crate) results: Vec<PathBuf>,
    #[arg(long, default_value = "bench/probe-limits.toml", value_name = "FILE")]
    pub(crate) limits: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Measure what famfs-top itself uses: its start, and reading many files
///
/// `cargo xtask bench read-cost` calls this in the deterministic lab.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  famfs-bench reading --out /share/result.json

Exit status: 0 measured, 2 usage or run error.")]
pub(crate) struct Reading {
    /// Busy files
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) files: u64,
    /// Where the JSON document goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// Hold what famfs-top itself uses against its limits
///
/// Each result is one kernel's, of `reading` in the deterministic lab. `cargo xtask bench
/// read-cost` boots, measures and calls this.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  famfs-bench read-cost --result 6.12.json --result 7.3.json
  famfs-bench read-cost --result 7.3.json --json

Exit status: 0 every limit met, 1 one was missed, 2 usage or run error.")]
pub(crate) struct ReadCost {
    /// A result of `famfs-bench reading`; one per kernel
    #[arg(long = "result", required = true, value_name = "FILE")]
    pub(crate) results: Vec<PathBuf>,
    /// What `famfs-top rehearse` printed on this machine: its part of a core
    #[arg(long, value_name = "FILE")]
    pub(crate) native: Option<PathBuf>,
    #[arg(long, default_value = "bench/read-limits.toml", value_name = "FILE")]
    pub(crate) limits: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}
