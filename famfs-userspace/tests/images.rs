//! Images that the tests write byte by byte: what `dump` shows and `fsck` finds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Ram;
use common::builder::{Builder, DATA, DEVICE, LOG, MIB, interleaved_entry, put32, put64, seal};
use famfs_media::fsck::{Report, Severity};
use famfs_media::player::Plan;
use famfs_media::volume::Volume;
use famfs_userspace::dump::Dump;
use serde_json::json;

fn load(image: &[u8]) -> Volume {
    Volume::load(&mut Ram::new(image.to_vec())).unwrap()
}

/// Codes and slots, what is about no slot first.
fn findings(image: &[u8]) -> Vec<(&'static str, Option<u64>)> {
    let report = Report::new(&load(image), None);
    let errors = report.findings.iter().any(|f| f.severity > Severity::Note);
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
    assert_eq!(findings(&builder.image), [("read-only", None)]);
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
        assert_eq!(
            findings(&image),
            [("unreferenced-space", None), ("bad-entry", Some(2))]
        );
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
fn buckets_add_up() {
    let volume = load(&Builder::sample().image);
    let whole = Report::new(&volume, None);
    assert_eq!(whole.buckets, []);
    // 32 units in 7 parts: four each, and eight in the last.
    let report = Report::with_buckets(&volume, None, 7);
    let shown: Vec<_> = report
        .buckets
        .iter()
        .map(|b| (b.offset / MIB, b.len / MIB, b.used / MIB, b.free / MIB))
        .collect();
    assert_eq!(
        shown,
        [
            (0, 8, 8, 0),
            (8, 8, 8, 0),
            (16, 8, 2, 6),
            (24, 8, 2, 6),
            (32, 8, 2, 6),
            (40, 8, 0, 8),
            (48, 16, 0, 16),
        ]
    );
    let sum = |part: fn(&famfs_media::fsck::Bucket) -> u64| -> u64 {
        report.buckets.iter().map(part).sum()
    };
    assert_eq!(sum(|b| b.used), whole.used_bytes);
    assert_eq!(sum(|b| b.free), whole.free_bytes);
    assert_eq!(whole.largest_free_bytes, 30 * MIB);
    // More parts than units are as many as units.
    assert_eq!(Report::with_buckets(&volume, None, 1000).buckets.len(), 32);
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

/// Version 47 named several layouts; the one of OMF 2.1 is today's.
#[test]
fn version_47_is_told_by_omf_and_last_slot() {
    let mut image = Builder::sample().image;
    put64(&mut image, 8, 47);
    put32(&mut image, 44, 1);
    seal(&mut image[..200], 96);
    assert_eq!(findings(&image), [("read-only", None)]);
    put64(&mut image, LOG + 16, 9038);
    seal(&mut image[LOG..LOG + 48], 24);
    assert_eq!(findings(&image), [("log-header", None)]);
    put32(&mut image, 40, 1);
    seal(&mut image[..200], 96);
    assert_eq!(findings(&image), [("superblock", None)]);
}
