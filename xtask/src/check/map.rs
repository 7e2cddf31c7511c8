//! The map: every path that ARCHITECTURE.md names exists.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::Outcome;
use crate::paths;

const PAGE: &str = "ARCHITECTURE.md";

pub(super) fn check() -> Result<Outcome> {
    let root = paths::workspace();
    let page =
        fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let named = named(&page);
    let missing: Vec<&str> = named
        .iter()
        .copied()
        .filter(|path| !root.join(path).exists())
        .collect();
    ensure!(
        missing.is_empty(),
        "{PAGE} names paths that do not exist: {}",
        missing.join(", ")
    );
    Ok(Outcome::Passed(format!("{} paths", named.len())))
}

/// Returns the paths in the page's tables and links: what stands between backquotes and has a slash, and
/// the targets of links. The diagrams leave parts of paths out, so they are not looked at.
fn named(page: &str) -> Vec<&str> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        found.extend(
            line.split('`')
                .skip(1)
                .step_by(2)
                .filter(|text| is_path(text)),
        );
        let links = line.split("](").skip(1);
        let targets = links.filter_map(|rest| rest.split([')', '#']).next());
        found.extend(targets.filter(|target| !target.is_empty() && !target.contains("://")));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns whether a text in backquotes is a path of this tree, not a path of a running system, a command
/// or a pattern.
fn is_path(text: &str) -> bool {
    text.contains('/')
        && !text.starts_with('/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_tables_and_links_and_not_in_diagrams() {
        let page = "See [docs](docs/a.md#b) and [out](https://x.y/z).\n\
                    | a | `src/a.rs`, `famfs`, `/sys/fs/famfs`, `a/*.rs`, `src/b` |\n\
                    ```\n `cut/off`\n```\n`src/b`\n";
        assert_eq!(named(page), ["docs/a.md", "src/a.rs", "src/b"]);
    }
}
