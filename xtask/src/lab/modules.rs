//! Which kernel modules a guest needs, in load order, by the kernel's own `modules.dep`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// A `modules.dep`: module file by module name, and the files that each file needs.
#[derive(Debug, Default)]
struct Table {
    by_name: BTreeMap<String, String>,
    needs: BTreeMap<String, Vec<String>>,
}

impl Table {
    fn parse(text: &str) -> Self {
        let mut table = Self::default();
        for (file, needs) in text.lines().filter_map(|line| line.split_once(':')) {
            table.by_name.insert(name(file), file.to_owned());
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            table.needs.insert(file.to_owned(), needs);
        }
        table
    }

    /// Files of `wanted` and of all they depend on, dependencies first. A module that is built
    /// into this kernel, or that it does not have, is left out.
    fn closure(&self, wanted: &[&str]) -> Vec<String> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for module in wanted {
            if let Some(file) = self.by_name.get(&name(module)) {
                self.visit(file, &mut seen, &mut order);
            }
        }
        order
    }

    fn visit(&self, file: &str, seen: &mut BTreeSet<String>, order: &mut Vec<String>) {
        if !seen.insert(file.to_owned()) {
            return;
        }
        for needed in self.needs.get(file).into_iter().flatten() {
            self.visit(needed, seen, order);
        }
        order.push(file.to_owned());
    }
}

/// The module's name: no folder, no suffix, `-` and `_` are one.
fn name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    base.split_once(".ko")
        .map_or(base, |(stem, _)| stem)
        .replace('-', "_")
}

/// Plain `.ko` files of `wanted` and all they depend on, dependencies first.
pub(crate) fn closure(root: &Path, cache: &Path, wanted: &[&str]) -> Result<Vec<PathBuf>> {
    let list = root.join("modules.dep");
    let text =
        fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    Table::parse(&text)
        .closure(wanted)
        .into_iter()
        .map(|file| {
            unpacked(
                &root.join(&file),
                &cache.join(format!("{}.ko", name(&file))),
            )
        })
        .collect()
}

/// Debian packs modules with xz; the plain copy stays in the cache.
fn unpacked(packed: &Path, plain: &Path) -> Result<PathBuf> {
    if packed.extension().is_some_and(|suffix| suffix == "ko") {
        return Ok(packed.to_owned());
    }
    if !plain.exists() {
        let output = Command::new("xz")
            .args(["--decompress", "--stdout"])
            .arg(packed)
            .output()
            .context("cannot run xz; install xz-utils")?;
        if !output.status.success() {
            bail!("cannot unpack {}: {}", packed.display(), output.status);
        }
        let part = plain.with_extension(format!("{}.part", std::process::id()));
        fs::write(&part, output.stdout)
            .and_then(|()| fs::rename(&part, plain))
            .with_context(|| format!("cannot write {}", plain.display()))?;
    }
    Ok(plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "kernel/drivers/nvdimm/nd_pmem.ko.xz: kernel/drivers/nvdimm/nd_btt.ko.xz \
                        kernel/drivers/nvdimm/libnvdimm.ko.xz\n\
                        kernel/drivers/nvdimm/nd_btt.ko.xz: kernel/drivers/nvdimm/libnvdimm.ko.xz\n\
                        kernel/drivers/nvdimm/libnvdimm.ko.xz:\n\
                        kernel/lib/crc-itu-t.ko:\n";

    #[test]
    fn dependencies_come_first_and_once() {
        let order = Table::parse(TEXT).closure(&["nd_pmem", "nd_btt"]);
        let names: Vec<_> = order.iter().map(|file| name(file)).collect();
        assert_eq!(names, ["libnvdimm", "nd_btt", "nd_pmem"]);
    }

    #[test]
    fn names_treat_dash_and_underscore_as_one() {
        assert_eq!(
            Table::parse(TEXT).closure(&["crc_itu_t"]),
            ["kernel/lib/crc-itu-t.ko"]
        );
    }

    #[test]
    fn what_the_kernel_lacks_is_left_out() {
        assert!(Table::parse(TEXT).closure(&["built_in"]).is_empty());
    }

    #[test]
    fn a_circle_ends() {
        assert_eq!(
            Table::parse("a.ko: b.ko\nb.ko: a.ko\n").closure(&["a"]),
            ["b.ko", "a.ko"]
        );
    }
}
