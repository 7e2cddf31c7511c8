//! What is wrong with a file system, found in a copy of its metadata. Pure.

use serde::Serialize;

use crate::alloc::Space;
use crate::media::{Body, LOG_OFFSET};
use crate::player::Plan;
use crate::player::plan::device_end;
use crate::volume::{Fault, Volume};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Odd, and harmless to every reader.
    Note,
    /// Something that was logged cannot be had, or the next append would go wrong.
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// A stable name for programs.
    pub code: &'static str,
    /// The log slot.
    pub index: Option<u64>,
    /// Where on the device.
    pub offset: u64,
    pub path: Option<String>,
    pub message: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: u32,
    pub clean: bool,
    pub files: u64,
    pub directories: u64,
    pub entries: u64,
    pub log_capacity: u64,
    /// Counted slots with a bad checksum or number.
    pub bad_entries: u64,
    /// Sum of the file sizes.
    pub file_bytes: u64,
    /// Bytes of the device that superblock, log and files take.
    pub used_bytes: u64,
    pub free_bytes: u64,
    pub largest_free_bytes: u64,
    pub capacity_bytes: u64,
    /// Allocation units owned more than once, counted once per further owner.
    pub shared_units: u64,
    pub findings: Vec<Finding>,
}

impl Report {
    /// `memory_size` is the size of the device where there is one, none for an image.
    pub fn new(volume: &Volume, memory_size: Option<u64>) -> Self {
        let mut findings = Findings::default();
        let usable = match volume.check() {
            Ok(()) => true,
            Err(fault) => {
                let (code, offset) = match fault {
                    Fault::Super(_) => ("superblock", 0),
                    Fault::Log(_) => ("log-header", LOG_OFFSET),
                };
                findings.error(code, offset, fault.to_string());
                false
            }
        };
        let mut report = Self {
            schema: 1,
            clean: false,
            files: 0,
            directories: 0,
            entries: volume.counted(),
            log_capacity: volume.capacity,
            bad_entries: volume.slots().filter(|slot| slot.fault().is_some()).count() as u64,
            file_bytes: 0,
            used_bytes: 0,
            free_bytes: 0,
            largest_free_bytes: 0,
            capacity_bytes: 0,
            shared_units: 0,
            findings: Vec::new(),
        };
        if usable {
            findings.of_counters(volume);
            findings.of_device(volume, memory_size);
            findings.of_plan(&Plan::new(volume, memory_size));
            report.count(volume, memory_size);
        }
        report.findings = findings.0;
        report.clean = report.findings.iter().all(|f| f.severity == Severity::Note);
        report
    }

    /// Adds up every entry that has a good checksum, refused or not.
    fn count(&mut self, volume: &Volume, memory_size: Option<u64>) {
        let end = device_end(volume, memory_size);
        let mut space = Space::new(end, volume.superblock.alloc_unit(), volume.data_start());
        for slot in volume.slots().filter(|slot| slot.fault().is_none()) {
            match &slot.entry.body {
                Body::File(file) => {
                    self.files += 1;
                    self.file_bytes = self.file_bytes.saturating_add(file.size);
                    for extent in file.map.extents().iter().filter(|e| e.devindex == 0) {
                        self.shared_units += space.claim(extent).shared;
                    }
                }
                Body::Mkdir(_) => self.directories += 1,
                _ => {}
            }
        }
        self.capacity_bytes = space.capacity();
        self.free_bytes = space.free();
        self.used_bytes = space.capacity() - space.free();
        self.largest_free_bytes = space.largest_free();
    }
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, code: &'static str, offset: u64, message: String) {
        let severity = Severity::Error;
        self.0.push(Finding {
            severity,
            code,
            index: None,
            offset,
            path: None,
            message,
        });
    }

    fn note(&mut self, code: &'static str, index: Option<u64>, offset: u64, message: String) {
        let severity = Severity::Note;
        self.0.push(Finding {
            severity,
            code,
            index,
            offset,
            path: None,
            message,
        });
    }

    /// The counters of the log header, which no checksum covers.
    fn of_counters(&mut self, volume: &Volume) {
        let header = &volume.header;
        if header.next_index > volume.capacity {
            self.error(
                "next-index",
                LOG_OFFSET + 40,
                format!(
                    "the header counts {} entries, but the log has room for {}",
                    header.next_index, volume.capacity
                ),
            );
        }
        if header.next_seqnum != header.next_index {
            self.error(
                "next-seqnum",
                LOG_OFFSET + 32,
                format!(
                    "next_seqnum is {} and next_index {}: an upstream append would be unreadable",
                    header.next_seqnum, header.next_index
                ),
            );
        }
        if let Some(slot) = volume.uncounted() {
            let message =
                "a whole entry stands behind the counted ones: its writer stopped before \
                           it counted it"
                    .to_owned();
            self.note("uncounted-entry", Some(slot.index), slot.offset, message);
        }
    }

    fn of_device(&mut self, volume: &Volume, memory_size: Option<u64>) {
        let said = volume.superblock.dev_size();
        match memory_size {
            Some(real) if said > real => self.error(
                "device-size",
                112,
                format!("the superblock says {said} bytes, the device has {real}"),
            ),
            Some(real) if said < real => self.note(
                "device-size",
                None,
                112,
                format!("the superblock uses {said} of the device's {real} bytes"),
            ),
            _ => {}
        }
        if said < volume.data_start() {
            self.error(
                "device-size",
                112,
                format!("the superblock says {said} bytes, which do not hold the log"),
            );
        }
    }

    fn of_plan(&mut self, plan: &Plan) {
        for refused in &plan.refused {
            self.0.push(Finding {
                severity: Severity::Error,
                code: refused.reason.code(),
                index: Some(refused.index),
                offset: refused.offset,
                path: refused.path.clone(),
                message: refused.reason.to_string(),
            });
        }
        if let Some(stop) = &plan.stop {
            self.0.push(Finding {
                severity: Severity::Error,
                code: "bad-entry",
                index: Some(stop.index),
                offset: stop.offset,
                path: None,
                message: format!("{}; nothing behind it is played", stop.reason),
            });
        }
    }
}
