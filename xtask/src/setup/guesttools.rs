//! Programs that travel into the guest, with the libraries they load: taken from the build
//! chroot, so that they are the same whatever the host runs.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::chroot;
use crate::process;

/// Packages unpacked into the chroot without their other dependencies (xfsprogs alone would
/// pull Python).
pub(super) const PACKAGES: &[&str] = &["busybox-static", "e2fsprogs", "xfsprogs", "mount"];

/// What their programs link.
pub(super) const LIBRARIES: &[&str] = &[
    "libblkid1",
    "libcom-err2",
    "libuuid1",
    "libext2fs2t64",
    "libinih1",
    "liburcu8t64",
    "libmount1",
    "libselinux1",
];

const PROGRAMS: &[&str] = &["/usr/sbin/mkfs.ext4", "/usr/sbin/mkfs.xfs"];

/// Not on PATH in the guest, where `mount` is busybox's.
const UTIL_LINUX: &[&str] = &["/usr/bin/mount", "/usr/bin/umount"];
const UTIL_LINUX_IN_GUEST: &str = "/usr/libexec/util-linux";

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// The statically linked busybox.
pub(crate) fn busybox() -> PathBuf {
    chroot::root().join("usr/bin/busybox")
}

pub(super) fn present() -> bool {
    let mut programs = PROGRAMS.iter().chain(UTIL_LINUX);
    busybox().is_file() && programs.all(|program| on_host(program).exists())
}

/// `(path in the guest, file on the host)` of the programs and all their libraries.
pub(crate) fn files() -> Result<Vec<(String, PathBuf)>> {
    let as_they_are = PROGRAMS.iter().map(|path| (*path).to_owned());
    let elsewhere = UTIL_LINUX.iter().map(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        format!("{UTIL_LINUX_IN_GUEST}/{name}")
    });
    let programs = PROGRAMS.iter().chain(UTIL_LINUX);
    let mut files: Vec<(String, PathBuf)> = as_they_are
        .chain(elsewhere)
        .zip(programs.clone().map(|path| resolve(path)))
        .collect();
    let text = process::stdout(chroot::command(None).arg("/usr/bin/ldd").args(programs))
        .context("cannot list the libraries of the guest's tools")?;
    for library in parse_ldd(&text)? {
        let file = resolve(&library);
        files.push((library, file));
    }
    files.push((LOADER.to_owned(), resolve(LOADER)));
    files.sort();
    files.dedup();
    Ok(files)
}

/// Paths in the output of `ldd`.
fn parse_ldd(text: &str) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for line in text.lines().filter(|line| line.contains("=>")) {
        let path = line
            .split("=> ")
            .nth(1)
            .and_then(|rest| rest.split(" (").next());
        match path {
            Some(path) if path.starts_with('/') => paths.push(path.to_owned()),
            _ => anyhow::bail!("a library of the guest's tools is missing: {}", line.trim()),
        }
    }
    Ok(paths)
}

fn on_host(path: &str) -> PathBuf {
    chroot::root().join(path.trim_start_matches('/'))
}

/// The regular file behind a path of the chroot, whose links are relative to its own root.
fn resolve(path: &str) -> PathBuf {
    let mut file = on_host(path);
    for _ in 0..8 {
        match std::fs::read_link(&file) {
            Ok(target) if target.is_absolute() => file = on_host(&target.to_string_lossy()),
            Ok(target) => file = file.with_file_name("").join(target),
            Err(_) => break,
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_paths_are_read_and_a_missing_library_is_named() {
        let text = "/usr/bin/ndctl:\n\tlinux-vdso.so.1 (0x00007ffc)\n\
                    \tlibuuid.so.1 => /lib/x86_64-linux-gnu/libuuid.so.1 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(
            parse_ldd(text).unwrap(),
            ["/lib/x86_64-linux-gnu/libuuid.so.1"]
        );
        let error = parse_ldd("\tlibinih.so.1 => not found\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("libinih.so.1"), "{error}");
    }
}
