//! Bytes from anyone, many and quickly: what reads media, plans plays, reads yaml, sizes and
//! recordings neither panics nor breaks what it promises.
//!
//! Inputs that led somewhere new (another set of findings, another error) are kept and
//! mutated on. `cargo xtask fuzz-host --seconds N` runs each target for a time;
//! `cargo test` runs each for a fixed number of inputs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
#[path = "common/everything.rs"]
mod everything;

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use common::Ram;
use common::builder::{Builder, DATA, DEVICE, ENTRY, LOG, MIB, interleaved_entry, seal};
use common::hostile::images;
use common::model::Model;
use famfs_userspace::alloc::config;
use famfs_userspace::cli::famfs::parse_size;
use famfs_userspace::dump::Dump;
use famfs_userspace::fsck::Report;
use famfs_userspace::host::Role;
use famfs_userspace::player::{self, Options, Plan};
use famfs_userspace::shadow::Shadow;
use famfs_userspace::store::{Recording, Writer};
use famfs_userspace::volume::Volume;

/// Inputs per target where no time is given.
const INPUTS: u64 = 2_000;
/// Inputs that are kept to be mutated.
const CORPUS_MAX: usize = 4_096;

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

/// A dice with a state of 64 bits.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    /// Numbers that programs trip over.
    fn odd_number(&mut self) -> u64 {
        const ODD: [u64; 16] = [
            0,
            1,
            2,
            15,
            16,
            17,
            47,
            4095,
            4096,
            2 * MIB,
            2 * MIB + 1,
            DATA,
            DEVICE,
            0xffff_ffff,
            1 << 63,
            u64::MAX,
        ];
        match self.below(4) {
            0 => self.next(),
            1 => 1 << self.below(64),
            _ => ODD[self.below(ODD.len())],
        }
    }
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let len = input.len();
        match dice.below(8) {
            0 if len > 0 => input[dice.below(len)] ^= 1 << dice.below(8),
            1 if len > 0 => input[dice.below(len)] = u8::try_from(dice.below(256)).unwrap(),
            2 | 3 if len >= 8 => {
                let width = [4, 8][dice.below(2)];
                let at = dice.below(len - width + 1) / 4 * 4;
                let number = dice.odd_number().to_le_bytes();
                input[at..at + width].copy_from_slice(&number[..width]);
            }
            4 => input.truncate(dice.below(len + 1)),
            5 => input.insert(dice.below(len + 1), u8::try_from(dice.below(256)).unwrap()),
            6 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len());
                let part = &other[from..(from + dice.below(64)).min(other.len())];
                let at = dice.below(len + 1);
                input.splice(at..at, part.iter().copied());
            }
            _ if len > 0 => {
                let (from, count) = (dice.below(len), dice.below(16));
                let part: Vec<u8> = input[from..].iter().take(count).copied().collect();
                let at = dice.below(len);
                for (i, byte) in part.into_iter().enumerate() {
                    if let Some(place) = input.get_mut(at + i) {
                        *place = byte;
                    }
                }
            }
            _ => input.push(0),
        }
    }
}

