//! Faults by process and file, where that was asked for.

use std::collections::BTreeMap;

use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};
use famfs_common::{
    event::{By, Faults},
    keys::major_minor,
};

use super::Error;
use famfs_snapshot::model::{FileKey, Process};

/// Processes shown of one file.
const MOST: usize = 32;

/// The kernel's counts.
pub(crate) struct Processes {
    map: HashMap<MapData, By, Faults>,
}

impl Processes {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, Error> {
        let failed = |why: String| Error::Map {
            map: "PROCESSES",
            why,
        };
        let map = ebpf
            .take_map("PROCESSES")
            .ok_or_else(|| failed("not in the object".to_owned()))?;
        let mut map: HashMap<MapData, By, Faults> =
            HashMap::try_from(map).map_err(|error| failed(error.to_string()))?;
        // Where the programs count what the map has no room for.
        map.insert(By::default(), Faults::default(), 0)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { map })
    }

    /// Who has faulted on each file since attach, the busiest first. What the map had no room for
    /// stands as pid 0 of [`FileKey::OTHER`].
    pub(crate) fn read(&self) -> BTreeMap<FileKey, Vec<Process>> {
        let mut found: BTreeMap<FileKey, Vec<Process>> = BTreeMap::new();
        // A key that goes away while the map is walked is left out until the next time.
        for (by, faults) in self.map.iter().filter_map(Result::ok) {
            if faults.n == 0 {
                continue;
            }
            let key = FileKey {
                dev: major_minor(by.dev),
                ino: by.ino,
            };
            let comm = String::from_utf8_lossy(&faults.comm);
            found.entry(key).or_default().push(Process {
                pid: by.pid,
                comm: comm.trim_end_matches('\0').to_owned(),
                faults: faults.n,
            });
        }
        for processes in found.values_mut() {
            processes.sort_by_key(|process| (std::cmp::Reverse(process.faults), process.pid));
            processes.truncate(MOST);
        }
        found
    }
}
