//! Images that the tests write byte by byte: what `dump` shows and `fsck` finds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Ram;
use common::builder::{
    Builder, DATA, DEVICE, LOG, MIB, file_entry, interleaved_entry, put32, put64, seal,
};
use famfs_userspace::dump::Dump;
use famfs_userspace::fsck::{Report, Severity};
use famfs_userspace::player::Plan;
use famfs_userspace::volume::Volume;
use serde_json::json;

fn load(image: &[u8]) -> Volume {
    Volume::load(&mut Ram::new(image.to_vec())).unwrap()
}

/// Codes of the errors, then of the notes, with their slots.
fn findings(image: &[u8]) -> Vec<(&'static str, Option<u64>)> {
    let report = Report::new(&load(image), None);
    let errors = report
        .findings
        .iter()
        .any(|f| f.severity == Severity::Error);
    assert_eq!(report.clean, !errors);
    report.findings.iter().map(|f| (f.code, f.index)).collect()
}

#[test]
fn a_sound_image_dumps_field_by_field() {
    let mut builder = Builder::sample();
    builder.push(interleaved_entry(
        b"strips",
        4 * MIB,
        2 * MIB,
        &[DATA + 30 * MIB, DATA + 40 * MIB],
    ));
    builder.file(b"bytes \xff", 1, &[(DATA + 50 * MIB, 2 * MIB)]);
    let volume = load(&builder.image);
    volume.check().unwrap();
    let dump = serde_json::to_value(Dump::new(&volume)).unwrap();
    assert_eq!(dump["superblock"]["magic"], "0x87b282ff");
    assert_eq!(
        dump["superblock"]["fs_uuid"],
        "10111213-1415-1617-1819-1a1b1c1d1e1f"
    );
    assert_eq!(
        dump["superblock"]["system_uuid"],
        "30313233-3435-3637-3839-3a3b3c3d3e3f"
    );
    assert_eq!(dump["superblock"]["dev_size"], DEVICE);
    assert_eq!(dump["superblock"]["dev_name"], "/dev/pmem0");
    assert_eq!(dump["superblock"]["crc_ok"], true);
    assert_eq!(
        dump["log_header"],
        json!({"magic": "0xbadcafef00d", "len": 8_388_608, "last_index": 15_419,
               "crc": 2_777_108_600_u64, "crc_ok": true, "magic_ok": true,
               "next_seqnum": 7, "next_index": 7})
    );
    assert_eq!(dump["entries"].as_array().unwrap().len(), 7);
    assert_eq!(
        dump["entries"][3],
        json!({"index": 3, "seqnum": 3, "type": 1, "crc_ok": true, "seq_ok": true,
               "kind": "MKDIR", "uid": 0, "gid": 0, "mode": "0o755", "path": "d/e"})
    );
    assert_eq!(
        dump["entries"][4],
        json!({"index": 4, "seqnum": 4, "type": 0, "crc_ok": true, "seq_ok": true,
               "kind": "FILE", "size": 6_291_456, "flags": 2, "uid": 1000, "gid": 1001,
               "mode": "0o644", "path": "d/e/three", "ext_type": 0, "nextents": 2,
               "extents": [{"devindex": 0, "offset": 18_874_368, "len": 2_097_152},
                           {"devindex": 0, "offset": 31_457_280, "len": 4_194_304}]})
    );
    assert_eq!(dump["entries"][5]["nstrips"], 2);
    assert_eq!(dump["entries"][5]["chunk_size"], 2_097_152);
    assert_eq!(dump["entries"][5]["strips"][1]["offset"], DATA + 40 * MIB);
    assert_eq!(dump["entries"][6]["path"], "bytes \u{fffd}");
    assert_eq!(dump["entries"][6]["path_hex"], "627974657320ff");
    assert_eq!(findings(&builder.image), []);
    let report = Report::new(&volume, None);
    assert_eq!(
        (report.files, report.directories, report.shared_units),
        (5, 2, 0)
    );
    assert_eq!(report.used_bytes, (10 + 2 + 4 + 6 + 4 + 2) * MIB);
}

