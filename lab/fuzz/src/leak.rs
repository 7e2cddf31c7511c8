//! What the kernel holds before and after: whatever grows with the number of operations leaked.

use std::{collections::BTreeMap, fs, process::Command, thread, time::Duration};

/// Slab caches that the module's objects come from: its own allocations are accounted, so they
/// are in the `cg` caches where a kernel has those.
const CACHES: &[&str] = &[
    "inode_cache",
    "dentry",
    "radix_tree_node",
    "kmalloc-",
    "vm_area_struct",
    "mnt_cache",
    "kernfs_node_cache",
    "filp",
];

/// Counts of one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub objects: BTreeMap<String, u64>,
    /// Objects in one slab of each cache.
    pub slab: BTreeMap<String, u64>,
    pub percpu_kib: u64,
    pub unreclaimable_kib: u64,
    pub descriptors: u64,
}

/// How much more a quiet kernel may hold: caches keep partly filled slabs per CPU, sysfs and the
/// tracing buffers keep what was looked at. A leak of one object per mount, map, fault or call of
/// the long run is far more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slack {
    pub objects: u64,
    pub percpu_kib: u64,
    pub unreclaimable_kib: u64,
}

pub(crate) const SLACK: Slack = Slack {
    objects: 200,
    percpu_kib: 256,
    unreclaimable_kib: 8192,
};

impl Census {
    /// Drops what can be dropped, and counts the rest.
    pub(crate) fn take() -> Self {
        let mut last = Self::once();
        // Objects are freed after a grace period: count until nothing goes any more.
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(300));
            let next = Self::once();
            let total = |census: &Self| census.objects.values().sum::<u64>();
            if total(&next) >= total(&last) {
                return next;
            }
            last = next;
        }
        last
    }

    fn once() -> Self {
        let _ = Command::new("sync").status();
        let _ = fs::write("/proc/sys/vm/drop_caches", "3");
        for entry in fs::read_dir("/sys/kernel/slab")
            .into_iter()
            .flatten()
            .flatten()
        {
            if watched(&entry.file_name().to_string_lossy()) {
                let _ = fs::write(entry.path().join("shrink"), "1");
            }
        }
        let slabs = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            objects: column(&slabs, 1),
            slab: column(&slabs, 4),
            percpu_kib: kib(&memory, "Percpu:"),
            unreclaimable_kib: kib(&memory, "SUnreclaim:"),
            descriptors: descriptors as u64,
        }
    }

    /// What `after` holds too much.
    pub(crate) fn leaks(&self, after: &Self, slack: Slack) -> Vec<String> {
        let mut list = Vec::new();
        for (cache, now) in &after.objects {
            let then = self.objects.get(cache).copied().unwrap_or(0);
            // Each of the two CPUs keeps a slab, whose objects all count as in use.
            let kept = 2 * after.slab.get(cache).copied().unwrap_or(0);
            if now.saturating_sub(then) > slack.objects + kept {
                list.push(format!("{cache}: {then} objects before, {now} after"));
            }
        }
        for (what, then, now, slack) in [
            (
                "Percpu",
                self.percpu_kib,
                after.percpu_kib,
                slack.percpu_kib,
            ),
            (
                "SUnreclaim",
                self.unreclaimable_kib,
                after.unreclaimable_kib,
                slack.unreclaimable_kib,
            ),
            ("descriptors", self.descriptors, after.descriptors, 0),
        ] {
            if now > then + slack {
                list.push(format!("{what}: {then} before, {now} after"));
            }
        }
        list
    }

    /// Differences in words, for whoever watches.
    pub(crate) fn growth(&self, after: &Self) -> String {
        let changed = after.objects.iter().filter_map(|(cache, now)| {
            let then = self.objects.get(cache).copied().unwrap_or(0);
            let by = i64::try_from(*now).ok()? - i64::try_from(then).ok()?;
            (by > 20).then(|| format!("{cache} +{by}"))
        });
        let list: Vec<_> = changed.collect();
        format!(
            "{}; Percpu {} -> {} KiB; SUnreclaim {} -> {} KiB",
            if list.is_empty() {
                "no cache grew".to_owned()
            } else {
                list.join(", ")
            },
            self.percpu_kib,
            after.percpu_kib,
            self.unreclaimable_kib,
            after.unreclaimable_kib
        )
    }
}

fn watched(cache: &str) -> bool {
    CACHES.iter().any(|start| cache.starts_with(start))
}

/// A column by cache, from the text of `/proc/slabinfo`: 1 active objects, 4 objects in a slab.
fn column(slabs: &str, number: usize) -> BTreeMap<String, u64> {
    slabs
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let cache = words.next().filter(|cache| watched(cache))?;
            Some((cache.to_owned(), words.nth(number - 1)?.parse().ok()?))
        })
        .collect()
}

fn kib(memory: &str, key: &str) -> u64 {
    memory
        .lines()
        .find_map(|line| {
            line.strip_prefix(key)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

/// Places in the module that still hold vmalloc memory.
pub(crate) fn vmalloc() -> Vec<String> {
    let text = fs::read_to_string("/proc/vmallocinfo").unwrap_or_default();
    text.lines()
        .filter(|line| line.contains("[famfs]") && !line.contains("module"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLABS: &str = "slabinfo - version: 2.1\n# name <active_objs> <num_objs>\n\
        inode_cache 1000 1100 600 27 4\nkmalloc-cg-64 50 64 64 64 1\nother 9 9 9\n";

    #[test]
    fn growth_beyond_the_slack_is_a_leak() {
        let census = |text: &str| Census {
            objects: column(text, 1),
            percpu_kib: kib("MemFree: 9 kB\nPercpu:  128 kB\n", "Percpu:"),
            ..Census::default()
        };
        let before = census(SLABS);
        assert_eq!(before.objects.len(), 2);
        assert_eq!(before.percpu_kib, 128);
        let mut after = census(&SLABS.replace("1000", "1200"));
        assert!(before.leaks(&after, SLACK).is_empty());
        after.objects.insert("inode_cache".to_owned(), 1201);
        assert_eq!(
            before.leaks(&after, SLACK),
            ["inode_cache: 1000 objects before, 1201 after"]
        );
        after = before.clone();
        after.descriptors = 1;
        assert_eq!(
            before.leaks(&after, SLACK),
            ["descriptors: 0 before, 1 after"]
        );
    }
}
