//! Holds the environment variables of the whole tree against their table, `famfs_cli::env`.

use std::fmt::Write as _;
use std::path::Path;

use famfs_cli::env::VARIABLES;

/// Who reads the variables of the page; the programs have pages of their own.
const READERS: [&str; 3] = ["cargo xtask", "the lab's guest", "the tests"];

/// The table itself, whose tests make names up.
const TABLE: &str = "famfs-userspace/famfs-cli/src/env.rs";

/// The page of the register, with what no program reads that users install.
pub(super) fn page() -> String {
    let mut text = "# Environment variables of the lab and the tests\n\nThis page is written from the code: see [the register](README.md).\n".to_owned();
    for reader in READERS {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n## Variables of {reader}\n\n| variable | what it does |\n|---|---|\n"
        );
        for variable in VARIABLES.iter().filter(|v| v.program == reader) {
            let _ = writeln!(text, "| `{}` | {} |", variable.name, variable.meaning);
        }
    }
    text
}

/// Names the variables in a file that the table lacks, as `path:line: what`.
pub(super) fn unregistered(file: &Path, text: &str) -> Vec<String> {
    let is_read = file
        .extension()
        .is_some_and(|end| end == "rs" || end == "sh");
    if !is_read || file == Path::new(TABLE) || file.starts_with("famfs-kmod") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for name in names(line).filter(|name| !VARIABLES.iter().any(|v| v.is_named(name))) {
            found.push(format!(
                "{}:{}: {name} is not in {TABLE}",
                file.display(),
                number + 1
            ));
        }
    }
    found
}

/// Words that are variables of ours; a prefix alone is none.
fn names(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("FAMFS_") && !word.ends_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_not_registered_is_named() {
        // Put together, so that this file passes.
        let text = format!("a\nget(\"{}_NEW\"), get(\"FAMFS_KABI\")", "FAMFS");
        assert_eq!(
            unregistered(Path::new("a/b.rs"), &text),
            [format!("a/b.rs:2: {}_NEW is not in {TABLE}", "FAMFS")]
        );
        assert!(unregistered(Path::new("famfs-kmod/x.rs"), &text).is_empty());
    }

    #[test]
    fn every_variable_has_a_page() {
        let page = page();
        for variable in VARIABLES {
            let is_here = page.contains(&format!("| `{}` |", variable.name));
            let elsewhere = ["famfs", "famfs-top", "famfs-bench"].contains(&variable.program);
            assert!(is_here || elsewhere, "{}", variable.name);
        }
    }
}
