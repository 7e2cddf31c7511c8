//! The debugging kernel: Debian's source of the current line, built here with KASAN, lockdep and
//! the like, by the small configuration `lab/debug.config`.
//!
//! It is made on demand only. An interrupted build continues where it stopped.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::apt::remove_dir;
use super::context::{Args, say};
use super::kernels::{self, Kernel, Line, SUPPORTED, Tools};
use super::workshop;
use crate::paths;
use crate::process::{self, Log};

/// What the name of Debian's package of sources begins with; the version follows.
const SOURCES: &str = "linux-source-";

/// The file that says that the source is whole, and its version.
const FETCHED: &str = "source";

/// The kernel's build folder, as the workshop sees it.
pub(crate) const BUILD_INSIDE: &str = "/mnt/build";

/// Folders that famfs does not pass through: built without address checks, they take half as
/// long. Allocations are tracked there all the same.
const UNCHECKED: &[&str] = &[
    "block",
    "crypto",
    "drivers",
    "io_uring",
    "kernel/bpf",
    "kernel/trace",
    "lib",
    "net",
    "security",
];
/// Below those, what famfs does stand on.
const CHECKED: &[&str] = &["drivers/cxl", "drivers/dax", "drivers/nvdimm"];
const MARK: &str = "KASAN_SANITIZE := n\nUBSAN_SANITIZE := n\n";

/// The number of objects of a configuration like ours, within a tenth, for showing progress.
const OBJECTS: usize = 1500;

fn dir() -> PathBuf {
    paths::target("debug-kernel")
}

/// The package with the current kernel's source; once one was fetched, that one stays.
pub(crate) fn package() -> String {
    fetched().unwrap_or_else(|| {
        let version = kernels::installed(Line::Current).map(|kernel| kernel.series());
        format!(
            "{SOURCES}{}",
            version.unwrap_or_else(|_| SUPPORTED.to_string())
        )
    })
}

fn fetched() -> Option<String> {
    if !dir().join(FETCHED).is_file() {
        return None;
    }
    unpacked().into_iter().next()
}

/// Folders of sources, whole or not.
fn unpacked() -> Vec<String> {
    let names = fs::read_dir(dir()).into_iter().flatten().flatten();
    names
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(SOURCES))
        .collect()
}

/// Debian's kernel source, once it was fetched.
pub(crate) fn source() -> PathBuf {
    dir().join(package())
}

fn fragment() -> PathBuf {
    paths::workspace().join("lab/debug.config")
}

fn key() -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let fragment = fragment();
    fs::read(&fragment)
        .with_context(|| format!("cannot read {}", fragment.display()))?
        .hash(&mut hasher);
    (UNCHECKED, CHECKED).hash(&mut hasher);
    Ok(format!("{} {:016x}\n", package(), hasher.finish()))
}

/// The kernel, as its build left it.
pub(crate) fn installed() -> Result<Kernel> {
    let is_current =
        fs::read_to_string(dir().join("key")).is_ok_and(|old| key().is_ok_and(|key| key == old));
    if !is_current {
        bail!(
            "the debugging kernel is not built; `cargo xtask setup --debug-kernel` does it, in \
             about an hour"
        );
    }
    let build = dir().join("build");
    let release = release(&build)?;
    Ok(Kernel {
        line: Line::Debug,
        tools: Tools::Workshop,
        notes: Vec::new(),
        vmlinuz: build.join("arch/x86/boot/bzImage"),
        modules: dir().join("root/lib/modules").join(&release),
        headers: dir(),
        release,
    })
}

fn release(build: &Path) -> Result<String> {
    let file = build.join("include/config/kernel.release");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.trim().to_owned())
}

