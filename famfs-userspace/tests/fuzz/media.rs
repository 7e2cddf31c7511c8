//! Inputs that stand for a superblock and a log, and changes that keep them one: fields,
//! paths, extents and whole entries are moved, not bytes.

use super::dice::{self, Dice};
use crate::common::builder::{
    Builder, DATA, ENTRY, ENTRY_46, LOG, MIB, interleaved_entry, put, put32, put64, seal,
};
use crate::common::hostile::images;

/// What an input starts with: a byte whose bits say which checksums stay as they are.
const CONTROL: usize = 1;
const SUPER: usize = 200;
const HEADER: usize = 48;
/// Where the parts of an input lie.
const SUPER_AT: usize = CONTROL;
const HEADER_AT: usize = SUPER_AT + SUPER;
const SLOTS_AT: usize = HEADER_AT + HEADER;
/// Slots that an image has room for here; the log that its header speaks of is longer.
const SLOTS: usize = 32;
const LONGEST: usize = SLOTS_AT + SLOTS * ENTRY;

/// Bits of the first byte.
const SUPER_STAYS: u8 = 1;
const HEADER_STAYS: u8 = 2;
const ENTRY_STAYS: u8 = 4;
const NUMBER_STAYS: u8 = 8;

/// The image that an input stands for, as it is.
pub(crate) fn image_of(input: &[u8]) -> Vec<u8> {
    let mut image = vec![0; LOG + HEADER + SLOTS * ENTRY];
    let parts = &input[input.len().min(CONTROL)..input.len().min(LONGEST)];
    let (sb, log) = parts.split_at(parts.len().min(SUPER));
    put(&mut image, 0, sb);
    put(&mut image, LOG, log);
    image
}

/// The same with checksums and numbers made right, so that what they cover is read; all
/// but those that the first byte names.
pub(crate) fn sealed(input: &[u8], control: u8) -> Vec<u8> {
    let mut image = image_of(input);
    let (crc_at, size) = if is_old(&image) {
        (64, ENTRY_46)
    } else {
        (96, ENTRY)
    };
    if control & SUPER_STAYS == 0 {
        put64(&mut image, 0, 0x87b2_82ff);
        seal(&mut image[..SUPER], crc_at);
    }
    if control & HEADER_STAYS == 0 {
        seal(&mut image[LOG..LOG + HEADER], 24);
    }
    let odd = usize::from(control >> 4);
    for index in 0..=counted(&image[LOG..]) {
        let at = LOG + HEADER + index * size;
        let Some(entry) = image.get_mut(at..at + size) else {
            break;
        };
        if control & NUMBER_STAYS == 0 || index != odd {
            put64(entry, 0, index as u64);
        }
        if control & ENTRY_STAYS == 0 || index != odd {
            seal(entry, size - 8);
        }
    }
    image
}

/// Whether a superblock is of version 46, whose entries are shorter.
fn is_old(superblock: &[u8]) -> bool {
    superblock[8] == 46
}

/// How many entries the header at the start of `log` counts, as far as there is room.
fn counted(log: &[u8]) -> usize {
    let count = u64::from_le_bytes(log[40..48].try_into().unwrap());
    usize::try_from(count).unwrap_or(SLOTS).min(SLOTS)
}

pub(crate) fn control_of(input: &[u8]) -> u8 {
    input.first().copied().unwrap_or_default()
}

fn input_of(image: &[u8]) -> Vec<u8> {
    let mut input = vec![0; CONTROL];
    input.extend_from_slice(&image[..SUPER]);
    input.extend_from_slice(&image[LOG..LOG + HEADER + 8 * ENTRY]);
    input
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut builder = Builder::sample();
    let strips = [DATA + 30 * MIB, DATA + 40 * MIB];
    builder.push(interleaved_entry(b"strips", 4 * MIB, 2 * MIB, &strips));
    let mut small = builder.clone();
    put64(&mut small.image, 32, 4096);
    seal(&mut small.image[..SUPER], 96);
    let mut omf21 = builder.clone();
    put64(&mut omf21.image, 8, 47);
    put32(&mut omf21.image, 44, 1);
    seal(&mut omf21.image[..SUPER], 96);
    let mut old = Builder::v46();
    old.mkdir(b"d").file46(b"d/old", 1, &[(DATA, 2 * MIB)]);
    let own = [builder.image, small.image, omf21.image, old.image];
    let hostile = images().into_iter().map(|hostile| hostile.image);
    own.into_iter()
        .chain(hostile)
        .map(|image| input_of(&image))
        .collect()
}

