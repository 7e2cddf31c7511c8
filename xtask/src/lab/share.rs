//! The share of a deterministic guest on its way back: a tar archive in chunks.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
};

use anyhow::{Context, Result};

/// Collects the archive, then unpacks it. Nothing is written outside the folder, whatever the
/// archive says: `tar` refuses such entries.
#[derive(Debug, Default)]
pub(crate) struct Incoming(Option<File>);

impl Incoming {
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<()> {
        let file = match self.0.take() {
            Some(file) => file,
            None => tempfile::tempfile().context("cannot create a temporary file")?,
        };
        self.0
            .insert(file)
            .write_all(chunk)
            .context("cannot write a temporary file")
    }

    pub(crate) fn unpack(self, folder: &Path) -> Result<()> {
        let Some(mut file) = self.0 else {
            return Ok(());
        };
        file.rewind().context("cannot read a temporary file")?;
        let mut archive = tar::Archive::new(file);
        archive.set_preserve_mtime(false);
        archive
            .unpack(folder)
            .with_context(|| format!("cannot unpack the guest's share into {}", folder.display()))
    }
}
