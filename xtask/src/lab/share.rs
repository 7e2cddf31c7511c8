//! The share of a deterministic guest on its way back: a tar archive in chunks.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
};

use anyhow::{Context, Result, ensure};

/// More than any guest's memory holds; a sparse file may pretend otherwise.
const LIMIT: u64 = 4 << 30;

/// Collects the archive, then unpacks it. Nothing is written outside the folder, whatever the
/// archive says: `tar` refuses such entries.
#[derive(Debug, Default)]
pub(crate) struct Incoming(Option<File>, u64);

impl Incoming {
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.1 += chunk.len() as u64;
        ensure!(
            self.1 <= LIMIT,
            "what the guest has in /share is over {} GiB",
            LIMIT >> 30
        );
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

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(write: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Incoming {
        let mut builder = tar::Builder::new(Vec::new());
        write(&mut builder);
        let mut incoming = Incoming::default();
        for chunk in builder.into_inner().unwrap().chunks(100) {
            incoming.push(chunk).unwrap();
        }
        incoming
    }

    /// An entry with a name or a target that the builder itself would refuse.
    fn entry(builder: &mut tar::Builder<Vec<u8>>, name: &str, target: Option<&str>, data: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        if let Some(target) = target {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_link_name(target).unwrap();
        }
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }

    #[test]
    fn files_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let incoming = archive(|builder| entry(builder, "./a, b", None, b"content"));
        incoming.unpack(folder.path()).unwrap();
        let content = std::fs::read(folder.path().join("a, b")).unwrap();
        assert_eq!(content, b"content");
    }

    #[test]
    fn nothing_is_written_outside_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("share");
        std::fs::create_dir(&folder).unwrap();
        let _ = archive(|builder| entry(builder, "../up", None, b"x")).unpack(&folder);
        let through = archive(|builder| {
            entry(builder, "link", Some(".."), b"");
            entry(builder, "link/through", None, b"x");
        });
        assert!(through.unpack(&folder).is_err());
        let names: Vec<_> = std::fs::read_dir(outer.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["share"]);
    }
}
