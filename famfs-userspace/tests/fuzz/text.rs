//! Text that looks like what is read: lines, words and numbers are moved, not bytes.

use super::dice::{self, Dice};

/// Words and marks with a meaning in yaml, and the keys that are read.
const YAML: [&str; 40] = [
    "file:",
    "path:",
    "size:",
    "flags:",
    "mode:",
    "uid:",
    "gid:",
    "nextents:",
    "simple_ext_list:",
    "striped_ext_list:",
    "nstrips:",
    "chunk_size:",
    "devindex:",
    "offset:",
    "length:",
    "interleaved_alloc:",
    "nbuckets:",
    "- ",
    "  ",
    "\n",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "!!str ",
    "|\n",
    ">-\n",
    "# x\n",
    "---\n",
    "...\n",
    "null",
    "~",
];
const SIZES: [&str; 20] = [
    "0", "1", "9", "x", "X", "0x", "k", "K", "m", "M", "g", "T", "P", "E", "i", "B", "iB", ".",
    "-", " ",
];

/// What a text is made of.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Yaml,
    Size,
}

pub(crate) fn mutate(kind: Kind, input: &mut Vec<u8>, corpus: &[Vec<u8>], dice: &mut Dice) {
    let Ok(text) = std::str::from_utf8(input) else {
        return dice::mutate(input, corpus, dice);
    };
    let mut text = text.to_owned();
    for _ in 0..=dice.below(3) {
        match (kind, dice.below(8)) {
            (_, 0) => {
                let mut bytes = text.into_bytes();
                dice::mutate(&mut bytes, corpus, dice);
                *input = bytes;
                return;
            }
            (_, 1 | 2) => text = numbers(&text, dice),
            (Kind::Yaml, 3 | 4) => insert(&mut text, dice.one_of(&YAML), dice),
            (Kind::Size, 3..) => insert(&mut text, dice.one_of(&SIZES), dice),
            (Kind::Yaml, _) => text = lines(&text, corpus, dice),
        }
    }
    *input = text.into_bytes();
}

fn insert(text: &mut String, word: &str, dice: &mut Dice) {
    let mut at = dice.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.insert_str(at, word);
}

/// One of the numbers becomes another one, written in one of the ways there are.
fn numbers(text: &str, dice: &mut Dice) -> String {
    let starts: Vec<usize> = text
        .char_indices()
        .filter(|(at, c)| {
            let before = text[..*at].chars().next_back();
            c.is_ascii_digit() && !before.is_some_and(|b| b.is_ascii_alphanumeric())
        })
        .map(|(at, _)| at)
        .collect();
    if starts.is_empty() {
        return text.to_owned();
    }
    let start = dice.one_of(&starts);
    let rest = &text[start..];
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(rest.len());
    let number = dice.odd_number();
    let written = match dice.below(6) {
        0 => format!("{number:#x}"),
        1 => format!("0{number:o}"),
        2 => format!("-{number}"),
        3 => format!("{number}0"),
        4 => format!("{}", number % 20),
        _ => format!("{number}"),
    };
    format!("{}{written}{}", &text[..start], &rest[end..])
}

/// A line goes, comes twice, moves, or comes from elsewhere.
fn lines(text: &str, corpus: &[Vec<u8>], dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let at = dice.below(lines.len());
    match dice.below(6) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let line = lines.remove(at);
            lines.insert(dice.below(lines.len() + 1), line);
        }
        3 => lines[at].insert_str(0, dice.one_of(&["  ", " ", "- ", "\t"])),
        4 => {
            let spaces = lines[at].len() - lines[at].trim_start().len();
            lines[at].drain(..spaces);
        }
        _ => {
            let other = String::from_utf8_lossy(&corpus[dice.below(corpus.len())]).into_owned();
            let others: Vec<&str> = other.split('\n').collect();
            let from = dice.below(others.len());
            // A few lines that belong together.
            for line in others[from..].iter().take(1 + dice.below(4)) {
                lines.insert(at, (*line).to_owned());
            }
        }
    }
    lines.join("\n")
}

/// What a size says, worked out in another way than the program's: by its suffix first.
pub(crate) fn size_of(text: &str) -> Option<u64> {
    let powers = ["k", "m", "g", "t", "p"].iter().zip(1_u32..);
    let mut ways = vec![(String::new(), 1_u128)];
    for (letter, power) in powers {
        for letter in [(*letter).to_owned(), letter.to_uppercase()] {
            ways.push((format!("{letter}iB"), 1024_u128.pow(power)));
            ways.push((format!("{letter}B"), 1000_u128.pow(power)));
            ways.push((letter, 1024_u128.pow(power)));
        }
    }
    // No unit starts with a digit of any kind, so at most one way fits.
    ways.iter().find_map(|(suffix, factor)| {
        let digits = text.strip_suffix(suffix.as_str())?;
        let number = whole(digits)?;
        u64::try_from(number.checked_mul(*factor)?).ok()
    })
}

fn whole(digits: &str) -> Option<u128> {
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((digits, 10), |hex| (hex, 16));
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let octal = radix == 10 && digits.len() > 1 && digits.starts_with('0');
    if !plain || octal {
        return None;
    }
    u128::from_str_radix(digits, radix).ok()
}
