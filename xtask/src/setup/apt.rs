//! Debian packages of other suites, fetched and unpacked without touching the system.
//!
//! apt gets a private source list, index and cache, and checks signatures against the
//! archive's own keyring. No mirror is named here: it comes from this machine's sources.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::context::say;
use super::doctored::Doctored;
use crate::paths;
use crate::process::{self, Log};

/// The archive's keys, from the package debian-archive-keyring.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The suites that carry the lab's kernels and what is built against them.
const SUITES: &[&str] = &["bookworm-backports", "trixie", "trixie-backports"];

/// apt with a configuration of its own.
#[derive(Clone, Debug)]
pub(crate) struct Apt {
    dir: PathBuf,
    /// Whether the packages installed on this machine count.
    host_status: bool,
    /// What is hidden or added for a test.
    doctored: Doctored,
}

impl Apt {
    /// An index of those of [`SUITES`] that the mirror has, fetched. It knows nothing of this
    /// machine's packages.
    pub(crate) fn foreign(mirror: &str, log: &Log) -> Result<Self> {
        let of = |suites: &[&str]| {
            let lines: Vec<String> = suites
                .iter()
                .map(|suite| source_line(mirror, suite))
                .collect();
            Self::create("foreign", &lines, false)
        };
        let mut index = of(SUITES)?;
        index.doctored = Doctored::from_env()?;
        if log.try_run(index.command("apt-get").arg("update"))? {
            return Ok(index);
        }
        // Suites go away, as packages do. Whatever else is wrong may pass: that is tried again.
        let (gone, left): (Vec<&str>, Vec<&str>) = {
            let gone = gone_suites(&log.text()?);
            SUITES.iter().partition(|suite| gone.contains(**suite))
        };
        if !gone.is_empty() && !left.is_empty() {
            say(&format!(
                "the mirror does not have {}; left out",
                gone.join(", ")
            ));
            index.dir = of(&left)?.dir;
        }
        index.update(log)?;
        Ok(index)
    }

    /// An index of one suite alone.
    pub(crate) fn of_suite(mirror: &str, suite: &str) -> Result<Self> {
        let lines = [source_line(mirror, suite)];
        Self::create(&format!("suite-{suite}"), &lines, false)
    }

    /// This machine's own Debian suites and their backports, for installing.
    pub(crate) fn host_with_backports(mirror: &str, codename: &str) -> Result<Self> {
        let mut lines: Vec<String> = targets()?
            .iter()
            .filter(|target| target.release.starts_with(codename))
            .map(|target| source_line(&target.uri, &target.release))
            .collect();
        lines.push(source_line(mirror, &format!("{codename}-backports")));
        lines.sort();
        lines.dedup();
        Self::create("host", &lines, true)
    }