/// Places and widths of the fields of an entry.
const FIELDS: [(usize, usize); 15] = [
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 4),
    (28, 4),
    (32, 4),
    (36, 4),
    (120, 4),
    (124, 4),
    (128, 4),
    (136, 8),
    (144, 8),
    (152, 8),
    (168, 8),
    (176, 8),
];
const SUPER_FIELDS: [(usize, usize); 8] = [
    (0, 8),
    (8, 8),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 4),
    (44, 4),
    (112, 8),
];
const HEADER_FIELDS: [(usize, usize); 5] = [(0, 8), (8, 8), (16, 8), (32, 8), (40, 8)];
/// Where a path starts: in a FILE and in a MKDIR entry.
const FILE_PATH: usize = 40;
const DIR_PATH: usize = 28;
const PATH_ROOM: usize = 80;
const COMPONENTS: [&str; 12] = [
    "d",
    "e",
    "one",
    "two",
    "after",
    "..",
    ".",
    "",
    ".meta",
    ".log",
    "\u{fc}ml\n",
    "a-name-of-forty-bytes-for-the-path-field",
];

/// A slot of the input, made if it is not there.
fn slot(input: &mut Vec<u8>, index: usize) -> &mut [u8] {
    let at = SLOTS_AT + index * ENTRY;
    if input.len() < at + ENTRY {
        input.resize(at + ENTRY, 0);
    }
    &mut input[at..at + ENTRY]
}

/// Changes one thing or a few.
pub(crate) fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    if dice.below(8) == 0 || input.len() < SLOTS_AT {
        return dice::mutate(input, corpus, dice);
    }
    if is_old(&input[SUPER_AT..]) {
        return mutate_old(input, dice);
    }
    for _ in 0..=dice.below(4) {
        let used = counted(&input[HEADER_AT..]);
        let index = dice.below((used + 1).min(SLOTS));
        match dice.below(16) {
            0 => input[0] = dice.byte(),
            1 => set(&mut input[SUPER_AT..], dice.one_of(&SUPER_FIELDS), dice),
            2 => set(&mut input[HEADER_AT..], dice.one_of(&HEADER_FIELDS), dice),
            3 | 4 => {
                let field = dice.one_of(&FIELDS);
                set(slot(input, index), field, dice);
            }
            5 => exchange(input, index, dice),
            6 | 7 => append(input, corpus, used, dice),
            8 | 9 => rename(slot(input, index), dice),
            10 => kind(slot(input, index), dice),
            11 | 12 => extents(slot(input, index), dice),
            13 => strips(slot(input, index), dice),
            14 => count(input, dice.below(SLOTS + 1)),
            _ => {
                // One field as another entry has it.
                let (at, width) = dice.one_of(&FIELDS);
                let other = slot(input, dice.below(used.max(1)))[at..at + width].to_vec();
                put(slot(input, index), at, &other);
            }
        }
    }
    input.truncate(LONGEST);
}

/// Any number anywhere in the entries, and any count of them.
fn mutate_old(input: &mut Vec<u8>, dice: &mut Dice) {
    input.resize(input.len().max(SLOTS_AT + 4 * ENTRY_46), 0);
    for _ in 0..=dice.below(4) {
        match dice.below(6) {
            0 => input[0] = dice.byte(),
            1 => set(&mut input[SUPER_AT..], dice.one_of(&SUPER_FIELDS), dice),
            2 => count(input, dice.below(8)),
            _ => {
                let at = SLOTS_AT + dice.below(4) * ENTRY_46 + dice.below(80) * 4;
                let width = dice.one_of(&[4, 8]);
                set(&mut input[at..], (0, width), dice);
            }
        }
    }
}

