//! What is wrong with a file system, found in a copy of its metadata.

mod findings;
mod space;

use serde::Serialize;

use crate::format::{Body, File, LOG_OFFSET};
use crate::player::Plan;
use crate::player::plan::device_end;
use crate::volume::{Fault, Volume};

use findings::Findings;
pub use findings::{Finding, Severity};
pub use space::Bucket;
use space::Usage;

/// How many findings a report keeps; a hostile log can have millions.
pub const FINDINGS_MAX: usize = 10_000;

/// What was found. All sizes are in bytes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// The version of the JSON document.
    pub schema: u32,
    /// Whether there is neither an error nor a warning.
    pub clean: bool,
    /// FILE entries, refused or not.
    pub files: u64,
    /// MKDIR entries.
    pub directories: u64,
    /// Entries that count.
    pub entries: u64,
    /// Entries that the log has room for. Like every count, it is 0 if the log cannot be judged.
    pub log_capacity: u64,
    /// Counted slots with a bad checksum or number.
    pub bad_entries: u64,
    /// Sum of the file sizes.
    pub file_bytes: u64,
    /// What superblock, log and entries take of the device.
    pub used_bytes: u64,
    /// What belongs only to entries that no play acts on; a part of the used bytes.
    pub unreferenced_bytes: u64,
    /// What no entry takes.
    pub free_bytes: u64,
    /// The largest free piece, and so the largest file that fits in one extent.
    pub largest_free_bytes: u64,
    /// The whole units of the device.
    pub capacity_bytes: u64,
    /// Allocation units that are owned more than once, counted once for each further owner.
    pub shared_units: u64,
    /// Findings that something that was logged is not available.
    pub errors: u64,
    /// Findings that another tool or the next append may go wrong.
    pub warnings: u64,
    /// Findings that are harmless to every reader.
    pub notes: u64,
    /// Whether superblock and log header are usable, so that what follows them was judged.
    #[serde(skip)]
    pub judged: bool,
    /// The device in equal parts, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<Bucket>,
    /// The first [`FINDINGS_MAX`] findings; the three counts say how many there are.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl Report {
    /// Judges a volume. `memory_size` is the size of the device in bytes if there is one, and
    /// `None` for an image.
    pub fn new(volume: &Volume, memory_size: Option<u64>) -> Self {
        Self::with_buckets(volume, memory_size, 0)
    }

    /// Judges a volume, and shows the device in `buckets` equal parts as well.
    pub fn with_buckets(volume: &Volume, memory_size: Option<u64>, buckets: u32) -> Self {
        let mut findings = Findings::default();
        let mut report = Self::empty();
        match volume.check() {
            Ok(()) => {
                report.judged = true;
                report.entries = volume.counted();
                report.log_capacity = volume.capacity;
                findings.of_counters(volume);
                findings.of_device(volume, memory_size);
                let mut usage = Usage::new(volume, device_end(volume, memory_size));
                // Entries behind a bad slot are judged as well, though no play reaches them. Each entry
                // is parsed once for all questions.
                let judged = Plan::judge(volume, memory_size, |slot| {
                    let fault = slot.fault();
                    match (&fault, &slot.entry.body) {
                        (Some(_), _) => report.bad_entries += 1,
                        (None, Body::File(file)) => {
                            report.count(file);
                            usage.claim(file);
                        }
                        (None, Body::Mkdir(_)) => report.directories += 1,
                        (None, _) => {}
                    }
                    findings.of_slot_in_turn(slot, fault);
                });
                findings.end_run();
                findings.of_plan(&judged);
                usage.play(&judged);
                report.space(volume, &usage, &mut findings, buckets);
            }
            Err(fault) => {
                let (code, offset) = match fault {
                    Fault::Super(_) => ("superblock", 0),
                    Fault::Log(_) => ("log-header", LOG_OFFSET),
                };
                findings.error(code, offset, fault.to_string());
            }
        }
        findings.finish(&mut report);
        report
    }

    /// Returns the report of a mount that is stale, as `message` says: the device has another file
    /// system by now, and nothing is said of that.
    pub fn of_stale(message: String) -> Self {
        let mut report = Self::empty();
        let mut findings = Findings::default();
        findings.stale(message);
        findings.finish(&mut report);
        report
    }

    fn empty() -> Self {
        Self {
            schema: 1,
            clean: false,
            files: 0,
            directories: 0,
            entries: 0,
            log_capacity: 0,
            bad_entries: 0,
            file_bytes: 0,
            used_bytes: 0,
            unreferenced_bytes: 0,
            free_bytes: 0,
            largest_free_bytes: 0,
            capacity_bytes: 0,
            shared_units: 0,
            errors: 0,
            warnings: 0,
            notes: 0,
            judged: false,
            buckets: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Adds a file of the log, refused or not.
    fn count(&mut self, file: &File) {
        self.files += 1;
        self.file_bytes = self.file_bytes.saturating_add(file.size);
    }

    /// Adds up the device's units.
    fn space(&mut self, volume: &Volume, usage: &Usage, findings: &mut Findings, buckets: u32) {
        let space = &usage.claimed;
        self.shared_units = usage.shared_units;
        self.capacity_bytes = space.capacity();
        self.free_bytes = space.free();
        self.used_bytes = space.capacity() - space.free();
        self.largest_free_bytes = space.largest_free();
        self.unreferenced_bytes = self.used_bytes.saturating_sub(usage.played.used());
        if self.unreferenced_bytes > 0 {
            findings.unreferenced(self.unreferenced_bytes, volume.data_start());
        }
        self.buckets = space::buckets(space, buckets);
    }
}