    fn create(name: &str, lines: &[String], host_status: bool) -> Result<Self> {
        require_apt()?;
        let dir = paths::setup("apt").join(name);
        for sub in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(sub))
                .with_context(|| format!("cannot create {}", dir.display()))?;
        }
        fs::write(dir.join("sources.list"), lines.join("\n") + "\n")?;
        fs::write(dir.join("status"), "")?;
        Ok(Self {
            dir,
            host_status,
            doctored: Doctored::default(),
        })
    }

    /// What is changed in it for a test, in words.
    pub(crate) fn describe_changes(&self) -> Option<String> {
        self.doctored.describe()
    }

    /// `apt-get` or `apt-cache` with this configuration.
    pub(crate) fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        let mut set = |key: &str, value: &OsStr| {
            let mut option = std::ffi::OsString::from(format!("{key}="));
            option.push(value);
            command.arg("-o").arg(option);
        };
        set(
            "Dir::Etc::sourcelist",
            self.dir.join("sources.list").as_os_str(),
        );
        set("Dir::Etc::sourceparts", OsStr::new("/dev/null"));
        set("Dir::State::lists", self.dir.join("lists").as_os_str());
        set("Dir::Cache", self.dir.join("cache").as_os_str());
        if !self.host_status {
            set("Dir::State::status", self.dir.join("status").as_os_str());
            // The machine's pins are about its own packages.
            set("Dir::Etc::preferences", OsStr::new("/dev/null"));
            set("Dir::Etc::preferencesparts", OsStr::new("/dev/null"));
        }
        set("APT::Sandbox::User", OsStr::new("root"));
        set("APT::Update::Error-Mode", OsStr::new("any"));
        set("Acquire::Languages", OsStr::new("none"));
        set("Acquire::Retries", OsStr::new("3"));
        set(
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
            OsStr::new("false"),
        );
        set("DPkg::Lock::Timeout", OsStr::new("120"));
        command
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Fetches the index.
    pub(crate) fn update(&self, log: &Log) -> Result<()> {
        process::retry(|| log.run(self.command("apt-get").arg("update")))
    }

    /// Package names of the index that match a regular expression.
    pub(crate) fn names(&self, pattern: &str) -> Result<Vec<String>> {
        let text =
            process::stdout(
                self.command("apt-cache")
                    .args(["search", "--names-only", pattern]),
            )?;
        let names = text
            .lines()
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect();
        Ok(self.doctored.names(names))
    }

    /// Unpacks packages into `root`, over what is there.
    pub(crate) fn unpack(&self, packages: &[String], root: &Path, log: &Log) -> Result<()> {
        for deb in self.download(packages, log)? {
            fs::create_dir_all(root)?;
            log.run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(root))?;
        }
        remove_dir(&debs())
    }

    /// Unpacks one folder of a package into `root`.
    pub(crate) fn unpack_folder(
        &self,
        package: &str,
        folder: &str,
        root: &Path,
        log: &Log,
    ) -> Result<()> {
        for deb in self.download(&[package.to_owned()], log)? {
            fs::create_dir_all(root)?;
            let script = "dpkg-deb --fsys-tarfile \"$1\" | tar -x -C \"$2\" \"./$3\"";
            let mut unpack = Command::new("sh");
            unpack
                .args(["-euc", script, "sh"])
                .arg(&deb)
                .arg(root)
                .arg(folder);
            log.run(&mut unpack)?;
        }
        remove_dir(&debs())
    }

    /// The version of a package that the index would give.
    pub(crate) fn version(&self, package: &str) -> Result<String> {
        let policy = process::stdout(self.command("apt-cache").args(["policy", package]))?;
        policy
            .lines()
            .find_map(|line| line.trim().strip_prefix("Candidate: "))
            .filter(|version| *version != "(none)")
            .map(str::to_owned)
            .with_context(|| format!("the package index has no {package}"))
    }

    /// Fetches packages, verified against the signed index, into [`debs`].
    fn download(&self, packages: &[String], log: &Log) -> Result<Vec<PathBuf>> {
        remove_dir(&debs())?;
        fs::create_dir_all(debs())?;
        say(&format!("fetching {}", packages.join(" ")));
        let mut wanted = Vec::new();
        for package in packages {
            match self.doctored.file(package) {
                Some(file) => {
                    let to = debs().join(file.file_name().unwrap_or_default());
                    fs::copy(&file, &to)
                        .with_context(|| format!("cannot copy {}", file.display()))?;
                }
                None => wanted.push(package),
            }
        }
        if !wanted.is_empty() {
            process::retry(|| {
                let mut download = self.command("apt-get");
                log.run(download.arg("download").args(&wanted).current_dir(debs()))
            })?;
        }
        fs::read_dir(debs())?
            .map(|entry| Ok(entry?.path()))
            .collect()
    }

    /// The source list, for programs that take one.
    pub(crate) fn sources(&self) -> PathBuf {
        self.dir.join("sources.list")
    }
}

/// Where packages wait to be unpacked.
fn debs() -> PathBuf {
    paths::setup("debs")
}

/// The suites of which `apt-get update` says that they are not there.
fn gone_suites(said: &str) -> BTreeSet<String> {
    said.lines()
        .filter_map(|line| {
            let (repository, rest) = line
                .strip_prefix("E: The repository '")?
                .split_once(" Release' ")?;
            let is_gone = ["does not have", "no longer has"]
                .iter()
                .any(|words| rest.starts_with(&format!("{words} a Release file")));
            let suite = repository.rsplit(' ').next()?;
            is_gone.then(|| suite.to_owned())
        })
        .collect()
}

fn source_line(mirror: &str, suite: &str) -> String {
    format!("deb [signed-by={KEYRING}] {mirror} {suite} main")
}

/// A package index that this machine's apt sources name.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    uri: String,
    release: String,
}

fn targets() -> Result<Vec<Target>> {
    let text = process::stdout(Command::new("apt-get").args([
        // Without this, a machine that never ran `apt-get update` seems to have no sources.
        "--no-release-info",
        "indextargets",
        "--format",
        "$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)",
    ]))?;
    Ok(parse_targets(&text))
}

