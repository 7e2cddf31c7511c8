//! Exact fault counts: famfs-top, the module and ftrace must agree.

use crate::{
    fixture::Famfs,
    harness::Test,
    iomap_counter::IomapCounter,
    top::{count, fallback, file, once},
};

pub(crate) const TESTS: &[Test] = &[
    Test {
        name: "faults::aligned_write_is_32_pmd_faults",
        run: aligned_write,
    },
    Test {
        name: "faults::aligned_read_is_32_pmd_faults",
        run: aligned_read,
    },
    Test {
        name: "faults::incongruent_mapping_is_1024_pte_faults",
        run: incongruent,
    },
    Test {
        name: "faults::two_files_are_told_apart",
        run: two_files,
    },
    Test {
        name: "faults::tail_of_an_odd_file_is_pte",
        run: odd_tail,
    },
];

/// The three counters' totals for one run: what famfs-top attributes to `path`, what the module
/// counted, what ftrace saw enter the DAX layer.
fn observe(famfs: &Famfs, path: &str, command: &str) -> serde_json::Value {
    let before = ["pte", "pmd", "fallback", "refused"].map(|kind| famfs.faults(kind));
    let ftrace = IomapCounter::start();
    let report = once(command);
    let calls = ftrace.calls();
    drop(ftrace);
    let after = ["pte", "pmd", "fallback", "refused"].map(|kind| famfs.faults(kind));

    let row = file(&report, path);
    let pte = count(row, "pte", "read") + count(row, "pte", "write");
    let pmd = count(row, "pmd", "read") + count(row, "pmd", "write");
    let fell_back = fallback(row, None);
    let module: Vec<u64> = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before)
        .collect();
    assert_eq!(
        module,
        [pte, pmd, fell_back, 0],
        "the module counts pte, pmd, fallback, refused"
    );
    let of = |order| calls.get(&order).copied().unwrap_or(0);
    assert_eq!(
        (of(0), of(9)),
        (pte, pmd + fell_back),
        "ftrace counts calls of order 0 and 9"
    );
    assert_eq!(row["errors"], 0);
    assert_eq!(report["unattributed"], 0, "{report:#}");
    assert_eq!(report["lost"], 0, "{report:#}");
    report
}

fn touch(path: &str, access: &str, rest: &str) -> String {
    format!("famfs-bench touch --file {path} --access {access} {rest}")
}

fn counts(report: &serde_json::Value, path: &str) -> [u64; 4] {
    let row = file(report, path);
    [
        ("pmd", "read"),
        ("pmd", "write"),
        ("pte", "read"),
        ("pte", "write"),
    ]
    .map(|(order, access)| count(row, order, access))
}

fn aligned_write() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("aligned", "64M");
    let report = observe(&famfs, &path, &touch(&path, "write", "--map aligned"));
    assert_eq!(counts(&report, &path), [0, 32, 0, 0]);
}

fn aligned_read() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("aligned", "64M");
    let report = observe(&famfs, &path, &touch(&path, "read", "--map aligned"));
    assert_eq!(counts(&report, &path), [32, 0, 0, 0]);
}

fn incongruent() {
    let famfs = Famfs::fresh();
    let path = famfs.creat("skewed", "4M");
    let report = observe(&famfs, &path, &touch(&path, "write", "--map skewed"));
    assert_eq!(counts(&report, &path), [0, 0, 0, 1024]);
    let row = file(&report, &path);
    let tries = fallback(row, None);
    // From 4 KiB past a 2 MiB address on, 4 MiB reach into three spans; each is tried once.
    assert_eq!(tries, 3, "{row:#}");
    assert_eq!(
        fallback(row, Some("colour")) + fallback(row, Some("vma_bounds")),
        tries,
        "only the colour or the mapping's edge may be the reason: {row:#}"
    );
}

fn two_files() {
    let famfs = Famfs::fresh();
    let (one, two) = (famfs.creat("one", "8M"), famfs.creat("two", "16M"));
    let script = "/tmp/two";
    let lines = format!(
        "{}\n{}\n",
        touch(&one, "write", ""),
        touch(&two, "read", "--rounds 2")
    );
    std::fs::write(script, lines).unwrap();
    let report = once(&format!("sh -e {script}"));
    assert_eq!(counts(&report, &one), [0, 4, 0, 0]);
    assert_eq!(counts(&report, &two), [16, 0, 0, 0]);
}

fn odd_tail() {
    let famfs = Famfs::fresh();
    // One whole 2 MiB region, then 257 pages and a bit.
    let path = famfs.creat("odd", "3150728");
    let report = observe(&famfs, &path, &touch(&path, "write", "--map aligned"));
    let pages = 3_150_728_u64.div_ceil(4096) - 512;
    assert_eq!(counts(&report, &path), [0, 1, 0, pages]);
}