/// Builds it unless it is there.
pub(crate) fn ensure() -> Result<()> {
    if installed().is_ok() {
        return Ok(());
    }
    let _lock = process::lock(&paths::target("debug-kernel.lock"), "debug kernel")?;
    if installed().is_ok() {
        return Ok(());
    }
    eprintln!(
        "debug kernel: to be built from Debian's {}; two cores take about an hour",
        package()
    );
    let start = Instant::now();
    let args = Args::default();
    workshop::ensure(&args)?;
    fetch(&args)?;
    let log = Log::create(dir().join("build.log"))?;
    configure(&log)?;
    compile(&log)?;
    install(&log)?;
    fs::write(dir().join("key"), key()?).context("cannot write the key of the debug kernel")?;
    let minutes = start.elapsed().as_secs() / 60;
    eprintln!(
        "debug kernel: {} is ready, {minutes} min",
        installed()?.release
    );
    Ok(())
}

/// Unpacks Debian's source unless it is there.
pub(crate) fn fetch(args: &Args) -> Result<()> {
    let done = dir().join(FETCHED);
    if done.is_file() && source().is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir())?;
    let log = Log::create(dir().join("fetch.log"))?;
    let context = args.context();
    let index = context.index(&log)?;
    let name = package();
    let version = index.version(&name)?;
    say(&format!("source: {name} {version}, 1.8 GB unpacked"));
    let package = dir().join("package");
    remove_dir(&package)?;
    index.unpack(std::slice::from_ref(&name), &package, &log)?;
    for old in unpacked() {
        remove_dir(&dir().join(old))?;
    }
    log.run(
        Command::new("tar")
            .arg("-xf")
            .arg(package.join(format!("usr/src/{name}.tar.xz")))
            .arg("-C")
            .arg(dir()),
    )?;
    remove_dir(&package)?;
    leave_unchecked(&source())?;
    fs::write(done, version).context("cannot write the source's version")
}

/// Marks the folders of [`UNCHECKED`] in their makefiles.
fn leave_unchecked(source: &Path) -> Result<()> {
    let mut folders: Vec<PathBuf> = UNCHECKED.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        if CHECKED.iter().any(|checked| folder == Path::new(checked)) {
            continue;
        }
        let path = source.join(&folder);
        let makefile = path.join("Makefile");
        if let Ok(text) = fs::read_to_string(&makefile)
            && !text.starts_with(MARK)
        {
            fs::write(&makefile, format!("{MARK}{text}"))?;
        }
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(folder.join(entry.file_name()));
            }
        }
    }
    Ok(())
}

/// `make` in the source's folder, for the build folder.
fn make(arguments: &[&str]) -> Command {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut command = workshop::command([Some(&dir()), None]);
    command
        .args(["nice", "-n", "19", "make", "-C"])
        .arg(format!("/mnt/{}", package()))
        .arg(format!("O={BUILD_INSIDE}"))
        .arg(format!("-j{jobs}"))
        .args(arguments)
        // The same sources make the same kernel.
        .env("KBUILD_BUILD_USER", "famfs")
        .env("KBUILD_BUILD_HOST", "lab")
        .env("KBUILD_BUILD_TIMESTAMP", "@0")
        .env_remove("MAKEFLAGS");
    command
}

fn configure(log: &Log) -> Result<()> {
    let build = dir().join("build");
    fs::create_dir_all(&build)?;
    let wanted = fs::read_to_string(fragment())?;
    fs::write(build.join("fragment"), &wanted)?;
    let answers = format!("KCONFIG_ALLCONFIG={BUILD_INSIDE}/fragment");
    log.run(&mut make(&[&answers, "allnoconfig"]))?;
    let config = fs::read_to_string(build.join(".config"))?;
    let unmet = unmet(&wanted, &config);
    if !unmet.is_empty() {
        bail!(
            "this kernel's configuration does not take these lines of lab/debug.config: {}; \
             something that they depend on has changed",
            unmet.join(", ")
        );
    }
    Ok(())
}

