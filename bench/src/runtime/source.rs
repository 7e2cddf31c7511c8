//! A file to copy, whose every page says which one it is.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::workload::PAGE;
use crate::workload::map::{Mapping, Placement, Request};

/// Written by one call: what a file system with large folios makes one of.
const AT_ONCE: usize = 2 << 20;
const WORD: usize = size_of::<u64>();
/// A stride that no page is a multiple of: no two pages hold the same.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Writes `bytes`, a multiple of the page size.
pub(super) fn write(path: &Path, bytes: u64) -> Result<()> {
    let mut page = [0; PAGE];
    for (byte, value) in page.iter_mut().zip((0..251).cycle()) {
        *byte = value;
    }
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut out = BufWriter::with_capacity(AT_ONCE, file);
    let written = (0..bytes / PAGE as u64).try_for_each(|number| {
        let word = stamp(number);
        page[..WORD].copy_from_slice(&word);
        page[PAGE - WORD..].copy_from_slice(&word);
        out.write_all(&page)
    });
    written
        .and_then(|()| out.flush())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Fails unless every page of `path` begins and ends as the source's does.
pub(super) fn check(path: &Path, bytes: u64) -> Result<()> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let found = file.metadata()?.len();
    ensure!(
        found == bytes,
        "{} has {found} bytes, not {bytes}",
        path.display()
    );
    let mapping = Mapping::new(
        &file,
        Request {
            offset: 0,
            len: usize::try_from(bytes)?,
            placement: Placement::Aligned,
            private: false,
            writable: false,
        },
    )
    .with_context(|| format!("cannot map {}", path.display()))?;
    for (number, at) in (0..mapping.len()).step_by(PAGE).enumerate() {
        let word = stamp(number as u64);
        for at in [at, at + PAGE - WORD] {
            let from = mapping
                .base()
                .as_ptr()
                .wrapping_add(at)
                .cast::<[u8; WORD]>();
            // SAFETY: a page begins within the mapping and so ends within it; bytes need no
            // alignment.
            let found = unsafe { from.read_volatile() };
            ensure!(
                found == word,
                "page {number} of {} is not the source's",
                path.display()
            );
        }
    }
    Ok(())
}

fn stamp(number: u64) -> [u8; WORD] {
    (number + 1).wrapping_mul(SEED).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn a_page_that_is_not_there_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("source");
        write(&path, 3 * PAGE as u64).unwrap();
        check(&path, 3 * PAGE as u64).unwrap();
        check(&path, 4 * PAGE as u64).unwrap_err();
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&[0], 2 * PAGE as u64 - 1).unwrap();
        let error = check(&path, 3 * PAGE as u64).unwrap_err().to_string();
        assert!(error.starts_with("page 1 of"), "{error}");
    }
}
