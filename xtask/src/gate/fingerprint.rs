//! What the guest cannot know about its own measurement: QEMU, the module's compiler, and the
//! harness. It travels in the environment and becomes part of the result's fingerprint.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::kmod::Built;
use crate::{paths, process};

pub(super) type Environment = BTreeMap<&'static str, String>;

/// What decides which instructions run around a fault: the measuring half of famfs-bench, PID 1,
/// the machine, and the compiler of the first two.
const HARNESS: &[&str] = &[
    "bench/src/measure.rs",
    "bench/src/run.rs",
    "bench/src/target",
    "bench/src/target.rs",
    "bench/src/workload",
    "bench/src/workload.rs",
    "lab/init/src",
    "rust-toolchain.toml",
    "xtask/src/lab/qemu.rs",
];

pub(super) fn environment(module: &Built) -> Result<Environment> {
    let qemu = process::stdout(Command::new("qemu-system-x86_64").arg("--version"))?;
    let qemu = qemu.lines().next().unwrap_or_default().to_owned();
    Ok(BTreeMap::from([
        ("FAMFS_FINGERPRINT_QEMU", qemu),
        ("FAMFS_FINGERPRINT_COMPILER", module.compiler.clone()),
        (
            "FAMFS_FINGERPRINT_HARNESS",
            digest(paths::workspace(), HARNESS)?,
        ),
    ]))
}

/// A short hash of names and contents.
fn digest(root: &Path, parts: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    for part in parts {
        for file in files(&root.join(part))? {
            let content =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .as_os_str()
                .as_encoded_bytes();
            for bytes in [name, &content] {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
    }
    let short = hash
        .finalize()
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first));
    Ok(format!("{short:016x}"))
}

/// A file, or all Rust sources below a folder, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    for entry in entries {
        let entry = entry
            .with_context(|| format!("cannot list {}", path.display()))?
            .path();
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "rs") {
            found.extend(files(&entry)?);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_is_all_there() {
        assert_eq!(digest(paths::workspace(), HARNESS).unwrap().len(), 16);
    }

    #[test]
    fn the_digest_follows_content_and_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("src/a.rs");
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(&file, "fn a() {}").unwrap();
        let of = || digest(dir.path(), &["src"]).unwrap();
        let first = of();
        fs::write(dir.path().join("src/notes.md"), "no source").unwrap();
        assert_eq!(of(), first);
        fs::write(&file, "fn b() {}").unwrap();
        let second = of();
        assert_ne!(second, first);
        fs::rename(&file, dir.path().join("src/b.rs")).unwrap();
        assert_ne!(of(), second);
        assert!(digest(dir.path(), &["missing.rs"]).is_err());
    }
}
