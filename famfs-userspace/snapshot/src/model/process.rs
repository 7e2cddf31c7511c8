//! The faults of each process on all files together.

use std::collections::HashMap;

use super::{FileKey, Snapshot};

/// A process in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessFaults<'a> {
    /// The process id.
    pub pid: u32,
    /// The name of its main program.
    pub comm: &'a str,
    /// Faults that ended, whatever their outcome.
    pub faults: u64,
    /// How many files it faulted on.
    pub files: usize,
    /// The file it faulted on most.
    pub main: FileKey,
}

/// Returns the processes of `interval`, the busiest first.
pub fn by_process(interval: &Snapshot) -> Vec<ProcessFaults<'_>> {
    let mut known: HashMap<(u32, &str), (ProcessFaults<'_>, u64)> = HashMap::new();
    for file in &interval.files {
        for process in &file.processes {
            let comm = process.comm.as_str();
            let new = ProcessFaults {
                pid: process.pid,
                comm,
                faults: 0,
                files: 0,
                main: file.key,
            };
            let (person, most) = known.entry((process.pid, comm)).or_insert((new, 0));
            person.faults = person.faults.saturating_add(process.faults);
            person.files += 1;
            if process.faults > *most {
                *most = process.faults;
                person.main = file.key;
            }
        }
    }
    let mut people: Vec<_> = known.into_values().map(|(person, _)| person).collect();
    people.sort_by(|a, b| {
        let order = b.faults.cmp(&a.faults);
        order.then_with(|| (a.pid, a.comm).cmp(&(b.pid, b.comm)))
    });
    people
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::{
        Source as _,
        synthetic::{Scene, Synthetic},
    };

    #[test]
    fn a_process_is_one_over_all_its_files() {
        let mut source = Synthetic::new(Scene::Mixed, Duration::from_secs(1));
        source.poll().unwrap();
        let snapshot = source.poll().unwrap();
        let people = by_process(&snapshot);
        let busiest = &people[0];
        assert_eq!(
            (busiest.comm, busiest.faults, busiest.files),
            ("indexd", 41_000, 1)
        );
        let both = people.iter().find(|p| p.pid == 1201).unwrap();
        // Six tenths of 3,200 on the weights and one tenth of 480 on the ring buffer.
        assert_eq!((both.faults, both.files, both.main.ino), (1_968, 2, 7));
    }
}
