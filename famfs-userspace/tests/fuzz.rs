//! Bytes from anyone, many and quickly: what reads media, plans plays, reads yaml, sizes and
//! recordings neither panics nor breaks what it promises.
//!
//! Inputs that led somewhere new (another set of findings, another error) are kept and
//! changed further, most often by the parts they are made of (fields, paths, extents,
//! entries, lines, numbers), so that most of them get past the first check.
//! `cargo xtask fuzz-host --seconds N` runs each target for a time; `cargo test` runs each
//! for a fixed number of inputs.
#![expect(
    clippy::disallowed_methods,
    reason = "what tests read is in the register too"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
#[path = "fuzz/dice.rs"]
mod dice;
#[path = "common/everything.rs"]
mod everything;
#[path = "fuzz/media.rs"]
mod media;
#[path = "fuzz/text.rs"]
mod text;

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use common::Ram;
use common::builder::{DEVICE, LOG, MIB};
use common::model::Model;
use dice::Dice;
use famfs_cli::size;
use famfs_media::alloc::config;
use famfs_media::fsck::Report;
use famfs_media::memory::Memory;
use famfs_media::player::plan::Make;
use famfs_media::player::{self, Options, Plan};
use famfs_media::role::Role;
use famfs_media::shadow::Shadow;
use famfs_media::volume::{News, Volume};
use famfs_snapshot::store::{Recording, Writer};
use famfs_userspace::dump::Dump;
use text::Kind;

/// Inputs per target where no time is given.
const INPUTS: u64 = 2_000;
/// Inputs that are kept to be mutated.
const CORPUS_MAX: usize = 4_096;

/// The two counters of the log header.
const COUNTERS: u64 = LOG as u64 + 32;

/// How long a run is: a number of inputs, or a time.
fn more(done: u64, start: Instant) -> bool {
    match std::env::var("FAMFS_FUZZ_SECONDS") {
        Ok(text) => start.elapsed() < Duration::from_secs(text.parse().unwrap()),
        Err(_) => done < INPUTS,
    }
}

fn seed() -> u64 {
    std::env::var("FAMFS_FUZZ_SEED").map_or(1, |text| text.parse().unwrap())
}

/// How inputs of a kind are changed; the corpus gives parts.
type Change = fn(&mut Vec<u8>, &[Vec<u8>], &mut Dice);

/// Feeds a target. It returns a word for where an input led.
fn fuzz(name: &str, seeds: &[Vec<u8>], change: Change, target: impl Fn(&[u8]) -> String) {
    let mut corpus = seeds.to_vec();
    let mut dice = Dice::new(seed());
    let mut known = BTreeSet::new();
    let (start, mut done) = (Instant::now(), 0);
    while more(done, start) {
        let mut input = corpus[dice.below(corpus.len())].clone();
        // The seeds themselves first.
        match seeds.get(usize::try_from(done).unwrap()) {
            Some(seed) => input.clone_from(seed),
            None => change(&mut input, &corpus, &mut dice),
        }
        match catch_unwind(AssertUnwindSafe(|| target(&input))) {
            Ok(word) => {
                if known.insert(word) {
                    // A full corpus forgets one of those that it learned.
                    if corpus.len() < CORPUS_MAX {
                        corpus.push(input);
                    } else {
                        let learned = CORPUS_MAX - seeds.len();
                        corpus[seeds.len() + dice.below(learned)] = input;
                    }
                }
            }
            Err(panic) => {
                let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
                std::fs::create_dir_all(&dir).unwrap();
                let path = dir.join(format!("{name}-{:016x}", dice.next()));
                std::fs::write(&path, &input).unwrap();
                println!("{name}: input {done} is kept in {}", path.display());
                resume_unwind(panic);
            }
        }
        done += 1;
    }
    let kept = corpus.len() - seeds.len();
    println!(
        "{name}: {done} inputs led to {} places; {kept} are kept",
        known.len()
    );
    assert!(known.len() > 1, "every input led to the same place");
}

