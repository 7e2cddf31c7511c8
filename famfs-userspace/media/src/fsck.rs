//! What is wrong with a file system, found in a copy of its metadata. Pure.

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

/// Findings that a report keeps; a hostile log can hold millions.
pub const FINDINGS_MAX: usize = 10_000;

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    pub schema: u32,
    /// Whether there is neither an error nor a warning.
    pub clean: bool,
    pub files: u64,
    pub directories: u64,
    pub entries: u64,
    /// Entries that the log has room for. Like every count, 0 where the log cannot be judged.
    pub log_capacity: u64,
    /// Counted slots with a bad checksum or number.
    pub bad_entries: u64,
    /// Sum of the file sizes.
    pub file_bytes: u64,
    /// Bytes of the device that superblock, log and entries take.
    pub used_bytes: u64,
    /// Of these, what belongs only to entries that no play acts on.
    pub unreferenced_bytes: u64,
    pub free_bytes: u64,
    pub largest_free_bytes: u64,
    pub capacity_bytes: u64,
    /// Allocation units owned more than once, counted once per further owner.
    pub shared_units: u64,
    pub errors: u64,
    pub warnings: u64,
    pub notes: u64,
    /// Whether superblock and log header are usable, so that what follows them was judged.
    #[serde(skip)]
    pub judged: bool,
    /// The device in equal parts, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<Bucket>,
    /// The first [`FINDINGS_MAX`]; the counts above say how many there are.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl Report {
    /// `memory_size` is the size of the device where there is one, none for an image.
    pub fn new(volume: &Volume, memory_size: Option<u64>) -> Self {
        Self::with_buckets(volume, memory_size, 0)
    }

    /// Also shows the device in `buckets` equal parts.
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
                // Behind a bad slot too: a finding there is one, though no play gets
                // that far. Each entry is parsed once, for all questions.
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

    /// Of a mount that is stale, as `message` says: what is on the device is another file
    /// system, and nothing is said of it.
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
