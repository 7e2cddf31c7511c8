//! A folder of module sources: its digest, and a copy to build in.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Relative paths of all sources, sorted. Hidden files and what a build leaves are not.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = dir.join(&folder);
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if text.starts_with('.') || is_product(&text) {
                continue;
            }
            let relative = folder.join(&name);
            if entry.file_type()?.is_dir() {
                folders.push(relative);
            } else {
                found.push(relative);
            }
        }
    }
    if found.is_empty() {
        bail!("{} holds no module sources", dir.display());
    }
    found.sort();
    Ok(found)
}

fn is_product(name: &str) -> bool {
    [".o", ".ko", ".mod", ".mod.c", ".order", ".symvers"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// A number that changes when any source does.
pub(super) fn digest(dir: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for file in files(dir)? {
        file.hash(&mut hasher);
        read(&dir.join(&file))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Copies the sources into a new folder.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let target = to.join(&file);
        if let Some(dir) = target.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        fs::write(&target, read(&from.join(&file))?)
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_follows_content_and_names_but_not_build_products() {
        let dir = std::env::temp_dir().join(format!("xtask-source-{}", std::process::id()));
        fs::create_dir_all(dir.join("compat")).unwrap();
        fs::write(dir.join("main.c"), "int a;\n").unwrap();
        fs::write(dir.join("compat/compat.h"), "\n").unwrap();
        let first = digest(&dir).unwrap();
        fs::write(dir.join("main.o"), "object").unwrap();
        fs::write(dir.join(".main.o.cmd"), "cmd").unwrap();
        assert_eq!(digest(&dir).unwrap(), first);
        fs::write(dir.join("compat/compat.h"), "\n\n").unwrap();
        let second = digest(&dir).unwrap();
        assert_ne!(second, first);
        fs::rename(dir.join("main.c"), dir.join("super.c")).unwrap();
        assert_ne!(digest(&dir).unwrap(), second);
        fs::remove_dir_all(&dir).unwrap();
        assert!(digest(&dir).is_err());
    }
}
