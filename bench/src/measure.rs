//! The measurement of one file: four kinds of fault, each round through a fresh mapping.

use std::fs::{File, OpenOptions};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::cli::Access;
use crate::result::{Faults, Geometry, ModuleFaults, Scenario};
use crate::stats::{self, Summary};
use crate::sys;
use crate::target::Prepared;
use crate::workload::map::{Mapping, Placement, Request};
use crate::workload::{PAGE, PMD, clock, mark, touch};

/// What one row of the result is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    pmd: bool,
    access: Access,
}

const KINDS: [Kind; 4] = [
    Kind {
        pmd: true,
        access: Access::Write,
    },
    Kind {
        pmd: true,
        access: Access::Read,
    },
    Kind {
        pmd: false,
        access: Access::Write,
    },
    Kind {
        pmd: false,
        access: Access::Read,
    },
];

const FIRST: &str = "first";
const STEADY: &str = "steady";

impl Kind {
    fn id(self, target: &str, phase: &str) -> String {
        let size = if self.pmd { "pmd" } else { "pte" };
        let access = if self.access == Access::Write {
            "write"
        } else {
            "read"
        };
        format!("{target}/{size}/{access}/{phase}")
    }

    fn stride(self) -> usize {
        if self.pmd { PMD } else { PAGE }
    }

    fn touches(self, geometry: Geometry) -> usize {
        if self.pmd {
            geometry.pmd_touches
        } else {
            geometry.pte_touches
        }
    }
}

/// Room for one row's times, made before anything is timed.
struct Row {
    kind: Kind,
    phase: &'static str,
    times: Vec<u64>,
    filled: usize,
    unmap: u64,
    faults: Faults,
}

impl Row {
    fn new(kind: Kind, phase: &'static str, geometry: Geometry, reps: u32) -> Self {
        // One, not zero: an untouched page of zeros would be faulted in while measuring.
        let times = vec![1; kind.touches(geometry) * reps as usize];
        let faults = Faults {
            touches: 0,
            minor: 0,
            later: 0,
            module: None,
        };
        Self {
            kind,
            phase,
            times,
            filled: 0,
            unmap: 0,
            faults,
        }
    }

    fn finish(self, target: &str) -> Result<Scenario> {
        let id = self.kind.id(target, self.phase);
        let unexpected = unexpected(self.kind, self.faults);
        Ok(Scenario {
            times: Summary::of(&self.times).with_context(|| id.clone())?,
            hdr: stats::hdr(&self.times)?,
            sha256: stats::fingerprint(&self.times),
            unmap: self.unmap / self.faults.touches.max(1),
            faults: self.faults,
            unexpected,
            id,
        })
    }
}

/// Measures a prepared file, in the order PMD write, PMD read, PTE write, PTE read.
pub(crate) fn file(name: &str, prepared: &Prepared, geometry: Geometry) -> Result<Vec<Scenario>> {
    let path = &prepared.file;
    let file = open(path, geometry.file_bytes)?;
    let kinds = KINDS
        .into_iter()
        .filter(|kind| prepared.sizes.wants(kind.pmd));
    let mut rows: Vec<_> = kinds
        .flat_map(|kind| {
            [
                Row::new(kind, FIRST, geometry, 1),
                Row::new(kind, STEADY, geometry, geometry.reps - 1),
            ]
        })
        .collect();
    sys::lock_memory();
    for rep in 0..geometry.reps {
        let phase = if rep == 0 { FIRST } else { STEADY };
        for row in rows.iter_mut().filter(|row| row.phase == phase) {
            measure(&file, row, geometry, prepared.module_faults.as_deref())
                .with_context(|| format!("cannot measure {}", path.display()))?;
        }
    }
    rows.into_iter().map(|row| row.finish(name)).collect()
}

fn open(path: &Path, bytes: u64) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let metadata = file.metadata()?;
    ensure!(
        !metadata.is_file() || metadata.len() >= bytes,
        "{} has {} bytes, measuring needs {bytes}: make it larger or say --size",
        path.display(),
        metadata.len()
    );
    Ok(file)
}

/// One round of one row: map, touch, look whether anything was left to fault, unmap.
fn measure(file: &File, row: &mut Row, geometry: Geometry, counters: Option<&Path>) -> Result<()> {
    let (kind, touches) = (row.kind, row.kind.touches(geometry));
    let request = Request {
        offset: 0,
        len: touches * kind.stride(),
        placement: if kind.pmd {
            Placement::Aligned
        } else {
            Placement::Skewed
        },
        private: false,
        writable: kind.access == Access::Write,
    };
    let mut mapping = Mapping::new(file, request).context("cannot map it")?;
    let module_before = counters.map(read_counters).transpose()?;
    let times = &mut row.times[row.filled..row.filled + touches];

    mark::row(kind.pmd, kind.access, row.phase == STEADY);
    let before = sys::minor_faults();
    touch::timed(&mapping, kind.stride(), kind.access, times);
    let between = sys::minor_faults();
    touch::read_each(&mapping, PAGE, request.len);
    let after = sys::minor_faults();

    let module_after = counters.map(read_counters).transpose()?;
    mark::unmap();
    let begin = clock::now();
    mapping.unmap_file().context("cannot unmap it")?;
    let end = clock::now();
    mark::end();
    row.unmap += end.wrapping_sub(begin);

    row.filled += touches;
    row.faults.touches += touches as u64;
    row.faults.minor += between.saturating_sub(before);
    row.faults.later += after.saturating_sub(between);
    if let (Some(before), Some(after)) = (module_before, module_after) {
        let new = after.since(before);
        row.faults.module = Some(row.faults.module.map_or(new, |sum| sum.plus(new)));
    }
    Ok(())
}

