//! `cargo xtask build-kmod --dkms`: the module as a user of dkms gets it. `famfs-kmod/dkms.conf`
//! goes through add, build, install and remove for each kernel of the lab, and must refuse
//! kernels that the module is not for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::source;
use crate::paths;
use crate::process::{self, Log};
use crate::setup;
use crate::setup::apt::remove_dir;
use crate::setup::kernels::{self, Kernel};
use crate::setup::workshop::COMPILERS;

/// A kernel that the module is not for.
const FOREIGN: &str = "7.4-amd64";

/// dkms ends with this when `BUILD_EXCLUSIVE_*` is why it does not build.
const EXCLUDED: i32 = 77;

/// Goes through it; an error names the step.
pub(crate) fn main() -> Result<()> {
    let kernels = kernels::to_run_on(None)?
        .into_iter()
        .map(kernels::installed)
        .collect::<Result<Vec<_>>>()?;
    COMPILERS.ensure(&setup::Args::default())?;
    let _lock = COMPILERS.lock()?;
    let log = Log::create(paths::target("kmod/dkms.log"))?;
    let tree = paths::workspace().join("famfs-kmod");
    let version = package_version(&fs::read_to_string(tree.join("dkms.conf"))?)
        .context("famfs-kmod/dkms.conf has no PACKAGE_VERSION")?;
    let dkms = Dkms {
        kernels,
        root: COMPILERS.root(),
        module: format!("famfs/{version}"),
        log,
    };
    dkms.clear()?;
    let folder = dkms.root.join(format!("usr/src/famfs-{version}"));
    source::copy(&tree, &folder)?;
    dkms.run(&["add", &dkms.module])?;
    println!("dkms add {}", dkms.module);
    let proven = dkms.prove();
    remove_dir(&folder)?;
    dkms.clear()?;
    proven
}

/// Whether a `dkms.conf` is for a kernel, as dkms finds out.
const ACCEPTS: &str = ". \"$1\"; [[ $2 =~ $BUILD_EXCLUSIVE_KERNEL ]]";

struct Dkms {
    /// Those of the lab.
    kernels: Vec<Kernel>,
    /// The chroot's folder.
    root: PathBuf,
    /// `famfs/<version>`.
    module: String,
    log: Log,
}

impl Dkms {
    fn prove(&self) -> Result<()> {
        for kernel in &self.kernels {
            if self.accepts(&kernel.release)? {
                self.cycle(kernel)?;
            } else {
                println!(
                    "SKIP dkms build -k {}: famfs-kmod/dkms.conf is not for this kernel",
                    kernel.release
                );
            }
        }
        self.check_refusal()?;
        self.run(&["remove", &self.module, "--all"])?;
        let status = process::stdout(COMPILERS.command([None, None]).args(["dkms", "status"]))?;
        if status.contains("famfs") {
            bail!("dkms remove leaves the module: {}", status.trim());
        }
        println!("dkms remove {} --all: nothing is left", self.module);
        Ok(())
    }

    /// Builds and installs for one kernel, looks at what came of it, and removes it.
    fn cycle(&self, kernel: &Kernel) -> Result<()> {
        let release = &kernel.release;
        self.put_headers(kernel)?;
        self.put_kernel(release, release)?;
        self.run(&["build", &self.module, "-k", release])?;
        self.run(&["install", &self.module, "-k", release])?;
        let modules = self.modules(release);
        let installed = find_module(&modules)?.with_context(|| {
            format!(
                "dkms install put no famfs.ko under {}; its output is in target/kmod/dkms.log",
                modules.display()
            )
        })?;
        let inside = Path::new("/").join(installed.strip_prefix(&self.root)?);
        let field = |name: &str| -> Result<String> {
            let mut modinfo = COMPILERS.command([None, None]);
            modinfo.args(["modinfo", "-F", name]).arg(&inside);
            Ok(process::stdout(&mut modinfo)?.trim().to_owned())
        };
        let built_for = field("vermagic")?;
        if built_for.split(' ').next() != Some(release) {
            bail!("dkms built famfs.ko for {built_for}, not {release}");
        }
        let version = field("version")?;
        if self.module != format!("famfs/{version}") {
            bail!(
                "famfs.ko says it is {version}, and dkms.conf {}",
                self.module
            );
        }
        let signer = field("signer")?;
        if signer.is_empty() {
            bail!("dkms did not sign {}", inside.display());
        }
        println!(
            "dkms build, install -k {release}: {}, version {version}, signed by {signer}",
            inside.display()
        );
        self.run(&["uninstall", &self.module, "-k", release])?;
        if let Some(left) = find_module(&modules)? {
            bail!("dkms uninstall leaves {}", left.display());
        }
        Ok(())
    }

    /// A kernel of another line is refused, whatever its headers.
    fn check_refusal(&self) -> Result<()> {
        let kernel = self.kernels.last().context("there is no kernel")?;
        self.put_headers(kernel)?;
        self.put_kernel(FOREIGN, &kernel.release)?;
        let mut build = COMPILERS.command([None, None]);
        build.args(["dkms", "build", &self.module, "-k", FOREIGN]);
        let output = build.output().context("cannot start dkms")?;
        if output.status.code() != Some(EXCLUDED) {
            bail!(
                "dkms build -k {FOREIGN} should be refused by BUILD_EXCLUSIVE_KERNEL: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stdout).trim_end()
            );
        }
        println!("dkms build -k {FOREIGN}: refused, as it should be");
        Ok(())
    }

