//! The initramfs of one run: PID 1, our binaries, the guest's tools, modules, configuration.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufWriter, IsTerminal},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use lab_init::{Config, Memory, config};

use super::{cpio::Archive, modules};
use crate::{
    ebpf, paths, process,
    setup::{
        guesttools,
        kernels::{Kernel, Line},
    },
};

/// Loaded before the DAX device is made ready; what a kernel lacks is built in or not needed.
const PMEM: &[&str] = &["libnvdimm", "nd_btt", "nd_pmem", "nd_e820"];
const FSDEV: &[&str] = &["dax_pmem", "device_dax", "fsdev_dax"];
const CXL: &[&str] = &[
    "cxl_pmem",
    "cxl_acpi",
    "cxl_port",
    "cxl_mem",
    "cxl_pci",
    "dax_hmem",
    "dax_cxl",
    "device_dax",
    "fsdev_dax",
];
/// The connection to the host.
const LINK: &[&str] = &["virtio_pci", "virtio_console"];
const SHARE: &[&str] = &["9pnet_virtio", "9p"];
/// There for `modprobe`: other DAX file systems and raw DAX to compare with, the poison injector.
const OPTIONAL: &[&str] = &[
    "ext4",
    "xfs",
    "dax_pmem",
    "device_dax",
    "crc32c_generic",
    "hwpoison_inject",
    "loop",
];

/// What goes into the image besides the fixed parts.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    pub kernel: &'a Kernel,
    pub famfs_ko: &'a Path,
    /// Folder of our own static binaries.
    pub binaries: &'a Path,
    /// Copied to `/share`.
    pub share: Option<&'a Path>,
    /// The instruments that famfs-top is compared with, too.
    pub tracers: bool,
    /// More files, each with its name in the guest.
    pub files: &'a [(String, Vec<u8>)],
}

/// Where the scripts and objects of `--tracers` are in the guest.
pub(crate) const TRACERS: &str = "/usr/lib/famfs";

/// Our binaries that every guest has on PATH.
pub(crate) const BINARIES: &[&str] =
    &["famfs", "famfs-top", "famfs-bench", "lab-guest", "lab-fuzz"];

/// Writes the image and completes the configuration's module lists.
pub(crate) fn write(to: &Path, contents: &Contents<'_>, mut config: Config) -> Result<()> {
    let kernel = contents.kernel;
    let cache = paths::target("lab/modules").join(&kernel.release);
    let load = |wanted: &[&str]| modules::closure(&kernel.modules, &cache, wanted);
    let device = load(&match config.memory {
        Memory::Pmem => PMEM.to_vec(),
        Memory::Fsdev => [PMEM, FSDEV].concat(),
        Memory::Cxl => CXL.to_vec(),
    })?;
    let live_share = config.share && !config.deterministic;
    let link = load(&[LINK, if live_share { SHARE } else { &[] }].concat())?;

    let file = File::create(to).with_context(|| format!("cannot create {}", to.display()))?;
    let mut archive = Archive::new(BufWriter::new(file));
    let folder = format!("/lib/modules/{}", kernel.release);
    let mut dep = String::new();
    for (modules, list) in [
        (&device, Some(&mut config.modules)),
        (&link, Some(&mut config.link_modules)),
        (&load(OPTIONAL)?, None),
    ] {
        let paths: Vec<String> = modules
            .iter()
            .map(|file| format!("{folder}/{}", file_name(file)))
            .collect();
        for (inside, outside) in paths.iter().zip(modules) {
            archive.copy(inside, outside)?;
        }
        if let Some(list) = list {
            *list = paths;
        }
    }
    // busybox' modprobe reads the plain text forms.
    for module in load(&[PMEM, FSDEV, CXL, LINK, SHARE, OPTIONAL].concat())? {
        let stem = file_name(&module);
        let needs = load(&[stem.trim_end_matches(".ko")])?;
        let needs: Vec<_> = needs
            .iter()
            .rev()
            .skip(1)
            .map(|need| file_name(need))
            .collect();
        let _ = writeln!(dep, "{stem}: {}", needs.join(" "));
    }
    dep += "famfs.ko:\n";
    archive.copy(&format!("{folder}/famfs.ko"), contents.famfs_ko)?;
    archive.file(&format!("{folder}/modules.dep"), 0o644, dep.as_bytes())?;
    // The debugging kernel has in itself what Debian's have as modules: `modprobe` is content.
    let builtin = kernel.modules.join("modules.builtin");
    if kernel.line == Line::Debug && builtin.is_file() {
        archive.copy(&format!("{folder}/modules.builtin"), &builtin)?;
    }
    archive.file(
        &format!("{folder}/modules.alias"),
        0o644,
        // The second is for ext4 on 6.12, which asks the crypto layer for its checksum.
        b"alias fs-famfs famfs\nalias crypto-crc32c crc32c_generic\n",
    )?;

    archive.copy("/init", &contents.binaries.join("lab-init"))?;
    for name in BINARIES {
        archive.copy(&format!("/usr/bin/{name}"), &contents.binaries.join(name))?;
    }
    let demo = paths::workspace().join("lab/demo.sh");
    archive.copy("/usr/bin/famfs-demo", &demo)?;
    busybox(&mut archive)?;
    let tools = guesttools::files()?;
    for (inside, outside) in &tools {
        archive.copy(inside, outside)?;
    }
    if contents.tracers {
        tracers(&mut archive, contents.binaries, &tools)?;
    }
    for folder in [
        "/proc", "/sys", "/dev", "/tmp", "/run", "/root", "/mnt", "/share",
    ] {
        archive.folder(folder)?;
    }
    archive.file(
        "/etc/passwd",
        0o644,
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n",
    )?;
    archive.file("/etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n")?;
    for (name, bytes) in contents.files {
        archive.file(name, 0o644, bytes)?;
    }
    if let Some(share) = contents.share {
        archive.copy_tree("/share", share)?;
    }
    let text = serde_json::to_vec(&config).context("cannot write the guest's configuration")?;
    archive.file(config::PATH, 0o644, &text)?;
    archive
        .finish()
        .with_context(|| format!("cannot write {}", to.display()))
}

