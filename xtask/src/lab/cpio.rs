//! An initramfs being written: files, folders and links owned by root.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Result};
use cpio::newc::{Builder, ModeFileType, trailer};

/// Writes entries in order; parents are created before their children.
#[derive(Debug)]
pub(crate) struct Archive<W: Write> {
    to: Option<W>,
    folders: BTreeSet<String>,
    next_ino: u32,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(to: W) -> Self {
        Self {
            to: Some(to),
            folders: BTreeSet::new(),
            next_ino: 1,
        }
    }

    pub(crate) fn folder(&mut self, path: &str) -> io::Result<()> {
        self.parents(path)?;
        if self.folders.insert(path.to_owned()) {
            self.entry(path, ModeFileType::Directory, 0o755, &[])?;
        }
        Ok(())
    }

    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.parents(path)?;
        self.entry(path, ModeFileType::Regular, mode, content)
    }

    pub(crate) fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.parents(path)?;
        self.entry(path, ModeFileType::Symlink, 0o777, target.as_bytes())
    }

    /// Copies a file of the host, with its permissions.
    pub(crate) fn copy(&mut self, path: &str, from: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        let mode = fs::metadata(from)
            .with_context(|| format!("cannot read {}", from.display()))?
            .permissions()
            .mode();
        self.file(path, mode & 0o7777, &content)
            .context("cannot write the initramfs")
    }

    /// Copies a folder of the host with all that is in it; special files are left out.
    pub(crate) fn copy_tree(&mut self, path: &str, from: &Path) -> Result<()> {
        self.folder(path).context("cannot write the initramfs")?;
        let mut entries = fs::read_dir(from)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .with_context(|| format!("cannot list {}", from.display()))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let inside = format!("{path}/{}", utf8(entry.file_name().as_ref())?);
            let kind = entry.file_type().context("cannot read a file type")?;
            if kind.is_dir() {
                self.copy_tree(&inside, &entry.path())?;
            } else if kind.is_file() {
                self.copy(&inside, &entry.path())?;
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).context("cannot read a link")?;
                self.link(&inside, utf8(&target)?)?;
            }
        }
        Ok(())
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let mut to = trailer(self.take())?;
        to.flush()
    }

    fn parents(&mut self, path: &str) -> io::Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) if !parent.is_empty() => self.folder(parent),
            _ => Ok(()),
        }
    }

    fn entry(
        &mut self,
        path: &str,
        kind: ModeFileType,
        mode: u32,
        content: &[u8],
    ) -> io::Result<()> {
        let size = u32::try_from(content.len()).map_err(|_overflow| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{path}: over 4 GiB"))
        })?;
        let header = Builder::new(path.trim_start_matches('/'))
            .ino(self.next_ino)
            .nlink(1)
            .mode(mode)
            .set_mode_file_type(kind);
        self.next_ino += 1;
        let mut entry = header.write(self.take(), size);
        entry.write_all(content)?;
        self.to = Some(entry.finish()?);
        Ok(())
    }

    fn take(&mut self) -> W {
        self.to
            .take()
            .expect("the writer is put back after every entry")
    }
}

/// The archive's names are text; one that is not would come back as another file.
fn utf8(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{}: not UTF-8; rename it", path.display()))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn a_name_that_is_not_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(OsStr::from_bytes(b"odd\xff")), "x").unwrap();
        let mut archive = Archive::new(Vec::new());
        let error = archive.copy_tree("/share", folder.path()).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }

    #[test]
    fn parents_come_once_and_first() {
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes);
        archive.file("/a/b/one", 0o644, b"1").unwrap();
        archive.file("/a/b/two", 0o755, b"22").unwrap();
        archive.link("/a/three", "b/one").unwrap();
        archive.finish().unwrap();

        let mut names = Vec::new();
        let mut rest = bytes.as_slice();
        loop {
            let reader = cpio::newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push((reader.entry().name().to_owned(), reader.entry().file_size()));
            rest = reader.finish().unwrap();
        }
        let expected = [
            ("a", 0),
            ("a/b", 0),
            ("a/b/one", 1),
            ("a/b/two", 2),
            ("a/three", 5),
        ];
        assert_eq!(names, expected.map(|(name, size)| (name.to_owned(), size)));
    }
}
