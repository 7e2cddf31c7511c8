//! What can be measured: a file on a DAX file system, or a DAX device itself.

mod command;
mod devdax;
mod famfs;
mod local;
mod mount;
mod namespace;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;

use self::devdax::Rebound;
use self::mount::Mounted;
use self::namespace::Converted;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Famfs,
    Ext4,
    Xfs,
    Devdax,
}

pub(crate) const ALL: [Kind; 4] = [Kind::Famfs, Kind::Ext4, Kind::Xfs, Kind::Devdax];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Famfs => "famfs",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Devdax => "devdax",
        }
    }

    /// Its place in [`ALL`].
    pub(crate) fn place(self) -> usize {
        ALL.iter().position(|kind| *kind == self).unwrap_or(0)
    }
}

/// `KIND`, to be made on the device, or `KIND:FILE`, there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    pub(crate) file: Option<PathBuf>,
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once(':') {
            Some((_, "")) => return Err(format!("`{text}` names no file")),
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let kind = ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("`{name}` is no target; there are famfs, ext4, xfs, devdax"))?;
        Ok(Self { kind, file })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())
    }
}

/// The sizes of mapping that one preparation can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sizes {
    Both,
    Pmd,
    Pte,
}

impl Sizes {
    pub(crate) fn wants(self, pmd: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Pmd => pmd,
            Self::Pte => !pmd,
        }
    }
}

/// A file ready to be measured; `close` undoes what made it so.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) file: PathBuf,
    /// Where famfs.ko counts this mount's faults.
    pub(crate) module_faults: Option<PathBuf>,
    pub(crate) sizes: Sizes,
    /// Why 4 KiB mappings cannot be had.
    pub(crate) no_pte: Option<String>,
    mounted: Option<Mounted>,
    rebound: Option<Rebound>,
    converted: Option<Converted>,
}

impl Prepared {
    fn of_file(file: PathBuf) -> Self {
        Self {
            file,
            module_faults: None,
            sizes: Sizes::Both,
            no_pte: None,
            mounted: None,
            rebound: None,
            converted: None,
        }
    }

    /// A device that faults by one size only: by which, and why not by 4 KiB if so.
    fn limit(&mut self, no_pte: Option<String>) {
        if no_pte.is_some() {
            self.sizes = Sizes::Pmd;
        }
        self.no_pte = no_pte;
    }

    pub(crate) fn close(self) -> Result<()> {
        self.mounted.map_or(Ok(()), Mounted::unmount)?;
        self.rebound.map_or(Ok(()), Rebound::put_back)?;
        self.converted.map_or(Ok(()), Converted::put_back)
    }
}

/// Why a target was not made: its tools or its device are not there, or something broke.
#[derive(Debug)]
pub(crate) enum Unready {
    Skip(String),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Unready {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// The preparations that it takes to show all sizes of mapping: a raw device faults by its
/// alignment only, so one that is made of pmem is made twice.
pub(crate) fn passes(spec: &Spec, device: Option<&Path>) -> &'static [Sizes] {
    let made = spec.file.is_none() && spec.kind == Kind::Devdax;
    if made && device.is_some_and(namespace::convertible) {
        &[Sizes::Pmd, Sizes::Pte]
    } else {
        &[Sizes::Both]
    }
}

/// Makes the file to measure, on `device`, whose content is destroyed, or takes the given one.
pub(crate) fn prepare(
    spec: &Spec,
    device: Option<&Path>,
    bytes: u64,
    sizes: Sizes,
) -> Result<Prepared, Unready> {
    if let Some(file) = &spec.file {
        let mut prepared = Prepared::of_file(file.clone());
        match spec.kind {
            Kind::Famfs => prepared.module_faults = famfs::counters(file),
            Kind::Devdax => prepared.limit(devdax::no_pte(file)),
            Kind::Ext4 | Kind::Xfs => {}
        }
        return Ok(prepared);
    }
    let device = device.ok_or_else(|| {
        Unready::Skip(format!(
            "no device to make {spec} on: say --device DEV --destroy"
        ))
    })?;
    mount::refuse_mounted(device)?;
    match spec.kind {
        Kind::Famfs => famfs::prepare(device, bytes),
        Kind::Ext4 => local::prepare(&local::EXT4, device, bytes),
        Kind::Xfs => local::prepare(&local::XFS, device, bytes),
        Kind::Devdax if sizes != Sizes::Both => devdax::convert(device, sizes),
        Kind::Devdax => devdax::prepare(device),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_kind_with_or_without_a_file() {
        let spec: Spec = "famfs:/mnt/a:b".parse().unwrap();
        assert_eq!(
            spec,
            Spec {
                kind: Kind::Famfs,
                file: Some("/mnt/a:b".into())
            }
        );
        assert_eq!(
            "xfs".parse(),
            Ok(Spec {
                kind: Kind::Xfs,
                file: None
            })
        );
        for wrong in ["", "btrfs", "famfs:", ":x"] {
            assert!(wrong.parse::<Spec>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_pmem_of_the_lab_is_made_a_raw_device_twice() {
        let devdax = Spec {
            kind: Kind::Devdax,
            file: None,
        };
        assert_eq!(passes(&devdax, Some(Path::new("/dev/null"))), [Sizes::Both]);
        assert_eq!(passes(&devdax, None), [Sizes::Both]);
        assert!(Sizes::Pmd.wants(true) && !Sizes::Pmd.wants(false));
        assert!(Sizes::Pte.wants(false) && !Sizes::Pte.wants(true));
    }

    #[test]
    fn a_kind_knows_its_place() {
        for (place, kind) in ALL.into_iter().enumerate() {
            assert_eq!(kind.place(), place);
        }
    }

    #[test]
    fn without_a_device_a_made_target_is_a_skip() {
        let spec = Spec {
            kind: Kind::Ext4,
            file: None,
        };
        assert!(matches!(
            prepare(&spec, None, 0, Sizes::Both),
            Err(Unready::Skip(_))
        ));
    }
}
