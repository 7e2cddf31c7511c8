//! What a file still allows once a page of it is poisoned.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use serde::Serialize;

use super::map_page;
use crate::guard::{self, Outcome};
use crate::workload::map::Mapping;
use crate::workload::{PAGE, touch};

/// `ok`, an errno's name, or `SIGBUS` and its code, for each way in.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct After {
    pub(super) stat: String,
    pub(super) open: String,
    pub(super) read: String,
    pub(super) write: String,
    pub(super) mmap: String,
    /// Touching the poisoned page through a mapping made before.
    pub(super) fault: String,
    /// Touching another page of the file through a mapping made before.
    pub(super) fault_elsewhere: Option<String>,
}

impl After {
    pub(super) fn human(&self) -> String {
        let elsewhere = self.fault_elsewhere.as_deref().unwrap_or("no other page");
        let mut text = String::new();
        for (what, met) in [
            ("stat", self.stat.as_str()),
            ("open", &self.open),
            ("read", &self.read),
            ("write", &self.write),
            ("mmap", &self.mmap),
            ("touch, mapped before", &self.fault),
            ("touch of another page", elsewhere),
        ] {
            let _ = writeln!(text, "  {what:<22} {met}");
        }
        text
    }
}

/// What a process had in its hands before the poison.
pub(super) struct Held<'a> {
    path: PathBuf,
    file: &'a File,
    page: u64,
    byte: u8,
    mapping: Mapping,
    elsewhere: Option<Mapping>,
}

impl<'a> Held<'a> {
    pub(super) fn of(path: &Path, file: &'a File, page: u64) -> Result<Self> {
        let named = || format!("cannot read {} before the poison", path.display());
        let mut byte = [0];
        file.read_exact_at(&mut byte, page).with_context(named)?;
        let other = other_page(file.metadata().with_context(named)?.len(), page);
        let mapping = map_page(file, page).with_context(named)?;
        let elsewhere = other
            .map(|page| map_page(file, page))
            .transpose()
            .with_context(named)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            page,
            byte: byte[0],
            mapping,
            elsewhere,
        })
    }

    /// Tries each way in, once.
    pub(super) fn look(&self) -> Result<After> {
        let open = OpenOptions::new().read(true).open(&self.path);
        let read = self.file.read_exact_at(&mut [0], self.page);
        let write = self.file.write_all_at(&[self.byte], self.page);
        let mmap = map_page(self.file, self.page);
        Ok(After {
            stat: said(std::fs::metadata(&self.path)),
            open: said(open),
            read: said(read),
            write: said(write),
            mmap: said(mmap.map_err(io::Error::from)),
            fault: touched(&self.mapping)?,
            fault_elsewhere: self.elsewhere.as_ref().map(touched).transpose()?,
        })
    }
}

/// A page 2 MiB away if the file has one, so that it is not part of the same PMD; else a
/// neighbour, else none.
fn other_page(size: u64, page: u64) -> Option<u64> {
    const PMD: u64 = 2 << 20;
    const STEP: u64 = PAGE as u64;
    [
        page.checked_add(PMD),
        page.checked_sub(PMD),
        page.checked_add(STEP),
        page.checked_sub(STEP),
    ]
    .into_iter()
    .flatten()
    .find(|&at| at < size)
}

fn said<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(error) => match error.raw_os_error() {
            Some(number) => format!("{:?}", Errno::from_raw(number)),
            None => error.to_string(),
        },
    }
}

fn touched(mapping: &Mapping) -> Result<String> {
    let outcome = guard::run(|| {
        touch::read_each(mapping, PAGE, PAGE);
        Ok(0)
    })?;
    Ok(match outcome {
        Outcome::Done(Ok(_)) => "ok".into(),
        Outcome::Done(Err(errno)) => format!("{errno:?}"),
        Outcome::Bus(bus) => format!("SIGBUS {}", bus.code_name()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_page_is_in_another_pmd_where_there_is_one() {
        assert_eq!(other_page(4 << 20, 4096), Some((2 << 20) + 4096));
        assert_eq!(other_page(4 << 20, 3 << 20), Some(1 << 20));
        assert_eq!(other_page(8192, 0), Some(4096));
        assert_eq!(other_page(8192, 4096), Some(0));
        assert_eq!(other_page(4096, 0), None);
    }

    #[test]
    fn a_healthy_file_allows_everything() {
        let temp = tempfile::NamedTempFile::new().unwrap();
        temp.as_file().set_len(8192).unwrap();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(temp.path())
            .unwrap();
        let after = Held::of(temp.path(), &file, 0).unwrap().look().unwrap();
        for met in [
            &after.stat,
            &after.open,
            &after.read,
            &after.write,
            &after.mmap,
            &after.fault,
        ] {
            assert_eq!(met, "ok");
        }
        assert_eq!(after.fault_elsewhere.as_deref(), Some("ok"));
        assert_eq!(after.human().lines().count(), 7);
    }

    #[test]
    fn errors_go_by_their_name() {
        assert_eq!(
            said::<()>(Err(io::Error::from_raw_os_error(libc::ENODEV))),
            "ENODEV"
        );
    }
}
