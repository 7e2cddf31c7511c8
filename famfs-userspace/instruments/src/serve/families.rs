//! The table of metrics: one declaration gives a family its name, type, labels and help, on the
//! page and in the documentation.

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

/// Metrics of one name.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name without the unit, and without `_total`.
    pub name: &'static str,
    /// The base unit, which ends the name; empty where there is none.
    pub unit: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

impl Family {
    /// The name of its samples; a histogram has three more endings.
    pub fn sample(&self) -> String {
        let mut name = self.name.to_owned();
        if !self.unit.is_empty() {
            name = format!("{name}_{}", self.unit);
        }
        match self.kind {
            Kind::Counter => name + "_total",
            Kind::Info => name + "_info",
            Kind::Gauge | Kind::Histogram => name,
        }
    }

    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        }
    }
}

macro_rules! families {
    ($($id:ident = $kind:ident $name:literal $unit:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            pub(super) const $id: Family = Family {
                name: $name,
                unit: $unit,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+
        /// Every family, in the order of the page.
        pub const FAMILIES: &[Family] = &[$($id),+];
    };
}

families! {
    BUILD = Info "famfs_build" "" ["version", "kernel"]
        "The version of famfs-top, and the kernel that it watches";
    MOUNT_DISABLED = Gauge "famfs_mount_disabled" "" ["device"]
        "Whether a memory error has disabled the file system: 1 or 0, absent where it does not tell";
    MOUNT_STALE = Gauge "famfs_mount_stale" "" ["device"]
        "Whether the device holds another file system than the mounted one: 1 or 0, absent where it does not tell";
    MOUNT_FAULTS = Counter "famfs_mount_faults" "" ["device", "outcome"]
        "Faults that the famfs module itself has counted since the mount";
    FAULT_DURATION = Histogram "famfs_fault_duration" "seconds" ["order", "op", "result"]
        "How long a fault took that ended in a mapping";
    FAULT_UNTIMED = Counter "famfs_fault_untimed" "" ["order", "op"]
        "Faults that ended in a mapping, but whose latency is not known; in no bucket";
    FAULT_FALLBACK = Counter "famfs_fault_fallback" "" ["reason"]
        "Tries of 2 MiB that fell back to 4 KiB, by the first reason that the kernel meets";
    FAULT_ERRORS = Counter "famfs_fault_errors" "" ["kind"]
        "Faults that failed";
    FAULT_RETRIED = Counter "famfs_fault_retried" "" []
        "Faults that ended otherwise, such as those that the kernel tries again";
    FAULT_UNATTRIBUTED = Counter "famfs_fault_unattributed" "" []
        "Faults that happened and are in no other number";
    RW_DURATION = Histogram "famfs_rw_duration" "seconds" ["op"]
        "How long a call of read(2) or write(2) took";
    RW_BYTES = Counter "famfs_rw" "bytes" ["op"]
        "What read(2) and write(2) copied";
    RW_UNTIMED = Counter "famfs_rw_untimed" "" ["op"]
        "Calls of read(2) and write(2) whose latency is not known; in no bucket";
    RW_ERRORS = Counter "famfs_rw_errors" "" ["op"]
        "Calls of read(2) and write(2) that failed";
    MEMORY_ERRORS = Counter "famfs_memory_errors" "" ["kind"]
        "Memory errors: told to the holder of a DAX device, and handled by the kernel anywhere";
    FILES = Gauge "famfs_files" "" []
        "Files that have counts of their own";
    FILE_FAULTS = Counter "famfs_file_faults" "" ["path", "order"]
        "Faults of the busiest files that ended in a mapping; path `other` is all the rest";
    FILE_FAULT_TIME = Counter "famfs_file_fault" "seconds" ["path", "order"]
        "How long these took together";
    PROBE_ATTACHED = Gauge "famfs_probe_attached" "" ["probe", "kind"]
        "Whether the probe is attached: 1 or 0; what it feeds is absent while it is not";
    PROBE_HITS = Counter "famfs_probe_hits" "" ["probe", "kind"]
        "How often the probe ran";
    PROBE_MISSED = Counter "famfs_probe_missed" "" ["probe", "kind"]
        "Runs of the probe that the kernel skipped";
    PROBE_RUN = Counter "famfs_probe_run" "seconds" ["probe", "kind"]
        "Time spent in the probe; absent unless the kernel's run-time statistics are on";
    EVENTS_LOST = Counter "famfs_events_lost" "" ["reason"]
        "Records that the kernel could not hand over";
    TOP_CPU = Counter "famfs_top_cpu" "seconds" []
        "CPU time of famfs-top itself";
    TOP_RESIDENT = Gauge "famfs_top_resident" "bytes" []
        "Resident memory of famfs-top itself";
    TOP_MAPS = Gauge "famfs_top_maps" "bytes" []
        "Kernel memory of its maps";
    TOP_POLL = Gauge "famfs_top_poll" "seconds" []
        "How long it took to read the kernel's table the last time";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_as_the_conventions_have_them() {
        for (i, family) in FAMILIES.iter().enumerate() {
            assert!(family.name.starts_with("famfs_"));
            let same = |f: &&Family| f.sample() == family.sample();
            assert_eq!(FAMILIES[..i].iter().find(same).map(|f| f.name), None);
            assert!(
                ["", "seconds", "bytes"].contains(&family.unit),
                "a base unit"
            );
        }
    }
}
