//! The instruments that are compared: each runs a command of ours and watches it.

use std::path::Path;

/// The measurement without an instrument, before and after all others.
pub(crate) const NOTHING: &str = "nothing";
pub(crate) const AGAIN: &str = "nothing again";
/// Empty programs on the same hooks.
pub(crate) const FLOOR: &str = "empty hooks";
/// What the limits are about.
pub(crate) const SUBJECT: &str = "famfs-top";

/// How the command line of one begins.
#[derive(Clone, Copy, Debug)]
enum Wrap {
    /// These words, then the command's.
    Words(&'static [&'static str]),
    /// bpftrace with a script of ours.
    Bpftrace(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Instrument {
    pub(super) name: &'static str,
    /// What it prints only if it counted faults.
    pub(super) saw: Option<&'static str>,
    wrap: Wrap,
}

const fn plain(name: &'static str, words: &'static [&'static str]) -> Instrument {
    Instrument {
        name,
        saw: None,
        wrap: Wrap::Words(words),
    }
}

const fn top(name: &'static str, words: &'static [&'static str]) -> Instrument {
    Instrument {
        name,
        // The measured file's row.
        saw: Some("/measured\""),
        wrap: Wrap::Words(words),
    }
}

const fn bpftrace(name: &'static str, script: &'static str) -> Instrument {
    Instrument {
        name,
        // The map of histograms; an empty one is not printed.
        saw: Some("@ns["),
        wrap: Wrap::Bpftrace(script),
    }
}

pub(super) const ALL: &[Instrument] = &[
    plain(NOTHING, &[]),
    plain(FLOOR, &["lab-floor", "/usr/lib/famfs/floor.bpf.o"]),
    top(SUBJECT, &["famfs-top", "--once", "--json", "--"]),
    top(
        "famfs-top --processes",
        &["famfs-top", "--once", "--json", "--processes", "--"],
    ),
    top(
        "famfs-top --run-stats",
        &["famfs-top", "--once", "--json", "--run-stats", "--"],
    ),
    bpftrace("bpftrace fentry", "fentry.bt"),
    bpftrace("bpftrace kprobe", "kprobe.bt"),
    plain(AGAIN, &[]),
];

/// Whether it does the same work as [`SUBJECT`].
pub(crate) fn is_peer(instrument: &str) -> bool {
    instrument.starts_with("bpftrace")
}

impl Instrument {
    /// The command line that runs `workload` under this instrument.
    pub(super) fn around(&self, workload: &[String], scripts: &Path) -> Vec<String> {
        match self.wrap {
            Wrap::Words(words) => {
                let words = words.iter().map(|&word| word.to_owned());
                words.chain(workload.iter().cloned()).collect()
            }
            Wrap::Bpftrace(script) => vec![
                "bpftrace".into(),
                "-q".into(),
                "-c".into(),
                // bpftrace splits it at blanks; there are none in any of the words.
                workload.join(" "),
                scripts.join(script).display().to_string(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runs_the_workload() {
        let workload = ["famfs-bench".to_owned(), "run".to_owned()];
        let lines: Vec<_> = ALL
            .iter()
            .map(|instrument| instrument.around(&workload, Path::new("/s")).join(" "))
            .collect();
        assert_eq!(lines[0], "famfs-bench run");
        assert_eq!(lines[2], "famfs-top --once --json -- famfs-bench run");
        assert_eq!(lines[5], "bpftrace -q -c famfs-bench run /s/fentry.bt");
        assert!(lines.iter().all(|line| line.contains("famfs-bench run")));
    }

    #[test]
    fn the_scripts_are_in_the_tree() {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tracers");
        for instrument in ALL {
            if let Wrap::Bpftrace(script) = instrument.wrap {
                assert!(scripts.join(script).is_file(), "{script}");
                assert!(is_peer(instrument.name));
            }
        }
    }
}
