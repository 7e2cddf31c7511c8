//! Byte counts as people write them: 4096, 64K, 2M, 1G.

pub(crate) const KIB: u64 = 1 << 10;
pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

/// Parses a count with an optional binary suffix.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], KIB),
        Some((at, 'm' | 'M')) => (&text[..at], MIB),
        Some((at, 'g' | 'G')) => (&text[..at], GIB),
        _ => (text, 1),
    };
    let number: u64 = digits
        .parse()
        .ok()
        .ok_or_else(|| format!("`{text}` is no byte count; write 4096, 64K, 2M or 1G"))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| format!("`{text}` is more bytes than 64 bits count"))
}

/// The count in the largest unit that divides it.
pub(crate) fn show(bytes: u64) -> String {
    for (unit, name) in [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_binary() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("64k"), Ok(65_536));
        assert_eq!(parse("2M"), Ok(2_097_152));
        assert_eq!(parse("1G"), Ok(1_073_741_824));
    }

    #[test]
    fn nonsense_and_overflow_are_refused() {
        for text in [
            "",
            "M",
            "-1",
            "1.5M",
            "1T",
            "0x10",
            "é",
            "99999999999999999999",
            "18446744073709551615K",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_read_back_in_their_largest_whole_unit() {
        assert_eq!(show(64 * MIB), "64 MiB");
        assert_eq!(show(3 * GIB), "3 GiB");
        assert_eq!(show(4097), "4097 bytes");
        assert_eq!(show(0), "0 bytes");
    }
}
