//! YAML from any source: its length and depth are bounded, and numbers are read as C reads them.

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, Visitor};
use std::fmt;
use thiserror::Error;

/// Why a text could not be read.
#[derive(Debug, Error)]
pub enum Error {
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    Utf8(#[source] std::str::Utf8Error),
    /// The text is not YAML of the wanted structure; the parser's own words.
    #[error("{0}")]
    Yaml(String),
}

/// Reads one document. The parser bounds aliases and depth.
///
/// # Errors
///
/// Returns an error if the text is not UTF-8 or does not have the structure of `T`.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(text).map_err(Error::Utf8)?;
    serde_saphyr::from_str(text).map_err(|e| Error::Yaml(e.to_string()))
}

/// A number as C reads it: decimal, `0x` hexadecimal, or octal with a leading 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub u64);

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // A sign is not one of these digits, though the parser would take it.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number such as 4096, 0x1000 or 0644")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                number(text)
                    .map(Number)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0", 0),
            ("7", 7),
            ("0644", 0o644),
            ("0x200000", 2 << 20),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse::<Number>(text.as_bytes()).unwrap().0, value, "{text}");
        }
        for text in [
            "",
            "-1",
            "+1",
            "08",
            "0x",
            "1.5",
            "18446744073709551616",
            "x",
        ] {
            assert!(parse::<Number>(text.as_bytes()).is_err(), "{text}");
        }
    }
}