#[test]
fn version_46_is_read() {
    let mut builder = Builder::v46();
    builder
        .mkdir(b"d")
        .file46(b"d/old", 3 * MIB, &[(DATA, 4 * MIB)]);
    let volume = load(&builder.image);
    volume.check().unwrap();
    assert_eq!((volume.capacity, volume.counted()), (25_574, 2));
    let dump = serde_json::to_value(Dump::new(&volume)).unwrap();
    assert_eq!(dump["superblock"]["num_daxdevs"], 1);
    assert_eq!(dump["superblock"].get("alloc_unit"), None);
    assert_eq!(
        dump["entries"][1],
        json!({"index": 1, "seqnum": 1, "type": 0, "crc_ok": true, "seq_ok": true,
               "kind": "FILE", "size": 3_145_728, "flags": 2, "uid": 0, "gid": 0,
               "mode": "0o644", "path": "d/old", "nextents": 1,
               "extents": [{"ext_type": 0, "offset": 10_485_760, "len": 4_194_304}]})
    );
    assert_eq!(findings(&builder.image), []);
}

/// Each entry is appended to a sound log; it alone is refused, and what follows plays.
#[test]
fn a_bad_entry_is_refused_alone() {
    let at = DATA + 30 * MIB;
    let good = |path: &[u8]| file_entry(path, 1, &[(at, 2 * MIB)]);
    let with = |edit: &dyn Fn(&mut [u8])| {
        let mut entry = good(b"bad");
        edit(&mut entry);
        entry
    };
    let strips = [at, at + 4 * MIB];
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("delete", with(&|e| put32(e, 8, 2))),
        ("unknown-type", with(&|e| put32(e, 8, 77))),
        ("path-empty", good(b"")),
        ("path-absolute", good(b"/etc/passwd")),
        ("path-component", good(b"../escape")),
        ("path-component", good(b"d/../../escape")),
        ("path-meta", good(b".meta/.log")),
        ("path-unterminated", with(&|e| e[40..120].fill(b'N'))),
        ("owner", with(&|e| put32(e, 28, u32::MAX))),
        ("file-empty", file_entry(b"bad", 0, &[(at, 2 * MIB)])),
        ("extent-count", file_entry(b"bad", 1, &[])),
        ("extent-count", with(&|e| put32(e, 128, 17))),
        ("extent-type", with(&|e| put32(e, 120, 9))),
        ("extent-device", with(&|e| put64(e, 136, 1))),
        (
            "extent-unaligned",
            file_entry(b"bad", 1, &[(at + 4096, 2 * MIB)]),
        ),
        (
            "extent-unaligned",
            file_entry(b"bad", 1, &[(at, 2 * MIB + 1)]),
        ),
        ("extent-unaligned", file_entry(b"bad", 1, &[(at, 0)])),
        (
            "extent-over-metadata",
            file_entry(b"bad", 1, &[(0, 2 * MIB)]),
        ),
        (
            "extent-over-metadata",
            file_entry(b"bad", 1, &[(8 * MIB, 2 * MIB)]),
        ),
        (
            "extent-past-device",
            file_entry(b"bad", 1, &[(DEVICE, 2 * MIB)]),
        ),
        (
            "extent-past-device",
            file_entry(b"bad", 1, &[(DEVICE - 2 * MIB, 4 * MIB)]),
        ),
        (
            "extent-past-device",
            file_entry(b"bad", 1, &[(0xffff_ffff_ffe0_0000, 2 * MIB)]),
        ),
        (
            "size-exceeds-extents",
            file_entry(b"bad", 2 * MIB + 1, &[(at, 2 * MIB)]),
        ),
        ("extent-shared", file_entry(b"bad", 1, &[(DATA, 2 * MIB)])),
        (
            "extent-shared",
            file_entry(b"bad", 1, &[(at, 2 * MIB), (at, 2 * MIB)]),
        ),
        ("path-duplicate", good(b"one")),
        ("path-duplicate", good(b"d")),
        ("parent-missing", good(b"nowhere/bad")),
        ("parent-is-file", good(b"one/bad")),
        ("interleave", interleaved_entry(b"bad", 1, 0, &strips)),
        ("interleave", interleaved_entry(b"bad", 1, 3 * MIB, &strips)),
        ("interleave", interleaved_entry(b"bad", 1, 2 * MIB, &[])),
        (
            "size-exceeds-extents",
            interleaved_entry(b"bad", 4 * MIB + 1, 2 * MIB, &strips),
        ),
        (
            "size-exceeds-extents",
            interleaved_entry(b"bad", 1, 4 * MIB, &strips),
        ),
    ];
    for (code, entry) in cases {
        let mut builder = Builder::sample();
        builder
            .push(entry)
            .file(b"after", 1, &[(DATA + 50 * MIB, 2 * MIB)]);
        assert_eq!(findings(&builder.image), [(code, Some(5))]);
        let plan = Plan::new(&load(&builder.image), None);
        assert_eq!(plan.actions.len(), 6, "{code}");
        assert_eq!(plan.actions[5].path.bytes(), b"after");
        assert_eq!(plan.stop, None);
    }
}