/// bpftrace with our scripts, and the empty programs with what loads them.
fn tracers(
    archive: &mut Archive<BufWriter<File>>,
    binaries: &Path,
    there: &[(String, PathBuf)],
) -> Result<()> {
    for (inside, outside) in guesttools::tracers()? {
        if there.iter().all(|(known, _)| *known != inside) {
            archive.copy(&inside, &outside)?;
        }
    }
    archive.copy("/usr/bin/lab-floor", &binaries.join("lab-floor"))?;
    archive.copy(&format!("{TRACERS}/floor.bpf.o"), &ebpf::floor())?;
    let scripts = paths::workspace().join("bench/tracers");
    for script in ["fentry.bt", "kprobe.bt"] {
        archive.copy(&format!("{TRACERS}/{script}"), &scripts.join(script))?;
    }
    Ok(())
}

fn busybox(archive: &mut Archive<BufWriter<File>>) -> Result<()> {
    let busybox = guesttools::busybox();
    archive.copy("/bin/busybox", &busybox)?;
    for applet in process::stdout(Command::new(&busybox).arg("--list"))?.lines() {
        if applet != "busybox" {
            archive.link(&format!("/bin/{applet}"), "busybox")?;
        }
    }
    // The kernel itself calls this one to load a file system on mount.
    archive.link("/sbin/modprobe", "../bin/busybox")?;
    Ok(())
}

fn file_name(file: &Path) -> String {
    file.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The folder of our own binaries for the guest, as the last build left it.
pub(crate) fn binaries() -> PathBuf {
    paths::target(TARGET).join("guest")
}

/// Builds our own binaries for the guest: static, so that the guest needs no libraries.
pub(crate) fn build_binaries() -> Result<()> {
    let packages = [
        "lab-init",
        "lab-guest",
        "lab-fuzz",
        "lab-floor",
        "famfs-userspace",
        "famfs-bench",
    ];
    let mut what = vec!["--profile", "guest", "--bins"];
    what.extend(packages.iter().flat_map(|package| ["-p", package]));
    build_static(&what, binaries().join("lab-init").exists())
}

/// Builds a program of famfs-userspace as it is released, but static, and returns where it is.
pub(crate) fn build_released(name: &str) -> Result<PathBuf> {
    let built = paths::target(TARGET).join("release").join(name);
    let what = ["--release", "--bin", name, "-p", "famfs-userspace"];
    build_static(&what, built.exists())?;
    Ok(built)
}

/// The first build, `again` says that it is not, takes minutes: on a terminal, cargo shows how
/// far it is.
fn build_static(what: &[&str], again: bool) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(paths::workspace())
        .args(["build", "--locked", "--target", TARGET])
        .args(what)
        .arg("--target-dir")
        .arg(paths::target(""))
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if again || !io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    let status = cargo.status().context("cannot run cargo")?;
    anyhow::ensure!(
        status.success(),
        "building the guest's binaries failed: {status}"
    );
    Ok(())
}
