//! What a host sees in its mount, and what it should see.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::stream;

/// Where the tests mount.
pub(crate) const MOUNT: &str = "/mnt/famfs";

/// Prints kind, size and name of everything in the mount, and each file's CRC-32.
pub(crate) const SCRIPT: &str = "cd /mnt/famfs && \
     find . -name .meta -prune -o -exec stat -c '%F|%s|%n' {} + && echo '--' && \
     find . -name .meta -prune -o -type f -exec crc32 {} +";

/// A name of the mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Folder,
    File { size: u64, crc: u32 },
}

impl Thing {
    /// A file with the contents that a seed makes.
    pub(crate) fn seeded(size: usize, seed: u32) -> Self {
        Self::of(&stream::bytes(seed, size))
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::File {
            size: bytes.len() as u64,
            crc: stream::crc(bytes),
        }
    }
}

/// Names below the mount point, without those of `.meta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(pub BTreeMap<String, Thing>);

impl Names {
    pub(crate) fn add(&mut self, name: &str, thing: Thing) {
        self.0.insert(name.to_owned(), thing);
    }

    pub(crate) fn with(&self, more: &[(String, Thing)]) -> Self {
        let mut all = self.clone();
        all.0.extend(more.iter().cloned());
        all
    }

    /// Understands what [`SCRIPT`] prints.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (stats, sums) = text
            .split_once("--\n")
            .with_context(|| format!("not a list of names: {text:?}"))?;
        let mut crcs = BTreeMap::new();
        for line in sums.lines() {
            let (crc, name) = line
                .split_once(' ')
                .with_context(|| format!("not a checksum: {line:?}"))?;
            let crc = u32::from_str_radix(crc, 16)
                .with_context(|| format!("not a checksum: {line:?}"))?;
            crcs.insert(name.trim(), crc);
        }
        let mut names = Self::default();
        for line in stats.lines() {
            let mut parts = line.splitn(3, '|');
            let (Some(kind), Some(size), Some(name)) = (parts.next(), parts.next(), parts.next())
            else {
                bail!("not a name: {line:?}");
            };
            let thing = match (kind, crcs.remove(name)) {
                ("directory", None) => Thing::Folder,
                (kind, Some(crc)) if kind.starts_with("regular") => Thing::File {
                    size: size.parse().with_context(|| format!("no size: {line:?}"))?,
                    crc,
                },
                _ => bail!("neither a folder nor a file that could be read: {line:?}"),
            };
            if let Some(name) = name.strip_prefix("./") {
                names.add(name, thing);
            }
        }
        if !crcs.is_empty() {
            bail!("checksums without a name: {crcs:?}");
        }
        Ok(names)
    }

    /// Fails with each difference.
    pub(crate) fn must_be(&self, wanted: &Self, who: &str) -> Result<()> {
        if self == wanted {
            return Ok(());
        }
        let mut wrong = Vec::new();
        for (name, thing) in &wanted.0 {
            match self.0.get(name) {
                None => wrong.push(format!("{name} is missing")),
                Some(found) if found != thing => {
                    wrong.push(format!("{name} is {found:?} instead of {thing:?}"));
                }
                Some(_) => {}
            }
        }
        for name in self.0.keys().filter(|name| !wanted.0.contains_key(*name)) {
            wrong.push(format!("{name} should not be there"));
        }
        bail!("{who} sees: {}", wrong.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "directory|0|.\ndirectory|0|./d\nregular file|4096|./d/one\n--\n\
                        44186b6f ./d/one\n";

    #[test]
    fn a_list_is_understood() {
        let names = Names::parse(TEXT).unwrap();
        let wanted = Names::default().with(&[
            ("d".into(), Thing::Folder),
            ("d/one".into(), Thing::seeded(4096, 1)),
        ]);
        names.must_be(&wanted, "host").unwrap();
        assert_eq!(
            Names::parse("directory|0|.\n--\n").unwrap(),
            Names::default()
        );
    }

    #[test]
    fn every_difference_is_named() {
        let names = Names::parse(TEXT).unwrap();
        let wanted = Names::default().with(&[
            ("d/one".into(), Thing::seeded(4096, 2)),
            ("two".into(), Thing::Folder),
        ]);
        let error = names.must_be(&wanted, "host").unwrap_err().to_string();
        for part in ["d should not be there", "d/one is File", "two is missing"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            "--",
            "regular file|1|./a\n--\n",
            "--\n44186b6f ./a\n",
            "fifo|0|./a\n--\n",
            "regular file|x|./a\n--\n44186b6f ./a\n",
            "regular file|1|./a\n--\nxyz ./a\n",
        ] {
            assert!(Names::parse(text).is_err(), "{text:?}");
        }
    }
}