/// Feeds a target. It returns a word for where an input led.
fn fuzz(name: &str, seeds: Vec<Vec<u8>>, target: impl Fn(&[u8]) -> String) {
    let mut corpus = seeds;
    let mut dice = Dice(seed());
    let mut known = BTreeSet::new();
    let (start, mut done) = (Instant::now(), 0);
    while more(done, start) {
        let from = dice.below(corpus.len());
        let mut input = corpus[from].clone();
        // The seeds themselves first.
        if done >= corpus.len() as u64 {
            mutate(&mut input, &corpus, &mut dice);
        }
        match catch_unwind(AssertUnwindSafe(|| target(&input))) {
            Ok(word) => {
                if known.insert(word) && corpus.len() < CORPUS_MAX {
                    corpus.push(input);
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
    println!("{name}: {done} inputs led to {} places", known.len());
    assert!(known.len() > 1, "every input led to the same place");
}

/// Where the parts of an input go: superblock, log header, entries.
fn image_of(input: &[u8]) -> Vec<u8> {
    let mut image = vec![0; LOG + 48 + 32 * ENTRY];
    let (sb, rest) = input.split_at(input.len().min(200));
    let (log, _) = rest.split_at(rest.len().min(48 + 32 * ENTRY));
    image[..sb.len()].copy_from_slice(sb);
    image[LOG..LOG + log.len()].copy_from_slice(log);
    image
}

fn input_of(image: &[u8]) -> Vec<u8> {
    let mut input = image[..200].to_vec();
    input.extend_from_slice(&image[LOG..LOG + 48 + 8 * ENTRY]);
    input
}

fn image_seeds() -> Vec<Vec<u8>> {
    let mut builder = Builder::sample();
    let strips = [DATA + 30 * MIB, DATA + 40 * MIB];
    builder.push(interleaved_entry(b"strips", 4 * MIB, 2 * MIB, &strips));
    let mut old = Builder::v46();
    old.mkdir(b"d").file46(b"d/old", 1, &[(DATA, 2 * MIB)]);
    let own = [builder.image, old.image];
    let hostile = images().into_iter().map(|hostile| hostile.image);
    own.into_iter()
        .chain(hostile)
        .map(|image| input_of(&image))
        .collect()
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
    // The model fails where a path leaves it or two files share a byte.
    let plan = Plan::new(&volume, Some(DEVICE));
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

#[test]
fn media_parse() {
    fuzz("media_parse", image_seeds(), |input| {
        read_media(image_of(input))
    });
}

/// Checksums made right again, so that what they cover is read.
#[test]
fn player_plan() {
    fuzz("player_plan", image_seeds(), |input| {
        let mut image = image_of(input);
        seal(&mut image[..200], 96);
        seal(&mut image[LOG..LOG + 48], 24);
        for index in 0..32_u64 {
            let at = LOG + 48 + usize::try_from(index).unwrap() * ENTRY;
            image[at..at + 8].copy_from_slice(&index.to_le_bytes());
            seal(&mut image[at..at + ENTRY], 536);
        }
        read_media(image)
    });
}

#[test]
fn yaml() {
    let seeds: Vec<Vec<u8>> = [
        &b"interleaved_alloc: {nbuckets: 8, nstrips: 6, chunk_size: 0x200000}"[..],
        b"interleaved_alloc:\n  nbuckets: 0\n  nstrips: 0\n  chunk_size: 0\n",
        b"---\nfile:\n  path: a\n  size: 1\n  flags: 2\n  mode: 0644\n  uid: 0\n  gid: 0\n  nextents: 1\n  simple_ext_list:\n  - devindex: 0\n    offset: 0x1000000\n    length: 0x200000\n...\n",
        b"file:\n  path: \"\\x41\"\n  size: 1\n  flags: 2\n  mode: 0644\n  uid: 0\n  gid: 0\n  nextents: 1\n  striped_ext_list:\n  - nstrips: 1\n    chunk_size: 0x200000\n    simple_ext_list:\n    - {devindex: 0, offset: 1, length: 2}\n",
        b"a: &a [*a, *a]\n&b b: *b\n<<: !!binary x\n",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        b"? - : | >- %YAML 1.2\n# x\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    fuzz("yaml", seeds, |input| {
        let config = config::parse(input);
        if let Ok(Some(how)) = config {
            let _possible = how.check(DEVICE, 2 * MIB);
        }
        let shadow = Shadow::parse(input);
        if let Ok(shadow) = &shadow {
            let again = Shadow::parse(shadow.to_yaml().as_bytes()).unwrap();
            assert_eq!(&again, shadow);
        }
        let first_word = |e: String| e.chars().take(24).collect::<String>();
        format!(
            "{:?} {:?}",
            config.map(drop).map_err(|e| first_word(e.to_string())),
            shadow.map(drop).map_err(|e| first_word(e.to_string()))
        )
    });
}

#[test]
fn size() {
    let seeds = [
        "4096", "0x1000", "64M", "64MiB", "64MB", "16383P", "010", "1.5G", "-1", "",
    ];
    let seeds = seeds.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz("size", seeds, |input| {
        let text = String::from_utf8_lossy(input);
        match parse_size(&text) {
            Ok(bytes) => {
                assert_eq!(parse_size(&bytes.to_string()), Ok(bytes));
                assert!(text.starts_with(|c: char| c.is_ascii_digit()));
                format!("{}", bytes.leading_zeros())
            }
            Err(reason) => reason.chars().take(12).collect(),
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
    fuzz("recording_bytes", vec![whole], read_recording);
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
    fuzz("recording_frames", vec![parts], |input| {
        read_recording(&packed(&head, input))
    });
}
