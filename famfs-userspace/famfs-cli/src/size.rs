//! Sizes as people write and read them: one grammar for all commands.

/// Bytes of a KiB.
pub const KIB: u64 = 1 << 10;
/// Bytes of a MiB.
pub const MIB: u64 = 1 << 20;
/// Bytes of a GiB.
pub const GIB: u64 = 1 << 30;

/// The units of the texts, each 1024 times the one before.
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Returns the bytes that a text such as `4096`, `0x1000`, `64M`, `64MiB` or `64MB` means.
///
/// A letter alone and `KiB` and its like are powers of 1024; `KB` and its like are powers of 1000.
///
/// # Errors
///
/// Returns what is wrong with any other text, and with a size that does not fit in 64 bits.
pub fn parse(text: &str) -> Result<u64, String> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (text, 10),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (number, unit) = digits.split_at(end);
    if number.is_empty() {
        return Err("a size starts with a number, such as 64MiB".to_owned());
    }
    if radix == 10 && number.len() > 1 && number.starts_with('0') {
        return Err("a leading 0 may be meant as octal; leave it out".to_owned());
    }
    let number = u64::from_str_radix(number, radix).map_err(|_overflow| too_large())?;
    number.checked_mul(factor(unit)?).ok_or_else(too_large)
}

fn factor(unit: &str) -> Result<u64, String> {
    const POWERS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    let mut chars = unit.chars();
    let Some(letter) = chars.next() else {
        return Ok(1);
    };
    let base: u64 = match chars.as_str() {
        "" | "iB" => 1024,
        "B" => 1000,
        _ => return Err(unknown(unit)),
    };
    let power = POWERS
        .iter()
        .zip(1..)
        .find(|(p, _)| p.eq_ignore_ascii_case(&letter));
    power
        .map(|(_, exponent)| base.pow(exponent))
        .ok_or_else(|| unknown(unit))
}

fn unknown(unit: &str) -> String {
    format!("{unit:?} is no unit; K, KiB, KB, and the same with M, G, T and P are")
}

fn too_large() -> String {
    "more than 64 bits hold".to_owned()
}

/// Returns a size in the largest unit that divides it, so that nothing is rounded.
pub fn exact(bytes: u64) -> String {
    let mut unit = "bytes";
    let mut whole = bytes;
    for next in UNITS {
        if whole == 0 || !whole.is_multiple_of(1024) {
            break;
        }
        whole /= 1024;
        unit = next;
    }
    format!("{whole} {unit}")
}

/// Returns a size in the largest unit that it has one of, with two digits behind the point, which are cut
/// off; whole numbers stay whole.
pub fn human(bytes: u64) -> String {
    let mut shift = 0;
    let mut unit = "bytes";
    for next in UNITS {
        if bytes >> (shift + 10) == 0 {
            break;
        }
        shift += 10;
        unit = next;
    }
    let whole = bytes >> shift;
    let rest = bytes - (whole << shift);
    if rest == 0 {
        return format!("{whole} {unit}");
    }
    let hundredths = (u128::from(rest) * 100) >> shift;
    format!("{whole}.{hundredths:02} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_they_say() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("4096", 4096),
            ("4k", 4096),
            ("10MB", 10_000_000),
            ("10MiB", 10 << 20),
            ("10M", 10 << 20),
            ("10m", 10 << 20),
            ("1T", 1 << 40),
            ("2GiB", 2 << 30),
            ("3g", 3 << 30),
            ("1kB", 1000),
            ("16383P", 16383 << 50),
            ("0x200000", 2 << 20),
            ("0x10K", 16 << 10),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn exact_sizes_are_in_their_largest_whole_unit() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (4097, "4097 bytes"),
            (64 * MIB, "64 MiB"),
            (3 * GIB, "3 GiB"),
            (GIB + MIB, "1025 MiB"),
            (1 << 60, "1 EiB"),
            (u64::MAX, "18446744073709551615 bytes"),
        ] {
            assert_eq!(exact(bytes), text);
        }
    }

    #[test]
    fn human_sizes_have_two_digits_behind_the_point() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.50 KiB"),
            (10 << 20, "10 MiB"),
            ((2 << 30) + (1 << 29), "2.50 GiB"),
            (u64::MAX, "15.99 EiB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            " ",
            "M",
            "-1",
            "+1",
            "1 M",
            "1.5G",
            "1e3",
            "10B",
            "10Mb",
            "10MIB",
            "10i",
            "1X",
            "010",
            "0x",
            "0xg",
            "16384P",
            "18446744073709551616",
            "1MM",
            "1M ",
            "1µ",
            "٣",
        ] {
            assert!(parse(text).is_err(), "{text:?} is {:?}", parse(text));
        }
    }
}