fn read_counters(path: &Path) -> Result<ModuleFaults> {
    let line =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    ModuleFaults::parse(&line)
        .with_context(|| format!("{} does not read pte=N pmd=N …: {line:?}", path.display()))
}

/// Every touch must fault once, nothing may be left to fault, and famfs.ko must agree.
fn unexpected(kind: Kind, faults: Faults) -> Vec<String> {
    let mut found = Vec::new();
    let mut expect = |what: &str, got: u64, wanted: u64| {
        if got != wanted {
            found.push(format!("{what} {got}, not {wanted}"));
        }
    };
    expect("minor faults", faults.minor, faults.touches);
    expect("faults of a later touch of every page", faults.later, 0);
    if let Some(module) = faults.module {
        let (pmd, pte) = if kind.pmd {
            (faults.touches, 0)
        } else {
            (0, faults.touches)
        };
        expect("PMD faults in the module", module.pmd, pmd);
        expect("PTE faults in the module", module.pte, pte);
        expect("refused faults", module.refused, 0);
        if kind.pmd {
            expect("fallbacks", module.fallback, 0);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Sizes;

    const PMD_READ: Kind = Kind {
        pmd: true,
        access: Access::Read,
    };
    const PTE_READ: Kind = Kind {
        pmd: false,
        access: Access::Read,
    };

    fn faults(minor: u64, later: u64, module: Option<ModuleFaults>) -> Faults {
        Faults {
            touches: 32,
            minor,
            later,
            module,
        }
    }

    #[test]
    fn the_right_counts_raise_nothing() {
        assert!(unexpected(PMD_READ, faults(32, 0, None)).is_empty());
        let module = ModuleFaults {
            pmd: 32,
            ..ModuleFaults::default()
        };
        assert!(unexpected(PMD_READ, faults(32, 0, Some(module))).is_empty());
        let module = ModuleFaults {
            pte: 32,
            fallback: 2,
            ..ModuleFaults::default()
        };
        assert!(unexpected(PTE_READ, faults(32, 0, Some(module))).is_empty());
    }

    #[test]
    fn small_faults_where_large_ones_were_wanted_are_named() {
        let module = ModuleFaults {
            pte: 32,
            fallback: 32,
            ..ModuleFaults::default()
        };
        let found = unexpected(PMD_READ, faults(32, 16_352, Some(module)));
        assert_eq!(
            found,
            [
                "faults of a later touch of every page 16352, not 0",
                "PMD faults in the module 0, not 32",
                "PTE faults in the module 32, not 0",
                "fallbacks 32, not 0",
            ]
        );
    }

    #[test]
    fn rows_are_named_and_sized_by_their_kind() {
        let geometry = Geometry {
            file_bytes: 64 << 20,
            pmd_touches: 32,
            pte_touches: 4096,
            reps: 3,
        };
        assert_eq!(PMD_READ.id("famfs", "steady"), "famfs/pmd/read/steady");
        assert_eq!(Row::new(PTE_READ, "steady", geometry, 2).times.len(), 8192);
        assert_eq!(Row::new(PMD_READ, "first", geometry, 1).times.len(), 32);
    }

    #[test]
    fn a_file_of_the_page_cache_is_measured_and_its_counts_are_reported_as_they_are() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        let geometry = Geometry {
            file_bytes: 4 << 20,
            pmd_touches: 2,
            pte_touches: 1024,
            reps: 2,
        };
        let spec = crate::target::Spec {
            kind: crate::target::Kind::Ext4,
            file: Some(file.path().to_owned()),
        };
        let prepared = crate::target::prepare(&spec, None, 0, Sizes::Both).unwrap();
        let scenarios = super::file("ext4", &prepared, geometry).unwrap();
        assert_eq!(scenarios.len(), 8);
        assert_eq!(scenarios[0].id, "ext4/pmd/write/first");
        assert_eq!(scenarios[7].id, "ext4/pte/read/steady");
        assert_eq!(scenarios[7].times.count, 1024);
        // The page cache maps 4 KiB at a time, and the check must see that.
        assert!(!scenarios[0].unexpected.is_empty());
    }
}