/// Every reader of media, on any bytes.
fn read_media(image: Vec<u8>) -> String {
    let mut memory = Ram::new(image);
    let volume = Volume::load(&mut memory).unwrap();
    assert!(volume.counted() <= volume.capacity);
    serde_json::to_writer(std::io::sink(), &Dump::new(&volume)).unwrap();
    let report = Report::with_buckets(&volume, Some(DEVICE), 7);
    let codes: BTreeSet<&str> = report.findings.iter().map(|f| f.code).collect();
    if volume.check().is_err() {
        return format!("{codes:?}");
    }
    let plan = Plan::new(&volume, Some(DEVICE));
    for action in &plan.actions {
        check_bounds(&volume, &action.make);
    }
    let judged = Plan::judge(&volume, Some(DEVICE), |_| {});
    assert!(
        judged.played().eq(&plan.actions),
        "fsck knows what a play does"
    );
    assert_follower_agrees(&memory, &plan);
    // The model fails where a path leaves it or two files share a byte.
    let mut model = Model::default();
    let options = Options {
        role: Role::Master,
        dry_run: false,
        repair: false,
    };
    let first = player::play(&plan, 0, &mut model, &options, &mut |_, _| true);
    assert_eq!(first.failed, [], "the plan asks for nothing impossible");
    let once = model.clone();
    player::play(&plan, 0, &mut model, &options, &mut |_, _| true);
    assert_eq!(model, once, "twice is once");
    format!("{codes:?} {}", model.nodes.len().min(8))
}

/// A file that is made lies behind the log, inside the device, in whole units, and is no
/// longer than what it owns.
fn check_bounds(volume: &Volume, make: &Make) {
    let Make::File { size, placement } = make else {
        return;
    };
    let unit = volume.superblock.alloc_unit();
    for extent in placement.extents() {
        let end = u128::from(extent.offset) + u128::from(extent.len);
        assert!(extent.offset >= volume.data_start() && end <= u128::from(DEVICE));
        assert!(extent.offset % unit == 0 && extent.len % unit == 0 && extent.len > 0);
    }
    let owned: u64 = placement.extents().iter().map(|e| e.len).sum();
    assert!(*size > 0 && *size <= owned, "{size} bytes in {owned}");
}

/// Who met the log when it was half as long, and then saw it grow, plans the same.
fn assert_follower_agrees(memory: &Ram, whole: &Plan) {
    let mut memory = memory.clone();
    let counters: [u8; 16] = (&memory as &dyn Memory).load_array(COUNTERS).unwrap();
    let half = (whole.read() / 2).to_le_bytes();
    memory.store(COUNTERS, &[half, half].concat()).unwrap();
    let mut volume = Volume::load(&mut memory).unwrap();
    let mut plan = Plan::new(&volume, Some(DEVICE));
    memory.store(COUNTERS, &counters).unwrap();
    match volume.refresh(&mut memory).unwrap() {
        News::Grown => plan.extend(&volume),
        News::Nothing => {}
        News::Replaced => panic!("the same log, longer"),
    }
    assert_eq!(plan.actions, whole.actions);
    assert_eq!(plan.refused, whole.refused);
    assert_eq!(plan.skipped, whole.skipped);
    assert_eq!(plan.stop, whole.stop);
    assert_eq!(plan.names, whole.names);
}

/// The first byte of an input says which checksums are corrected.
#[test]
fn media_parse() {
    fuzz("media_parse", &media::seeds(), media::mutate, |input| {
        read_media(match media::control_of(input) {
            0..0x40 => media::image_of(input),
            control => media::sealed(input, control),
        })
    });
}

/// All checksums made right again, so that what they cover is read.
#[test]
fn player_plan() {
    fuzz("player_plan", &media::seeds(), media::mutate, |input| {
        read_media(media::sealed(input, 0))
    });
}

