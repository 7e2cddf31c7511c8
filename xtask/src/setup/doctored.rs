//! A package index that is changed on purpose, to see what happens when the archive drops or
//! replaces a kernel. Two variables of the environment do it:
//!
//! * `FAMFS_LAB_HIDE`: words, separated by commas; packages whose name has one are not offered.
//! * `FAMFS_LAB_DEBS`: a folder of `.deb` files that are offered besides.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

const HIDE: &str = "FAMFS_LAB_HIDE";
const DEBS: &str = "FAMFS_LAB_DEBS";

/// What is hidden and what is added; usually nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doctored {
    hide: Vec<String>,
    debs: Option<PathBuf>,
}

impl Doctored {
    pub(crate) fn from_env() -> Result<Self> {
        let hide = std::env::var(HIDE).unwrap_or_default();
        let debs = std::env::var_os(DEBS)
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from);
        if let Some(folder) = debs.as_ref().filter(|folder| !folder.is_dir()) {
            bail!("{DEBS}={}: not a folder", folder.display());
        }
        Ok(Self {
            hide: words(&hide),
            debs,
        })
    }

    /// What to say about it, if there is something.
    pub(crate) fn describe(&self) -> Option<String> {
        let key = self.key();
        (!key.is_empty()).then(|| format!("the package index is changed by {key}"))
    }

    /// Equal for equal changes, and empty for none.
    pub(crate) fn key(&self) -> String {
        let mut parts = Vec::new();
        if !self.hide.is_empty() {
            parts.push(format!("{HIDE}={}", self.hide.join(",")));
        }
        if let Some(folder) = &self.debs {
            parts.push(format!("{DEBS}={}", folder.display()));
        }
        parts.join(" ")
    }

    /// The names that are offered, given those of the archive.
    pub(crate) fn names(&self, archive: Vec<String>) -> Vec<String> {
        let is_hidden = |name: &String| self.hide.iter().any(|word| name.contains(word.as_str()));
        let added = self.files().into_iter().filter_map(|file| package(&file));
        archive
            .into_iter()
            .filter(|name| !is_hidden(name))
            .chain(added)
            .collect()
    }

    /// The added file that is this package.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        let mut files = self.files().into_iter();
        files.find(|file| package(file).as_deref() == Some(name))
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = self.debs.as_ref().map(std::fs::read_dir);
        let entries = entries.into_iter().flatten().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The name that a file's name begins with: `NAME_VERSION_ARCHITECTURE.deb`.
fn package(file: &Path) -> Option<String> {
    let stem = file.file_name()?.to_str()?.strip_suffix(".deb")?;
    let (name, _) = stem.split_once('_')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hidden_and_added() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("linux-headers-7.4.1_1_amd64.deb");
        std::fs::write(&file, "").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let doctored = Doctored {
            hide: words(" +deb12, -7.3. ,,"),
            debs: Some(folder.path().to_owned()),
        };
        let names = ["a-6.12.95+deb12-amd64", "a-7.3.4", "a-7.2.1"].map(str::to_owned);
        assert_eq!(
            doctored.names(names.to_vec()),
            ["a-7.2.1", "linux-headers-7.4.1"]
        );
        assert_eq!(doctored.file("linux-headers-7.4.1"), Some(file));
        assert_eq!(doctored.file("linux-headers-7.4"), None);
        assert!(doctored.key().starts_with("FAMFS_LAB_HIDE=+deb12,-7.3. "));
        assert_eq!(Doctored::default().names(names.to_vec()), names);
        assert_eq!(Doctored::default().describe(), None);
    }
}