fn parse_targets(text: &str) -> Vec<Target> {
    let mut targets = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (Some("Packages"), Some(uri), Some(release), Some("main")) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let target = Target {
            uri: uri.to_owned(),
            release: release.to_owned(),
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

fn require_apt() -> Result<()> {
    if paths::find_program("apt-get").is_some() {
        return Ok(());
    }
    bail!(
        "this machine has no apt-get, and the lab's kernels are Debian packages; install apt \
         and dpkg (other distributions package them too), then run `cargo xtask setup --mirror URI`"
    )
}

/// The mirror to fetch from: the one given, else the one this Debian machine itself uses.
pub(crate) fn mirror(given: Option<&str>) -> Result<String> {
    if let Some(uri) = given {
        return Ok(uri.to_owned());
    }
    let hint = "give a Debian mirror with `cargo xtask setup --mirror URI`";
    require_apt()?;
    let os = os_release()?;
    if os.id != "debian" {
        bail!(
            "this machine is {}, not Debian, so its apt sources name no Debian mirror; {hint}",
            os.id
        );
    }
    targets()?
        .into_iter()
        .find(|target| target.release == os.codename || target.release == "stable")
        .map(|target| target.uri)
        .with_context(|| {
            format!(
                "no apt source of this machine names {}; {hint}",
                os.codename
            )
        })
}

/// The mirror of security updates, as this machine's own apt sources name it.
pub(crate) fn security_mirror() -> Result<String> {
    targets()?
        .into_iter()
        .find(|target| target.release.ends_with("-security"))
        .map(|target| target.uri)
        .context("no apt source of this machine names a security suite")
}

/// A setting of this machine's own apt, for chroots to follow: a mirror that stands still needs
/// `Acquire::Check-Valid-Until`.
pub(super) fn setting(name: &str) -> Result<Option<String>> {
    let mut dump = Command::new("apt-config");
    dump.args(["dump", "--no-empty", "--format", "%v%n", name]);
    let text = process::stdout(&mut dump)?;
    Ok(text.lines().next().map(str::to_owned))
}

/// What this machine runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OsRelease {
    pub(crate) id: String,
    pub(crate) codename: String,
}

/// Reads `/etc/os-release`.
pub(crate) fn os_release() -> Result<OsRelease> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    Ok(OsRelease {
        id: field("ID"),
        codename: field("VERSION_CODENAME"),
    })
}

/// Removes a folder that may not exist. A folder with something mounted in it stays: a chroot
/// may hold the machine's own /dev.
pub(crate) fn remove_dir(dir: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if let Some(point) = mount_under(&mounts, dir) {
        bail!(
            "cannot remove {}: {point} is mounted; unmount it first",
            dir.display()
        );
    }
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// A mount point at or under `dir`, in the text of `/proc/mounts`.
fn mount_under<'a>(mounts: &'a str, dir: &Path) -> Option<&'a str> {
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .find(|point| Path::new(point).starts_with(&dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_package_indexes_of_main_named_once() {
        let text = "Packages http://mirror.example/debian/ bookworm main\n\
                    DEP-11 http://mirror.example/debian/ bookworm main\n\
                    Packages http://mirror.example/debian/ bookworm main\n\
                    Packages http://mirror.example/debian/ bookworm contrib\n\
                    Packages http://mirror.example/sec/ bookworm-security main\n";
        let found = parse_targets(text);
        let expected = [
            Target {
                uri: "http://mirror.example/debian/".into(),
                release: "bookworm".into(),
            },
            Target {
                uri: "http://mirror.example/sec/".into(),
                release: "bookworm-security".into(),
            },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_suite_is_gone_only_where_its_release_file_is() {
        let text = "Err:4 http://mirror.example/debian old-backports Release\n\
                    \x20 404  Not Found [IP: 192.0.2.1 80]\n\
                    E: The repository 'http://mirror.example/debian old-backports Release' does \
                    not have a Release file.\n\
                    E: The repository 'http://mirror.example/debian older Release' no longer has \
                    a Release file.\n";
        let gone: Vec<String> = gone_suites(text).into_iter().collect();
        assert_eq!(gone, ["old-backports", "older"]);
        for other in [
            "E: Failed to fetch http://mirror.example/debian/dists/trixie/InRelease  Temporary \
             failure resolving 'mirror.example'",
            "E: The repository 'http://mirror.example/debian trixie InRelease' is not signed.",
            "E: Release file for http://mirror.example/debian/dists/trixie/InRelease is expired",
            "",
        ] {
            assert!(gone_suites(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_mount_inside_a_folder_is_seen_and_one_beside_it_is_not() {
        let mounts = "proc /t/chroot/proc proc rw 0 0\n/dev/vda / ext4 rw 0 0\n";
        assert_eq!(
            mount_under(mounts, Path::new("/t/chroot")),
            Some("/t/chroot/proc")
        );
        assert_eq!(
            mount_under(mounts, Path::new("/t/chroot/proc")),
            Some("/t/chroot/proc")
        );
        assert_eq!(mount_under(mounts, Path::new("/t/chroot.new")), None);
    }
}
