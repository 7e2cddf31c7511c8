//! Programs that travel into the guest, with the libraries they load: taken from the build
//! chroot, so that they are the same whatever the host runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::chroot::{self, Wanted};
use super::context::Args;
use super::workshop::TRACERS;
use crate::process;

/// The packages that the chroot must have. The programs' are unpacked without their other dependencies
/// (xfsprogs alone would install Python); what the programs link is installed.
pub(super) const WANTED: Wanted = Wanted {
    installed: &[
        "libblkid1",
        "libcom-err2",
        "libuuid1",
        "libext2fs2t64",
        "libinih1",
        "liburcu8t64",
        "libmount1",
        "libselinux1",
    ],
    unpacked: &["busybox-static", "e2fsprogs", "xfsprogs", "mount"],
};

/// A program: where it lies in the guest, and where in the chroot that it is taken from.
type Program = (&'static str, &'static str);

/// mount and umount are not on PATH in the guest, where `mount` is busybox's.
const PROGRAMS: &[Program] = &[
    ("/usr/sbin/mkfs.ext4", "/usr/sbin/mkfs.ext4"),
    ("/usr/sbin/mkfs.xfs", "/usr/sbin/mkfs.xfs"),
    ("/usr/libexec/util-linux/mount", "/usr/bin/mount"),
    ("/usr/libexec/util-linux/umount", "/usr/bin/umount"),
];

/// bcc's tools are not among them: they are Python, and compile against the kernel's headers in
/// the guest, for the same kprobes and maps that bpftrace has.
const TRACER_PROGRAMS: &[Program] = &[("/usr/bin/bpftrace", "/usr/bin/bpftrace")];

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// The statically linked busybox.
pub(crate) fn busybox() -> PathBuf {
    chroot::root().join("usr/bin/busybox")
}

pub(super) fn present() -> bool {
    let mut programs = PROGRAMS.iter();
    busybox().is_file() && programs.all(|(_, path)| on_host(&chroot::root(), path).exists())
}

/// `(path in the guest, file on the host)` of the programs and all their libraries.
pub(crate) fn files() -> Result<Vec<(String, PathBuf)>> {
    let ldd = chroot::command(None);
    let mut files = closure(&chroot::root(), ldd, PROGRAMS)?;
    files.push((LOADER.to_owned(), resolve(&chroot::root(), LOADER)));
    Ok(files)
}

/// The same for the instruments that famfs-top is compared with, made on demand. Their C library
/// is that of the other tools: both are of one suite.
pub(crate) fn tracers() -> Result<Vec<(String, PathBuf)>> {
    TRACERS.ensure(&Args::default())?;
    closure(
        &TRACERS.root(),
        TRACERS.command([None, None]),
        TRACER_PROGRAMS,
    )
}

/// Programs and the libraries that `ldd`, a command in their root, says they load.
fn closure(root: &Path, mut ldd: Command, programs: &[Program]) -> Result<Vec<(String, PathBuf)>> {
    let mut files: Vec<(String, PathBuf)> = programs
        .iter()
        .map(|(guest, path)| ((*guest).to_owned(), resolve(root, path)))
        .collect();
    let text = process::stdout(
        ldd.arg("/usr/bin/ldd")
            .args(programs.iter().map(|(_, path)| path)),
    )
    .context("cannot list the libraries of the guest's tools")?;
    for library in parse_ldd(&text)? {
        let file = resolve(root, &library);
        files.push((library, file));
    }
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

fn on_host(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The regular file behind a path of a chroot, whose links are relative to its own root.
fn resolve(root: &Path, path: &str) -> PathBuf {
    let mut file = on_host(root, path);
    for _ in 0..8 {
        match std::fs::read_link(&file) {
            Ok(target) if target.is_absolute() => file = on_host(root, &target.to_string_lossy()),
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
