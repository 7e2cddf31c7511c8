//! The report as the JSON document of `famfs fsck --json`.

use famfs_cli::name::MaybePath;
use famfs_media::fsck::{Finding, Report, Severity};
use serde::Serialize;

/// A report and its findings, whose paths may hold bytes that are not UTF-8.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::cli::famfs) struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// The first 10,000; the counts above say how many there are.
    findings: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "Finding"))]
struct Entry<'a> {
    severity: Severity,
    /// A stable name for programs.
    code: &'a str,
    /// The log slot.
    index: Option<u64>,
    /// How many slots from `index` on it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    slots: Option<u64>,
    /// Where on the device, in bytes.
    offset: u64,
    #[serde(flatten)]
    path: MaybePath,
    message: &'a str,
}

impl<'a> Document<'a> {
    pub(super) fn new(report: &'a Report) -> Self {
        let findings = report.findings.iter().map(Entry::new).collect();
        Self { report, findings }
    }
}

impl<'a> Entry<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self {
            severity: finding.severity,
            code: finding.code,
            index: finding.index,
            slots: finding.slots,
            offset: finding.offset,
            path: finding.path.as_deref().into(),
            message: &finding.message,
        }
    }
}
