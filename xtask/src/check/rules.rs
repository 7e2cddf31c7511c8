//! What must hold for each file of the tree: pure functions of path and text.

use std::path::Path;

/// No source file is longer; one that grows past it holds more than one purpose.
const MAX_LINES: usize = 800;

/// The only places that may name aya: the rest of famfs-top is about snapshots. `lab/floor` puts
/// empty programs into the kernel.
const AYA_MAY: &[&str] = &[
    "famfs-ebpf",
    "famfs-common/src/pod.rs",
    "famfs-userspace/instruments/src/probe.rs",
    "famfs-userspace/instruments/src/probe",
    "famfs-userspace/instruments/src/live.rs",
    "lab/floor",
];

/// The one file that may know where a developer keeps the golden images.
const CI_SCRIPT: &str = ".ci/run";

/// Every rule that the file breaks, as `path:line: what`.
pub(super) fn findings(file: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if is_source(file) && lines > MAX_LINES {
        found.push(format!(
            "{}: {lines} lines; split it, {MAX_LINES} are the limit",
            file.display()
        ));
    }
    for (number, line) in text.lines().enumerate() {
        for what in line_findings(file, line) {
            found.push(format!("{}:{}: {what}", file.display(), number + 1));
        }
    }
    found
}

fn line_findings(file: &Path, line: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    if file != Path::new(CI_SCRIPT) && names_private_folder(line) {
        found.push("names a folder outside the repository; only .ci/run may");
    }
    if names_mirror(line) {
        found.push("names a package mirror; take it from the machine's own sources");
    }
    if is_rust(file) && names_aya(line) && !AYA_MAY.iter().any(|place| file.starts_with(place)) {
        found.push("names aya; only the probe module, the live source and lab/floor may");
    }
    found
}

/// Sources that people write and read.
pub(super) fn is_source(file: &Path) -> bool {
    let end = file.extension().unwrap_or_default();
    ["rs", "c", "h", "sh", "ll"]
        .iter()
        .any(|source| end == *source)
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "rs")
}

/// Written in pieces, so that this file passes its own rule.
fn names_private_folder(line: &str) -> bool {
    line.contains(concat!("..", "/shared"))
        || line.contains(concat!("shared", "/facts"))
        || line
            .split(|c: char| c.is_whitespace() || "\"'`(=".contains(c))
            .any(|word| word == concat!("/wo", "rk") || word.starts_with(concat!("/wo", "rk/")))
}

fn names_mirror(line: &str) -> bool {
    ["deb", "ftp", "snapshot", "security", "archive"]
        .iter()
        .any(|host| line.contains(&format!("{host}.debian.org")))
        || line.contains(concat!("archive.ubuntu", ".com"))
}

fn names_aya(line: &str) -> bool {
    ["aya", "aya_obj", "aya_log", "aya_ebpf"]
        .iter()
        .any(|name| {
            line.match_indices(name).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let whole = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
                whole && line[at + name.len()..].starts_with("::")
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(file: &str, text: &str) -> usize {
        findings(Path::new(file), text).len()
    }

    #[test]
    fn a_source_may_have_800_lines_and_no_more() {
        assert_eq!(broken("a/b.rs", &"x\n".repeat(800)), 0);
        assert_eq!(broken("a/b.rs", &"x\n".repeat(801)), 1);
        assert_eq!(broken("a/b.c", &"x\n".repeat(801)), 1);
        assert_eq!(broken("LICENSE-APACHE", &"x\n".repeat(801)), 0);
    }

    #[test]
    fn private_folders_are_named_in_the_ci_script_only() {
        let line = concat!("export FAMFS_GOLDEN=..", "/shared/golden\n");
        assert_eq!(broken("README.md", line), 1);
        assert_eq!(broken(".ci/run", line), 0);
        assert_eq!(broken("README.md", concat!("see `/wo", "rk/x`\n")), 1);
        assert_eq!(broken("README.md", "target/net/work/x\n"), 0);
    }

    #[test]
    fn mirrors_are_not_named() {
        assert_eq!(
            broken("x.rs", &format!("http://{}.debian.org/debian\n", "deb")),
            1
        );
        assert_eq!(broken("x.rs", "http://mirror.example/debian/\n"), 0);
    }

    #[test]
    fn aya_stays_in_its_places() {
        let line = concat!("use ay", "a::Ebpf;\n");
        assert_eq!(
            broken("famfs-userspace/instruments/src/probe/attach.rs", line),
            0
        );
        assert_eq!(broken("famfs-userspace/instruments/src/live.rs", line), 0);
        assert_eq!(
            broken("famfs-userspace/instruments/src/tui/app.rs", line),
            1
        );
        assert_eq!(
            broken(
                "lab/guest/src/main.rs",
                concat!("    ay", "a_obj::Btf::parse();\n")
            ),
            1
        );
        assert_eq!(
            broken(
                "bench/src/main.rs",
                "papaya::x(); // aya is not named here\n"
            ),
            0
        );
    }
}
