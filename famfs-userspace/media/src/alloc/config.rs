//! `.meta/.alloc.cfg`: how new files of a file system are spread, as upstream keeps it.

use serde::Deserialize;
use thiserror::Error;

use super::Interleave;
use crate::yaml::{self, Number};

/// The length of the longest file that is read, in bytes.
pub const LEN_MAX: usize = 64 << 10;

/// Why the file cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// It is longer than [`LEN_MAX`]; this is its length in bytes.
    #[error("{0} bytes are too many")]
    TooLong(usize),
    /// It is not YAML of this structure.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    interleaved_alloc: Spread,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spread {
    nbuckets: Number,
    nstrips: Number,
    chunk_size: Number,
}

/// Returns what the file asks for, or nothing if all three numbers are 0. Whether the device can
/// have it, [`Interleave::check`] says.
///
/// # Errors
///
/// Returns an error for a text that is too long or does not have this structure.
pub fn parse(text: &[u8]) -> Result<Option<Interleave>, Error> {
    if text.len() > LEN_MAX {
        return Err(Error::TooLong(text.len()));
    }
    let Config {
        interleaved_alloc: spread,
    } = yaml::parse(text)?;
    let interleave = Interleave {
        nstrips: spread.nstrips.0,
        nbuckets: spread.nbuckets.0,
        chunk_size: spread.chunk_size.0,
    };
    let off = Interleave {
        nstrips: 0,
        nbuckets: 0,
        chunk_size: 0,
    };
    Ok((interleave != off).then_some(interleave))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_users_write_it() {
        let text = b"---\ninterleaved_alloc:\n  nbuckets: 8\n  nstrips: 6\n  \
                     chunk_size: 0x200000\n...\n";
        let expected = Interleave {
            nstrips: 6,
            nbuckets: 8,
            chunk_size: 2 << 20,
        };
        assert_eq!(parse(text).unwrap(), Some(expected));
        let off = b"interleaved_alloc: {nbuckets: 0, nstrips: 0, chunk_size: 0}";
        assert_eq!(parse(off).unwrap(), None);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            &b""[..],
            b"interleaved_alloc:",
            b"interleaved_alloc: {nbuckets: 8, nstrips: 6}",
            b"interleaved_alloc: {nbuckets: 8, nstrips: 6, chunk_size: -1}",
            b"interleaved_alloc: {nbuckets: 8, nstrips: 6, chunk_size: 2M}",
            b"interleaved_alloc: {nbuckets: 8, nstrips: 6, chunk_size: 2, more: 1}",
            b"\xff\xfe",
            b"[[[[",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(matches!(
            parse(&vec![b'#'; LEN_MAX + 1]),
            Err(Error::TooLong(_))
        ));
    }
}
