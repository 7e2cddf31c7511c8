//! Images that somebody damaged or made up, each with one thing wrong in it.

use super::builder::{
    Builder, DATA, DEVICE, ENTRY, LOG, MIB, file_entry, interleaved_entry, put32, put64, seal,
};

pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) image: Vec<u8>,
}

/// Where the bad entry of each image would put its file, were it good.
const AT: u64 = DATA + 30 * MIB;

fn good(path: &[u8]) -> Vec<u8> {
    file_entry(path, 1, &[(AT, 2 * MIB)])
}

fn with(edit: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut entry = good(b"bad");
    edit(&mut entry);
    entry
}

/// Entries with a good checksum; each stands in slot 5, before a good one.
#[expect(clippy::too_many_lines, reason = "a table")]
fn entries() -> Vec<(&'static str, Vec<u8>)> {
    let strips = [AT, AT + 4 * MIB];
    vec![
        ("path-empty", good(b"")),
        ("path-absolute", good(b"/etc/passwd")),
        ("path-dotdot", good(b"../escape")),
        ("path-dotdot-inside", good(b"d/../../escape")),
        ("path-dot", good(b"d/./bad")),
        ("path-double-slash", good(b"d//bad")),
        ("path-trailing-slash", good(b"bad/")),
        ("path-meta", good(b".meta/.log")),
        ("path-no-nul", with(|e| e[40..120].fill(b'N'))),
        ("path-twice", good(b"one")),
        ("file-over-folder", good(b"d")),
        ("folder-over-file", {
            let mut entry = vec![0; ENTRY];
            put32(&mut entry, 8, 1);
            entry[28..31].copy_from_slice(b"one");
            entry
        }),
        ("folder-dotdot", {
            let mut entry = vec![0; ENTRY];
            put32(&mut entry, 8, 1);
            entry[28..37].copy_from_slice(b"../escape");
            entry
        }),
        ("parent-missing", good(b"nowhere/bad")),
        ("parent-is-file", good(b"one/bad")),
        ("owner-none", with(|e| put32(e, 28, u32::MAX))),
        ("group-none", with(|e| put32(e, 32, u32::MAX))),
        ("size-zero", file_entry(b"bad", 0, &[(AT, 2 * MIB)])),
        (
            "size-over-extents",
            file_entry(b"bad", 2 * MIB + 1, &[(AT, 2 * MIB)]),
        ),
        ("size-most", file_entry(b"bad", u64::MAX, &[(AT, 2 * MIB)])),
        ("extents-none", file_entry(b"bad", 1, &[])),
        ("extents-17", with(|e| put32(e, 128, 17))),
        ("extents-most", with(|e| put32(e, 128, u32::MAX))),
        ("extent-type-9", with(|e| put32(e, 120, 9))),
        ("extent-device-1", with(|e| put64(e, 136, 1))),
        ("extent-device-most", with(|e| put64(e, 136, u64::MAX))),
        (
            "extent-offset-unaligned",
            file_entry(b"bad", 1, &[(AT + 4096, 2 * MIB)]),
        ),
        (
            "extent-len-unaligned",
            file_entry(b"bad", 1, &[(AT, 2 * MIB + 1)]),
        ),
        ("extent-empty", file_entry(b"bad", 1, &[(AT, 0)])),
        (
            "extent-over-superblock",
            file_entry(b"bad", 1, &[(0, 2 * MIB)]),
        ),
        (
            "extent-over-log",
            file_entry(b"bad", 1, &[(8 * MIB, 2 * MIB)]),
        ),
        (
            "extent-behind-device",
            file_entry(b"bad", 1, &[(DEVICE, 2 * MIB)]),
        ),
        (
            "extent-across-device-end",
            file_entry(b"bad", 1, &[(DEVICE - 2 * MIB, 4 * MIB)]),
        ),
        (
            "extent-wraps",
            file_entry(b"bad", 1, &[(0xffff_ffff_ffe0_0000, 2 * MIB)]),
        ),
        (
            "extent-of-other-file",
            file_entry(b"bad", 1, &[(DATA, 2 * MIB)]),
        ),
        (
            "extent-twice",
            file_entry(b"bad", 1, &[(AT, 2 * MIB), (AT, 2 * MIB)]),
        ),
        ("strips-none", interleaved_entry(b"bad", 1, 2 * MIB, &[])),
        ("strips-17", {
            let mut entry = interleaved_entry(b"bad", 1, 2 * MIB, &strips);
            put64(&mut entry, 136, 17);
            entry
        }),
        ("strips-most", {
            let mut entry = interleaved_entry(b"bad", 1, 2 * MIB, &strips);
            put64(&mut entry, 136, u64::MAX);
            entry
        }),
        ("interleaved-twice", {
            let mut entry = interleaved_entry(b"bad", 1, 2 * MIB, &strips);
            put32(&mut entry, 128, 2);
            entry
        }),
        ("chunk-zero", interleaved_entry(b"bad", 1, 0, &strips)),
        (
            "chunk-unaligned",
            interleaved_entry(b"bad", 1, 2 * MIB + 1, &strips),
        ),
        (
            "chunk-over-strip",
            interleaved_entry(b"bad", 1, 4 * MIB, &strips),
        ),
        (
            "chunk-most",
            interleaved_entry(b"bad", 1, u64::MAX - 4095, &strips),
        ),
        (
            "size-over-strips",
            interleaved_entry(b"bad", 4 * MIB + 1, 2 * MIB, &strips),
        ),
        ("type-delete", with(|e| put32(e, 8, 2))),
        ("type-add-daxdev", {
            let mut entry = vec![0; ENTRY];
            put32(&mut entry, 8, 3);
            put64(&mut entry, 16, DEVICE);
            put32(&mut entry, 40, 1);
            entry
        }),
        ("type-77", with(|e| put32(e, 8, 77))),
    ]
}

