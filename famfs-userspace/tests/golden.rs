//! Images that upstream made, or that were damaged on purpose, each with an
//! independent parse: `famfs dump` must agree with every one.
//!
//! The folder is named by `FAMFS_GOLDEN`; without it the tests print a counted skip.
#![expect(
    clippy::disallowed_methods,
    reason = "what tests read is in the register too"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use famfs_media::fsck::Report;
use famfs_media::volume::Volume;
use famfs_userspace::dump::Dump;
use serde_json::Value;

use common::Ram;

/// The names of the images in the set, or none where there is no set.
fn images() -> Option<Vec<PathBuf>> {
    let Some(dir) = std::env::var_os("FAMFS_GOLDEN") else {
        // Past the test harness's capture: the runner counts these lines.
        let _ = writeln!(std::io::stdout(), "SKIP golden: FAMFS_GOLDEN is not set");
        return None;
    };
    let mut images: Vec<PathBuf> = std::fs::read_dir(&dir)
        .unwrap_or_else(|e| panic!("FAMFS_GOLDEN={}: {e}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".img.gz"))
        .collect();
    images.sort();
    assert!(
        !images.is_empty(),
        "no images in FAMFS_GOLDEN={}",
        dir.display()
    );
    Some(images)
}

fn unpack(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn expected(path: &Path) -> Value {
    let json = path.to_string_lossy().replace(".img.gz", ".json");
    serde_json::from_reader(File::open(json).unwrap()).unwrap()
}

#[test]
fn every_image_dumps_as_parsed() {
    let Some(images) = images() else { return };
    for path in &images {
        let mut parsed = expected(path)["parsed"].take();
        let cut = parsed
            .as_object_mut()
            .unwrap()
            .remove("entries_truncated_to");

        let mut memory = Ram::new(unpack(path));
        let volume = Volume::load(&mut memory).unwrap();
        let mut dump = serde_json::to_value(Dump::new(&volume)).unwrap();

        if let Some(cut) = cut.and_then(|n| n.as_u64()) {
            let entries = dump["entries"].as_array_mut().unwrap();
            let all = parsed["log_header"]["next_index"]
                .as_u64()
                .unwrap()
                .min(volume.capacity);
            assert_eq!(entries.len() as u64, all, "{}", path.display());
            entries.truncate(usize::try_from(cut).unwrap());
        }
        assert_eq!(dump, parsed, "{}", path.display());
    }
}

/// A finding's code and its slot.
type Finding = (&'static str, Option<u64>);

/// What fsck finds in each image that is not sound.
const FINDINGS: &[(&str, &[Finding])] = &[
    (
        "06-cloned-crosslinked",
        &[("extent-shared", Some(1)), ("extent-shared", Some(2))],
    ),
    (
        "07-add-daxdev",
        &[("add-daxdev", Some(4)), ("add-daxdev", Some(5))],
    ),
    ("08-killed", &[("superblock", None)]),
    ("20-torn-last-entry", &[("bad-entry", Some(3))]),
    ("21-torn-middle-entry", &[("bad-entry", Some(1))]),
    (
        "22-entry-beyond-next-index",
        &[("uncounted-entry", Some(3))],
    ),
    ("23-bad-seqnum", &[("bad-entry", Some(2))]),
    ("24-next-seqnum-mismatch", &[("next-seqnum", None)]),
    ("25-bad-log-header-crc", &[("log-header", None)]),
    ("26-bad-log-magic", &[("log-header", None)]),
    ("27-bad-sb-crc", &[("superblock", None)]),
    ("29-version49", &[("superblock", None)]),
    ("28-version47-omf2.1", &[("read-only", None)]),
    ("30-omf-major3", &[("read-only", None)]),
    ("31-bad-alloc-unit", &[("superblock", None)]),
    ("34-delete-entry", &[("delete", Some(4))]),
    ("35-unknown-entry-type", &[("unknown-type", Some(4))]),
    (
        "36-dotdot-paths",
        &[("path-component", Some(4)), ("path-component", Some(5))],
    ),
    (
        "37-absolute-and-empty-paths",
        &[
            ("path-absolute", Some(4)),
            ("path-empty", Some(5)),
            ("path-absolute", Some(6)),
        ],
    ),
    ("38-path-no-nul", &[("path-unterminated", Some(4))]),
    ("39-extent-past-device", &[("extent-past-device", Some(4))]),
    ("40-extent-over-log", &[("extent-over-metadata", Some(4))]),
    (
        "41-extent-offset-zero",
        &[("extent-over-metadata", Some(4))],
    ),
    ("42-extent-unaligned", &[("extent-unaligned", Some(4))]),
    ("43-duplicate-path", &[("path-duplicate", Some(4))]),
    ("44-missing-parent", &[("parent-missing", Some(4))]),
    (
        "45-type-conflicts",
        &[("path-other-kind", Some(4)), ("path-other-kind", Some(5))],
    ),
    (
        "46-size-exceeds-extents",
        &[("size-exceeds-extents", Some(4))],
    ),
    ("47-nextents-17", &[("extent-count", Some(4))]),
    ("48-nstrips-17", &[("interleave", Some(4))]),
    (
        "49-interleave-zero-chunk-or-strips",
        &[("interleave", Some(4)), ("interleave", Some(5))],
    ),
    ("50-unknown-ext-type", &[("extent-type", Some(4))]),
    ("51-devindex-1", &[("extent-device", Some(4))]),
    (
        "52-next-index-too-big",
        &[("next-index", None), ("bad-entry", Some(4))],
    ),
    ("53-sb-loglen-mismatch", &[("log-header", None)]),
    ("54-zero-extents", &[("extent-count", Some(4))]),
    ("60-v46-empty", &[("read-only", None)]),
    ("61-v46-files-dirs", &[("read-only", None)]),
];

#[test]
fn fsck_finds_what_is_wrong_and_nothing_else() {
    let Some(images) = images() else { return };
    for path in &images {
        let name = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".img.gz");
        let expected = FINDINGS
            .iter()
            .find(|(image, _)| *image == name)
            .map_or(&[][..], |f| f.1);
        let volume = Volume::load(&mut Ram::new(unpack(path))).unwrap();
        let report = Report::new(&volume, None);
        // What follows from the others is left out.
        let causes = report
            .findings
            .iter()
            .filter(|f| f.code != "unreferenced-space");
        let found: Vec<_> = causes.map(|f| (f.code, f.index)).collect();
        assert_eq!(found, expected, "{name}");
        // Upstream counts the same four in its cross-linked image.
        let shared = match name {
            "06-cloned-crosslinked" => 4,
            "40-extent-over-log" | "41-extent-offset-zero" => 1,
            _ => 0,
        };
        assert_eq!(report.shared_units, shared, "{name}");
    }
}