const YAML_SEEDS: [&str; 7] = [
    "interleaved_alloc: {nbuckets: 8, nstrips: 6, chunk_size: 0x200000}",
    "interleaved_alloc:\n  nbuckets: 0\n  nstrips: 0\n  chunk_size: 0\n",
    "---\nfile:\n  path: a\n  size: 1\n  flags: 2\n  mode: 0644\n  uid: 0\n  gid: 0\n  nextents: 1\n  simple_ext_list:\n  - devindex: 0\n    offset: 0x1000000\n    length: 0x200000\n...\n",
    "file:\n  path: \"\\x41\"\n  size: 1\n  flags: 2\n  mode: 0644\n  uid: 0\n  gid: 0\n  nextents: 1\n  striped_ext_list:\n  - nstrips: 1\n    chunk_size: 0x200000\n    simple_ext_list:\n    - {devindex: 0, offset: 1, length: 2}\n",
    "a: &a [*a, *a]\n&b b: *b\n<<: !!binary x\n",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "? - : | >- %YAML 1.2\n# x\n",
];

#[test]
fn yaml() {
    let seeds = YAML_SEEDS.map(|text| text.as_bytes().to_vec());
    let change: Change = |input, corpus, dice| text::mutate(Kind::Yaml, input, corpus, dice);
    fuzz("yaml", &seeds, change, |input| {
        let config = config::parse(input);
        let possible = match &config {
            Ok(Some(how)) => format!("{:?}", how.check(64 << 30, 2 * MIB).map_err(first_word)),
            other => format!("{:?}", other.as_ref().map(drop).map_err(first_word)),
        };
        let shadow = match Shadow::parse(input) {
            Ok(shadow) => {
                let again = Shadow::parse(shadow.to_yaml().as_bytes()).unwrap();
                assert_eq!(again, shadow);
                let owner = shadow.owner;
                let extents = shadow.placement.extents().len();
                assert!((1..=16).contains(&extents));
                format!("{extents} {} {}", owner.uid == 0, shadow.path.is_ascii())
            }
            Err(error) => first_word(error),
        };
        format!("{possible} {shadow}")
    });
}

/// Enough of a message to tell it from others, without what it quotes of the input.
fn first_word(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let quotes = ['"', '`', '\''];
    let before = text.split(quotes).next().unwrap_or_default();
    let own = before.to_owned() + text.rsplit(quotes).next().unwrap_or_default();
    own.chars()
        .filter(char::is_ascii_lowercase)
        .take(24)
        .collect()
}

#[test]
fn size() {
    let seeds = [
        "4096", "0x1000", "64M", "64MiB", "64MB", "16383P", "010", "1.5G", "-1", "",
    ];
    let seeds = seeds.map(|text| text.as_bytes().to_vec());
    let change: Change = |input, corpus, dice| text::mutate(Kind::Size, input, corpus, dice);
    fuzz("size", &seeds, change, |input| {
        let text = String::from_utf8_lossy(input);
        let read = size::parse(&text);
        assert_eq!(
            read.as_ref().ok().copied(),
            text::size_of(&text),
            "{text:?}"
        );
        match read {
            Ok(bytes) => {
                assert_eq!(size::parse(&bytes.to_string()), Ok(bytes));
                let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{} {}", bytes.leading_zeros(), unit.len().min(6))
            }
            Err(reason) => first_word(reason),
        }
    });
}

fn recording() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Duration::from_secs(1)).unwrap();
    for snapshot in everything::snapshots() {
        writer.append(&snapshot).unwrap();
    }
    writer.finish().unwrap()
}

