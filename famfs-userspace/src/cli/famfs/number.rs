//! Whole numbers, as upstream's tools read them: decimal, or hexadecimal behind `0x`.

use clap::builder::{TypedValueParser as _, ValueParser};

/// Parses a number. A leading zero would be octal for upstream: it is refused, like signs.
pub(super) fn parse(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let octal = radix == 10 && digits.len() > 1 && digits.starts_with('0');
    if octal || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

/// Takes numbers from 0 to `most`.
pub(super) fn up_to<T>(most: u32) -> ValueParser
where
    T: TryFrom<u32> + Clone + Send + Sync + 'static,
{
    let parser = clap::builder::StringValueParser::new().try_map(move |text| {
        parse(&text)
            .filter(|number| *number <= most)
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("a number from 0 to {most} is expected"))
    });
    ValueParser::new(parser)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn decimal_and_hexadecimal() {
        for (text, number) in [
            ("0", 0),
            ("42", 42),
            ("0x2a", 42),
            ("0X2A", 42),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in ["", "-1", "+1", "010", "0x", "0xg", "1k", " 1", "4294967296"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
