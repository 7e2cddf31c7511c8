//! A second fault counter that shares nothing with the probes: ftrace's own hash of calls of
//! `dax_iomap_fault`, keyed by its `order` argument, kept by the kernel's hist trigger.

use std::{collections::BTreeMap, fs, path::Path};

const TRACING: &str = "/sys/kernel/tracing";
const EVENT: &str = "events/lab/iomap";

/// Counts while it lives.
pub(crate) struct IomapCounter;

impl IomapCounter {
    pub(crate) fn start() -> Self {
        // x86-64 calling convention: the second argument is in RSI.
        write("kprobe_events", "p:lab/iomap dax_iomap_fault order=%si:u32");
        write(&format!("{EVENT}/trigger"), "hist:keys=order");
        Self
    }

    /// Calls so far by order: 0 for 4 KiB, 9 for 2 MiB.
    #[expect(clippy::unused_self, reason = "only a started counter can be read")]
    pub(crate) fn calls(&self) -> BTreeMap<u32, u64> {
        let text = fs::read_to_string(Path::new(TRACING).join(EVENT).join("hist")).unwrap();
        parse(&text)
    }
}

impl Drop for IomapCounter {
    fn drop(&mut self) {
        write(&format!("{EVENT}/trigger"), "!hist:keys=order");
        write("kprobe_events", "-:lab/iomap");
    }
}

/// Lines such as `{ order:          9 } hitcount:         32`.
fn parse(text: &str) -> BTreeMap<u32, u64> {
    text.lines()
        .filter_map(|line| {
            let (key, rest) = line.strip_prefix("{ order:")?.split_once('}')?;
            let hits = rest
                .trim()
                .strip_prefix("hitcount:")?
                .split_whitespace()
                .next()?;
            Some((key.trim().parse().ok()?, hits.parse().ok()?))
        })
        .collect()
}

fn write(file: &str, text: &str) {
    let path = Path::new(TRACING).join(file);
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .append(true)
        .open(&path)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    std::io::Write::write_all(&mut file, text.as_bytes())
        .unwrap_or_else(|error| panic!("cannot write {text} to {}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_kernels_table_is_read() {
        let text = "# event histogram\n#\n\n{ order:          0 } hitcount:       1024\n\
                    { order:          9 } hitcount:         32\n\nTotals:\n    Hits: 1056\n";
        assert_eq!(
            parse(text).into_iter().collect::<Vec<_>>(),
            [(0, 1024), (9, 32)]
        );
    }
}