type Edit = fn(&mut Vec<u8>);

/// What a slot of five is when its writer, the memory or somebody else damaged it.
const DAMAGED: &[(&str, Edit)] = &[
    ("entry-torn", |i| i[LOG + 48 + 2 * ENTRY + 20] ^= 1),
    ("entry-zero", |i| {
        i[LOG + 48 + 2 * ENTRY..LOG + 48 + 3 * ENTRY].fill(0);
    }),
    ("entry-misnumbered", |i| {
        let at = LOG + 48 + 2 * ENTRY;
        put64(i, at, 7);
        seal(&mut i[at..at + ENTRY], 536);
    }),
    ("count-most", |i| {
        put64(i, LOG + 32, u64::MAX);
        put64(i, LOG + 40, u64::MAX);
    }),
    ("count-one-more", |i| {
        put64(i, LOG + 32, 6);
        put64(i, LOG + 40, 6);
    }),
    ("count-one-less", |i| {
        put64(i, LOG + 32, 4);
        put64(i, LOG + 40, 4);
    }),
    ("seqnum-off", |i| put64(i, LOG + 32, 9)),
    ("device-size-zero", |i| put64(i, 112, 0)),
    ("device-size-most", |i| put64(i, 112, u64::MAX)),
];

/// Superblocks and log headers with nothing behind them that could be played.
const HEADS: &[(&str, Edit)] = &[
    ("magic-gone", |i| put64(i, 0, 0)),
    ("superblock-torn", |i| i[50] ^= 1),
    ("superblock-version-49", |i| super_field(i, 8, 49)),
    ("superblock-version-47-omf-2.2", |i| super_field(i, 8, 47)),
    ("superblock-unit-1m", |i| super_field(i, 32, MIB)),
    ("superblock-unit-zero", |i| super_field(i, 32, 0)),
    ("superblock-log-9m", |i| super_field(i, 24, 9 * MIB)),
    ("superblock-log-zero", |i| super_field(i, 24, 0)),
    ("superblock-log-most", |i| super_field(i, 24, 1 << 63)),
    ("superblock-log-offset", |i| super_field(i, 16, 0)),
    ("superblock-log-16m", |i| super_field(i, 24, 16 * MIB)),
    ("log-magic-gone", |i| i[LOG] = 0),
    ("log-header-torn", |i| i[LOG + 17] ^= 1),
    ("log-other-length", |i| {
        put64(i, LOG + 8, 16 * MIB);
        seal(&mut i[LOG..LOG + 48], 24);
    }),
    ("log-other-layout", |i| {
        put64(i, LOG + 16, 9038);
        seal(&mut i[LOG..LOG + 48], 24);
    }),
    ("superblock-omf-3", |i| super_field(i, 40, (2 << 32) | 3)),
];

fn super_field(image: &mut [u8], at: usize, value: u64) {
    put64(image, at, value);
    seal(&mut image[..200], 96);
}

pub(crate) fn images() -> Vec<Hostile> {
    let entries = entries().into_iter().map(|(name, entry)| {
        let mut builder = Builder::sample();
        builder
            .push(entry)
            .file(b"after", 1, &[(DATA + 50 * MIB, 2 * MIB)]);
        let image = builder.image;
        Hostile { name, image }
    });
    let edited = DAMAGED.iter().chain(HEADS).map(|(name, edit)| {
        let mut image = Builder::sample().image;
        edit(&mut image);
        Hostile { name, image }
    });
    entries.chain(edited).collect()
}