#[test]
fn a_damaged_slot_ends_the_play() {
    let torn = {
        let mut builder = Builder::sample();
        let at = builder.entry_at(2);
        builder.image[at + 20] ^= 1;
        builder.image
    };
    let misnumbered = {
        let mut builder = Builder::sample();
        let at = builder.entry_at(2);
        put64(&mut builder.image, at, 7);
        seal(&mut builder.image[at..at + 544], 536);
        builder.image
    };
    for image in [torn, misnumbered] {
        assert_eq!(findings(&image), [("bad-entry", Some(2))]);
        let plan = Plan::new(&load(&image), None);
        assert_eq!(plan.actions.len(), 2);
        let stop = plan.stop.unwrap();
        assert_eq!((stop.index, stop.offset), (2, LOG as u64 + 48 + 2 * 544));
    }
}

#[test]
fn counters_are_bounded_and_compared() {
    let mut image = Builder::sample().image;
    put64(&mut image, LOG + 40, u64::MAX);
    put64(&mut image, LOG + 32, u64::MAX);
    assert_eq!(load(&image).counted(), 15_420);
    assert_eq!(
        findings(&image),
        [("next-index", None), ("bad-entry", Some(5))]
    );

    let mut image = Builder::sample().image;
    put64(&mut image, LOG + 32, 9);
    assert_eq!(findings(&image), [("next-seqnum", None)]);

    let mut image = Builder::sample().image;
    put64(&mut image, LOG + 32, 4);
    put64(&mut image, LOG + 40, 4);
    assert_eq!(findings(&image), [("uncounted-entry", Some(4))]);
    assert!(Report::new(&load(&image), None).clean);
}

#[test]
fn sizes_that_no_checksum_covers_are_bounded() {
    let mut image = Builder::sample().image;
    put64(&mut image, 112, u64::MAX);
    let report = Report::new(&load(&image), Some(DEVICE));
    assert_eq!(report.capacity_bytes, DEVICE);
    assert_eq!(
        report.findings.iter().map(|f| f.code).collect::<Vec<_>>(),
        ["device-size"]
    );
    // Without real memory to compare there is only the superblock's word.
    let report = Report::new(&load(&image), None);
    assert_eq!(report.capacity_bytes, u64::MAX / (2 * MIB) * 2 * MIB);

    put64(&mut image, 112, 0);
    assert!(findings(&image).contains(&("device-size", None)));
    assert!(
        Plan::new(&load(&image), None)
            .actions
            .iter()
            .all(|a| a.path.bytes()[0] == b'd')
    );
}

#[test]
fn unusable_superblocks_and_headers_are_said_once() {
    type Edit = fn(&mut [u8]);
    let cases: [(&str, Edit); 8] = [
        ("superblock", |i| i[0] = 0),
        ("superblock", |i| i[50] ^= 1),
        ("superblock", |i| {
            put64(i, 8, 49);
            seal(&mut i[..200], 96);
        }),
        ("superblock", |i| {
            put64(i, 32, MIB);
            seal(&mut i[..200], 96);
        }),
        ("superblock", |i| {
            put64(i, 24, 9 * MIB);
            seal(&mut i[..200], 96);
        }),
        ("superblock", |i| {
            put32(i, 40, 3);
            seal(&mut i[..200], 96);
        }),
        ("log-header", |i| i[LOG] = 0),
        ("log-header", |i| i[LOG + 17] ^= 1),
    ];
    for (code, edit) in cases {
        let mut image = Builder::sample().image;
        edit(&mut image);
        assert_eq!(findings(&image), [(code, None)]);
    }
}

/// Version 47 named several layouts; the one of OMF 2.1 is today's.
#[test]
fn version_47_is_told_by_omf_and_last_slot() {
    let mut image = Builder::sample().image;
    put64(&mut image, 8, 47);
    put32(&mut image, 44, 1);
    seal(&mut image[..200], 96);
    assert_eq!(findings(&image), []);
    put64(&mut image, LOG + 16, 9038);
    seal(&mut image[LOG..LOG + 48], 24);
    assert_eq!(findings(&image), [("log-header", None)]);
    put32(&mut image, 40, 1);
    seal(&mut image[..200], 96);
    assert_eq!(findings(&image), [("superblock", None)]);
}
