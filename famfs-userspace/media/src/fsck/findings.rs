//! The findings: what is wrong, how bad it is, in which slot, and where on the device.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{FINDINGS_MAX, Report};
use crate::format::log::{NEXT_INDEX_AT, NEXT_SEQNUM_AT};
use crate::format::superblock::{DEV_SIZE_AT, FS_UUID_AT};
use crate::format::{LOG_OFFSET, superblock::OMF_AT};
use crate::player::Plan;
use crate::player::plan::Make;
use crate::volume::{Slot, SlotFault, Volume};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Odd, and harmless to every reader.
    Note,
    /// Everything that was logged is available, but another tool or the next append may go wrong.
    Warning,
    /// Something that was logged is not available.
    Error,
    /// The mount that was asked about does not belong to the file system that is on the device.
    Stale,
}

impl Severity {
    /// Returns the name that is shown and written to JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Stale => "stale",
        }
    }
}

/// One thing that is wrong or odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name for programs.
    pub code: &'static str,
    /// The slot of the log, if it is about one.
    pub index: Option<u64>,
    /// How many slots from `index` on it is about.
    pub slots: Option<u64>,
    /// Where it is, in bytes from the start of the device.
    pub offset: u64,
    /// The name that the entry has, if it is about one.
    pub path: Option<PathBuf>,
    /// The finding in words.
    pub message: String,
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    errors: u64,
    warnings: u64,
    notes: u64,
    /// Bad slots side by side, of which the last one may not have been seen.
    run: Option<Run>,
}

/// Bad slots one after the other.
#[derive(Debug)]
struct Run {
    index: u64,
    offset: u64,
    /// What is wrong with the first.
    reason: SlotFault,
    count: u64,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Error | Severity::Stale => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Note => self.notes += 1,
        }
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(finding);
        }
    }

    /// A finding that is about no single entry.
    fn whole(&mut self, severity: Severity, code: &'static str, offset: u64, message: String) {
        self.add(Finding {
            severity,
            code,
            index: None,
            slots: None,
            offset,
            path: None,
            message,
        });
    }

    pub(super) fn error(&mut self, code: &'static str, offset: u64, message: String) {
        self.whole(Severity::Error, code, offset, message);
    }

    /// The only finding there can be about a mount whose file system is gone.
    pub(super) fn stale(&mut self, message: String) {
        self.whole(Severity::Stale, "stale-mount", FS_UUID_AT, message);
    }

    fn of_slot(
        &mut self,
        severity: Severity,
        code: &'static str,
        (index, offset): (u64, u64),
        path: Option<&Path>,
        message: String,
    ) {
        self.add(Finding {
            severity,
            code,
            index: Some(index),
            slots: None,
            offset,
            path: path.map(Path::to_owned),
            message,
        });
    }

    /// The counters of the log header, which no checksum covers.
    pub(super) fn of_counters(&mut self, volume: &Volume) {
        let header = &volume.header;
        if header.next_index > volume.capacity {
            self.error(
                "next-index",
                LOG_OFFSET + NEXT_INDEX_AT,
                format!(
                    "the header counts {} entries, but the log has room for {}",
                    header.next_index, volume.capacity
                ),
            );
        }
        if header.next_seqnum != header.next_index {
            self.whole(
                Severity::Warning,
                "next-seqnum",
                LOG_OFFSET + NEXT_SEQNUM_AT,
                format!(
                    "next_seqnum is {} and next_index {}: an upstream append would be unreadable",
                    header.next_seqnum, header.next_index
                ),
            );
        }
        if let Some(slot) = volume.uncounted() {
            self.of_slot(
                Severity::Note,
                "uncounted-entry",
                (slot.index, slot.offset),
                None,
                "a whole entry stands behind the counted ones: its writer stopped before it \
                 counted it"
                    .to_owned(),
            );
        }
    }

    /// The superblock against itself and against the device.
    pub(super) fn of_device(&mut self, volume: &Volume, memory_size: Option<u64>) {
        if let Err(reason) = volume.superblock.check_writable() {
            self.whole(Severity::Note, "read-only", OMF_AT, reason.to_string());
        }
        let said = volume.superblock.dev_size();
        match memory_size {
            Some(real) if said > real => self.error(
                "device-size",
                DEV_SIZE_AT,
                format!("the superblock says {said} bytes, the device has {real}"),
            ),
            Some(real) if said < real && said >= volume.data_start() => self.whole(
                Severity::Note,
                "device-size",
                DEV_SIZE_AT,
                format!("the superblock uses {said} of the device's {real} bytes"),
            ),
            _ => {}
        }
        if said < volume.data_start() {
            self.error(
                "device-size",
                DEV_SIZE_AT,
                format!("the superblock says {said} bytes, which do not hold the log"),
            );
        }
    }

    /// The next slot, with what is wrong with it; bad ones side by side are one finding.
    pub(super) fn of_slot_in_turn(&mut self, slot: &Slot, fault: Option<SlotFault>) {
        match (fault, &mut self.run) {
            (Some(_), Some(run)) => run.count += 1,
            (Some(reason), none) => {
                *none = Some(Run {
                    index: slot.index,
                    offset: slot.offset,
                    reason,
                    count: 1,
                });
            }
            (None, _) => self.end_run(),
        }
    }

    /// Ends a run of bad slots. It must be called behind the last slot too.
    pub(super) fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        let Run {
            index,
            offset,
            reason,
            count,
        } = run;
        let more = match count {
            1 => String::new(),
            n => format!(", and {} more slots", n - 1),
        };
        self.add(Finding {
            severity: Severity::Error,
            code: "bad-entry",
            index: Some(index),
            slots: (count > 1).then_some(count),
            offset,
            path: None,
            message: format!("{reason}{more}; nothing behind it is played"),
        });
    }

    pub(super) fn of_plan(&mut self, plan: &Plan) {
        for refused in &plan.refused {
            self.of_slot(
                Severity::Error,
                refused.reason.code(),
                (refused.index, refused.offset),
                refused.path.as_deref(),
                refused.reason.to_string(),
            );
        }
        for skipped in &plan.skipped {
            self.of_slot(
                Severity::Note,
                skipped.what.code(),
                (skipped.index, skipped.offset),
                None,
                skipped.what.to_string(),
            );
        }
        for action in &plan.actions {
            let Make::File { size, placement } = &action.make else {
                continue;
            };
            // The allocator takes whole units, and of an interleaved map whole chunks of
            // every strip; what is beyond that no file ever uses.
            let slack = placement
                .taken()
                .saturating_sub(plan.needed(*size, placement));
            if slack > 0 {
                self.of_slot(
                    Severity::Note,
                    "extents-exceed-size",
                    (action.index, action.offset),
                    Some(action.path.path()),
                    format!("{slack} bytes of its extents are more than its {size} bytes need"),
                );
            }
        }
    }

    pub(super) fn unreferenced(&mut self, bytes: u64, data_start: u64) {
        self.whole(
            Severity::Note,
            "unreferenced-space",
            data_start,
            format!(
                "{bytes} bytes belong to entries that no play acts on; nothing new is put there"
            ),
        );
    }

    /// Puts the findings into the order of the log, those about no slot first.
    pub(super) fn finish(mut self, report: &mut Report) {
        self.kept.sort_by_key(|f| f.index);
        report.findings = self.kept;
        (report.errors, report.warnings, report.notes) = (self.errors, self.warnings, self.notes);
        report.clean = self.errors == 0 && self.warnings == 0;
    }
}