/// Reads all that a recording holds. What was read is written and read again, and is the same.
fn read_recording(bytes: &[u8]) -> String {
    let mut recording = match Recording::open(Cursor::new(bytes)) {
        Ok(recording) => recording,
        Err(error) => return error.to_string(),
    };
    let lost: u64 = recording.damages().iter().map(|d| d.bytes).sum();
    assert!(lost <= bytes.len() as u64, "no more is lost than there was");
    let mut snapshots = Vec::new();
    let mut word = format!("{} {}", recording.ended(), recording.entries().len().min(9));
    for damage in recording.damages() {
        word += damage.why;
    }
    for at in 0..recording.entries().len() {
        match recording.snapshot(at) {
            Ok(snapshot) => snapshots.push(snapshot),
            Err(error) => word += &error.to_string().split(": ").skip(1).collect::<String>(),
        }
    }
    let mut writer = Writer::new(Vec::new(), Duration::from_secs(1)).unwrap();
    for snapshot in &snapshots {
        writer.append(snapshot).unwrap();
    }
    let again = writer.finish().unwrap();
    match Recording::open(Cursor::new(again)) {
        Err(error) => assert!(snapshots.is_empty(), "{error}"),
        Ok(mut again) => {
            for (at, snapshot) in snapshots.iter().enumerate() {
                assert_eq!(&again.snapshot(at).unwrap(), snapshot);
            }
        }
    }
    word
}

/// Bytes of a file, whatever was done to them.
#[test]
fn recording_bytes() {
    let whole = recording();
    for end in 0..whole.len() {
        read_recording(&whole[..end]);
    }
    fuzz("recording_bytes", &[whole], dice::mutate, read_recording);
}

/// The length of a recording's header and of a frame's (docs/reference/recording.md).
const HEADER: usize = 20;
const FRAME: usize = 44;

/// A recording as what it unpacks to: of each frame its flags, its length, and its payload.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = HEADER;
    while at + FRAME <= bytes.len() {
        let number = |i: usize| u32::from_le_bytes(bytes[at + i..at + i + 4].try_into().unwrap());
        let packed = usize::try_from(number(8)).unwrap();
        let payload = &bytes[at + FRAME..at + FRAME + packed];
        let mut plain = Vec::new();
        if !payload.is_empty() {
            let mut from = flate2::bufread::DeflateDecoder::new(payload);
            from.read_to_end(&mut plain).unwrap();
        }
        out.push(bytes[at + 4]);
        out.extend_from_slice(&u16::try_from(plain.len()).unwrap().to_le_bytes());
        out.extend_from_slice(&plain);
        at += FRAME + packed;
    }
    out
}

/// The reverse, with every length and checksum right, so that what they cover is read.
fn packed(head: &[u8], mut input: &[u8]) -> Vec<u8> {
    let mut out = head.to_vec();
    let mut base = 0;
    while let [flags, low, high, rest @ ..] = input {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (plain, rest) = rest.split_at(len);
        input = rest;
        let flags = u32::from(flags % 3);
        let mut payload = Vec::new();
        if flags != 2 {
            let mut from = flate2::bufread::DeflateEncoder::new(plain, flate2::Compression::new(6));
            from.read_to_end(&mut payload).unwrap();
        }
        let crc = crc32fast::hash(&payload);
        let mut frame = b"\xf0fmF".to_vec();
        let sizes = [payload.len(), plain.len() * usize::from(flags != 2)]
            .map(|n| u32::try_from(n).unwrap());
        for number in [flags, sizes[0], sizes[1]] {
            frame.extend_from_slice(&number.to_le_bytes());
        }
        frame.extend_from_slice(&[0; 16]);
        for number in [if flags == 1 { 0 } else { base }, crc] {
            frame.extend_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32fast::hash(&frame);
        frame.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&frame);
        out.extend_from_slice(&payload);
        if flags != 2 {
            base = crc;
        }
    }
    out
}

/// Sound frames around any payload.
#[test]
fn recording_frames() {
    let whole = recording();
    let head = whole[..HEADER].to_vec();
    let parts = unpacked(&whole);
    let again = read_recording(&packed(&head, &parts));
    assert_eq!(
        again,
        read_recording(&whole),
        "the frames are as the writer makes them"
    );
    fuzz("recording_frames", &[parts], dice::mutate, |input| {
        read_recording(&packed(&head, input))
    });
}