fn set(bytes: &mut [u8], (at, width): (usize, usize), dice: &mut Dice) {
    let old = u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()));
    let number = match dice.below(4) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => dice.units(),
        _ => dice.odd_number(),
    };
    put(bytes, at, &number.to_le_bytes()[..width]);
}

/// Both counters.
fn count(input: &mut [u8], entries: usize) {
    for at in [32, 40] {
        put64(input, HEADER_AT + at, entries as u64);
    }
}

/// Two entries change places.
fn exchange(input: &mut Vec<u8>, index: usize, dice: &mut Dice) {
    let other = dice.below(index + 1);
    let (a, b) = (slot(input, index).to_vec(), slot(input, other).to_vec());
    slot(input, index).copy_from_slice(&b);
    slot(input, other).copy_from_slice(&a);
}

/// An entry of any log comes behind the last.
fn append(input: &mut Vec<u8>, corpus: &[Vec<u8>], used: usize, dice: &mut Dice) {
    if used >= SLOTS {
        return;
    }
    let mut other = corpus[dice.below(corpus.len())].clone();
    let from = dice.below(8);
    let entry = slot(&mut other, from).to_vec();
    slot(input, used).copy_from_slice(&entry);
    if dice.below(2) == 0 {
        rename(slot(input, used), dice);
    }
    if dice.below(2) == 0 {
        extents(slot(input, used), dice);
    }
    count(input, used + 1);
}

fn path_at(entry: &[u8]) -> usize {
    if entry[8] == 1 { DIR_PATH } else { FILE_PATH }
}

fn rename(entry: &mut [u8], dice: &mut Dice) {
    let parts: Vec<&str> = (0..=dice.below(4))
        .map(|_| dice.one_of(&COMPONENTS))
        .collect();
    let path = parts.join("/");
    let at = path_at(entry);
    let field = &mut entry[at..at + PATH_ROOM];
    // Sometimes without an end.
    field.fill(if dice.below(16) == 0 { b'x' } else { 0 });
    let len = path.len().min(PATH_ROOM);
    put(field, 0, &path.as_bytes()[..len]);
}

/// A file becomes a folder of the same name, or the other way round.
fn kind(entry: &mut [u8], dice: &mut Dice) {
    let from = path_at(entry);
    let path = entry[from..from + PATH_ROOM].to_vec();
    put32(entry, 8, dice.one_of(&[0, 0, 0, 1, 1, 1, 2, 3, 4]));
    let to = path_at(entry);
    put(entry, to, &path);
}

/// A simple map whose parts are aligned, and mostly where they may be.
fn extents(entry: &mut [u8], dice: &mut Dice) {
    let listed = 1 + dice.below(16);
    put32(entry, 120, 0);
    put32(entry, 128, u32::try_from(listed).unwrap());
    let mut held = 0;
    for i in 0..listed {
        let (offset, len) = (dice.units(), 2 * MIB * (1 + dice.below(2) as u64));
        put64(entry, 136 + i * 24, 0);
        put64(entry, 144 + i * 24, offset);
        put64(entry, 152 + i * 24, len);
        held += len;
    }
    put64(entry, 16, held - dice.below(3) as u64);
}

/// An interleaved map.
fn strips(entry: &mut [u8], dice: &mut Dice) {
    let strips: Vec<u64> = (0..=dice.below(17)).map(|_| dice.units()).collect();
    let chunk = dice.one_of(&[4096, 2 * MIB, 2 * MIB, 4 * MIB]);
    let size = 1 + dice.next() % (2 * MIB * strips.len() as u64);
    let path = entry[FILE_PATH..FILE_PATH + PATH_ROOM].to_vec();
    let mut made = interleaved_entry(b"", size, chunk, &strips[..strips.len().min(16)]);
    put64(&mut made, 136, strips.len() as u64);
    put(&mut made, FILE_PATH, &path);
    entry.copy_from_slice(&made);
}