    /// Whether `dkms.conf` is for a kernel; the lab may run newer ones.
    fn accepts(&self, release: &str) -> Result<bool> {
        let conf = format!("/usr/src/{}/dkms.conf", self.module.replace('/', "-"));
        let mut bash = COMPILERS.command([None, None]);
        bash.args(["bash", "-c", ACCEPTS, "bash", &conf, release]);
        self.log.try_run(&mut bash)
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        self.log
            .run(COMPILERS.command([None, None]).arg("dkms").args(args))
    }

    fn modules(&self, release: &str) -> PathBuf {
        self.root.join("usr/lib/modules").join(release)
    }

    /// What dkms looks for to believe in a kernel.
    fn put_kernel(&self, release: &str, headers: &str) -> Result<()> {
        let modules = self.modules(release);
        remove_dir(&modules)?;
        fs::create_dir_all(&modules)
            .with_context(|| format!("cannot create {}", modules.display()))?;
        for list in ["modules.order", "modules.builtin"] {
            fs::write(modules.join(list), "")?;
        }
        symlink(
            format!("/usr/src/linux-headers-{headers}"),
            modules.join("build"),
        )
        .context("cannot link the headers")
    }

    /// The lab's own headers, which set-up fetched.
    fn put_headers(&self, kernel: &Kernel) -> Result<()> {
        let from = kernel.headers.join("usr");
        for folder in headers(kernel.version()) {
            let target = self.root.join("usr").join(&folder);
            remove_dir(&target)?;
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(from.join(&folder)).arg(&target);
            self.log.run(&mut copy)?;
        }
        Ok(())
    }

    /// Removes everything that this leaves in the chroot.
    fn clear(&self) -> Result<()> {
        remove_dir(&self.root.join("var/lib/dkms"))?;
        fs::create_dir_all(self.root.join("var/lib/dkms"))?;
        remove_dir(&self.root.join("usr/lib/modules"))?;
        for kernel in &self.kernels {
            for folder in headers(kernel.version()) {
                remove_dir(&self.root.join("usr").join(folder))?;
            }
        }
        Ok(())
    }
}

/// Folders of a kernel's headers, below `/usr`.
fn headers(version: &str) -> [String; 3] {
    [
        format!("src/linux-headers-{version}-amd64"),
        format!("src/linux-headers-{version}-common"),
        format!("lib/linux-kbuild-{version}"),
    ]
}

fn find_module(dir: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("famfs.ko") {
            return Ok(Some(path));
        }
        if path.is_dir()
            && !path.is_symlink()
            && let Some(found) = find_module(&path)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The value of `PACKAGE_VERSION="..."`.
fn package_version(conf: &str) -> Option<String> {
    conf.lines()
        .find_map(|line| line.strip_prefix("PACKAGE_VERSION="))
        .map(|value| value.trim().trim_matches('"').to_owned())
        .filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_of_the_project() {
        let conf = paths::workspace().join("famfs-kmod/dkms.conf");
        let conf = fs::read_to_string(conf).unwrap();
        assert_eq!(
            package_version(&conf).as_deref(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(package_version("PACKAGE_VERSION=\"\"\n"), None);
        assert_eq!(package_version("PACKAGE_NAME=\"famfs\"\n"), None);
    }

    fn accepts(release: &str) -> bool {
        let mut bash = Command::new("bash");
        bash.args(["-c", ACCEPTS, "bash"])
            .arg(paths::workspace().join("famfs-kmod/dkms.conf"))
            .arg(release);
        bash.status().unwrap().success()
    }

    #[test]
    fn what_the_table_calls_supported_is_what_dkms_builds_for() {
        let accepts = |version: kernels::Version| accepts(&format!("{version}.1-amd64"));
        let kernels::Version(major, minor) = kernels::SUPPORTED;
        assert!(accepts(kernels::SUPPORTED));
        assert!(!accepts(kernels::Version(major, minor + 1)));
    }

    #[test]
    fn kernels_are_told_by_their_names() {
        for (name, expected) in [
            ("6.1.0-40-amd64", false),
            ("6.11.10+bpo-amd64", false),
            ("6.12.95+deb12-amd64", true),
            ("6.19.2-arch1-1", true),
            ("7.2.13+deb14-amd64", true),
            ("7.3-amd64", true),
            ("7.3-rc7-amd64", true),
            ("7.3", true),
            (FOREIGN, false),
            ("7.30.1-amd64", false),
        ] {
            assert_eq!(accepts(name), expected, "{name}");
        }
    }

    #[test]
    fn a_module_is_found_wherever_dkms_puts_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(find_module(dir.path()).unwrap(), None);
        let deep = dir.path().join("updates/dkms");
        fs::create_dir_all(&deep).unwrap();
        symlink("/", dir.path().join("build")).unwrap();
        fs::write(deep.join("famfs.ko.xz"), "").unwrap();
        let found = find_module(dir.path()).unwrap();
        assert_eq!(found, Some(deep.join("famfs.ko.xz")));
    }
}