/// The lines of a fragment that the configuration does not honour.
fn unmet<'a>(fragment: &'a str, config: &str) -> Vec<&'a str> {
    let has = |wanted: &str| config.lines().any(|line| line == wanted);
    let is_set = |name: &str| {
        config.lines().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('='))
        })
    };
    fragment
        .lines()
        .filter(|line| {
            if let Some(rest) = line.strip_prefix("# CONFIG_") {
                let name = rest.strip_suffix(" is not set").unwrap_or(rest);
                return is_set(&format!("CONFIG_{name}"));
            }
            line.starts_with("CONFIG_") && !has(line)
        })
        .collect()
}

/// Builds, with a line of progress for each hundred objects.
fn compile(log: &Log) -> Result<()> {
    let mut command = make(&["bzImage", "modules"]);
    let mut file = log.append()?;
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.append()?)
        .spawn()
        .context("cannot start the kernel's build")?;
    let mut objects = 0;
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        std::io::Write::write_all(&mut file, format!("{line}\n").as_bytes())?;
        if is_object(&line) {
            objects += 1;
            if objects % 100 == 0 {
                let minutes = start.elapsed().as_secs() / 60;
                say(&format!(
                    "{objects} of about {OBJECTS} objects, {minutes} min"
                ));
            }
        }
    }
    let status = child.wait().context("cannot wait for the kernel's build")?;
    if !status.success() {
        bail!(
            "the kernel's build failed: {status}; its output is in {}; run the same again to \
             continue it",
            dir().join("build.log").display()
        );
    }
    Ok(())
}

fn is_object(line: &str) -> bool {
    let mut words = line.split_whitespace();
    matches!(words.next(), Some("CC" | "AS"))
        && words.last().is_some_and(|file| !file.starts_with('/'))
}

fn install(log: &Log) -> Result<()> {
    remove_dir(&dir().join("root"))?;
    log.run(&mut make(&[
        "INSTALL_MOD_PATH=/mnt/root",
        "DEPMOD=true",
        "modules_install",
    ]))?;
    let release = release(&dir().join("build"))?;
    let depmod = paths::find_program("depmod").context("depmod is missing (package kmod)")?;
    log.run(
        Command::new(depmod)
            .arg("-b")
            .arg(dir().join("root"))
            .arg(release),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_was_not_taken_is_named() {
        let fragment = "# a remark\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n\
                        # CONFIG_D is not set\nCONFIG_E=y\n";
        let config = "CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\n# CONFIG_E is not set\n";
        let expected = ["CONFIG_B=m", "# CONFIG_C is not set", "CONFIG_E=y"];
        assert_eq!(unmet(fragment, config), expected);
        assert!(unmet(fragment, "CONFIG_A=y\nCONFIG_B=m\nCONFIG_E=y\n").is_empty());
    }

    #[test]
    fn objects_of_the_kernel_are_counted_and_tools_are_not() {
        assert!(is_object("  CC      fs/dax.o"));
        assert!(is_object("  CC [M]  drivers/dax/fsdev.o"));
        assert!(is_object("  AS      arch/x86/entry/entry.o"));
        assert!(!is_object("  CC      /mnt/build/tools/objtool/check.o"));
        assert!(!is_object("  LD      vmlinux"));
        assert!(!is_object(""));
    }

    #[test]
    fn folders_off_the_path_are_marked_once_and_those_on_it_never() {
        let dir = tempfile::tempdir().unwrap();
        let makefile = |folder: &str| dir.path().join(folder).join("Makefile");
        for folder in UNCHECKED
            .iter()
            .chain(CHECKED)
            .chain(&["drivers/acpi", "fs"])
        {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(makefile(folder), "obj-y += a.o\n").unwrap();
        }
        for _ in 0..2 {
            leave_unchecked(dir.path()).unwrap();
            let marked = format!("{MARK}obj-y += a.o\n");
            assert_eq!(
                fs::read_to_string(makefile("drivers/acpi")).unwrap(),
                marked
            );
            assert_eq!(fs::read_to_string(makefile("lib")).unwrap(), marked);
            for folder in ["drivers/dax", "fs"] {
                let text = fs::read_to_string(makefile(folder)).unwrap();
                assert_eq!(text, "obj-y += a.o\n", "{folder}");
            }
        }
    }
}
