//! What is loaded, what would be loaded, and who uses it.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::file;
use super::host::{self, Host};
use super::modinfo::ModInfo;
use super::pins::{self, Pin};

const SYS: &str = "/sys/module/famfs";

/// The whole state, as `famfs module status --json` prints it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    pub schema: u32,
    pub loaded: Option<Loaded>,
    pub installed: Option<Installed>,
    pub host: Host,
    pub pins: Vec<Pin>,
}

/// The module in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Loaded {
    /// `live`, `coming` or `going`.
    pub state: String,
    pub version: String,
    pub srcversion: String,
    /// How many users keep it; zero lets it be unloaded.
    pub users: u64,
    /// The letters of what it taints the kernel with: O out of tree, E unsigned.
    pub taint: String,
    /// The newest KABI of each family that it speaks.
    pub famfs_kabi_version: Option<u32>,
    pub kabi_version: Option<u32>,
}

/// The file that `famfs module load` would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Installed {
    pub file: String,
    /// None of these when the file is compressed.
    pub version: Option<String>,
    pub srcversion: Option<String>,
    pub release: Option<String>,
    pub signed: Option<bool>,
}

/// Reads the state.
pub fn read() -> Status {
    let host = host::read();
    Status {
        schema: 1,
        loaded: loaded(),
        installed: installed(&host.release),
        pins: pins::find(),
        host,
    }
}

/// The loaded module's digest of its sources.
pub(super) fn loaded_srcversion() -> Option<String> {
    loaded().map(|loaded| loaded.srcversion)
}

fn loaded() -> Option<Loaded> {
    // A module that is built in has a folder without a state.
    let text = |name: &str| {
        let text = fs::read_to_string(Path::new(SYS).join(name)).ok()?;
        Some(text.trim().to_owned())
    };
    let number = |name: &str| text(name)?.parse().ok();
    Some(Loaded {
        state: text("initstate")?,
        version: text("version").unwrap_or_default(),
        srcversion: text("srcversion").unwrap_or_default(),
        users: text("refcnt")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
        taint: text("taint").unwrap_or_default(),
        famfs_kabi_version: number("parameters/famfs_kabi_version"),
        kabi_version: number("parameters/kabi_version"),
    })
}

fn installed(release: &str) -> Option<Installed> {
    let path = file::find(release).ok()?;
    let module = file::open(&path).ok();
    let info = module.and_then(|module| module.info);
    let field = |get: fn(&ModInfo) -> String| info.as_ref().map(get);
    Some(Installed {
        file: path.display().to_string(),
        version: field(|info| info.version.clone()),
        srcversion: field(|info| info.srcversion.clone()),
        release: field(|info| info.release().to_owned()),
        signed: info.as_ref().map(|info| info.signed),
    })
}

impl Status {
    /// The state as lines for a person.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![match &self.loaded {
            Some(loaded) => loaded.line(),
            None => "not loaded".to_owned(),
        }];
        lines.push(match &self.installed {
            Some(installed) => installed.line(&self.host.release),
            None => format!("no famfs.ko is installed for {}", self.host.release),
        });
        if let Some(mode) = &self.host.lockdown {
            lines.push(format!("lockdown: {mode}: only signed modules load"));
        }
        if self.host.signature_enforced == Some(true) {
            lines.push("module.sig_enforce: only signed modules load".to_owned());
        }
        if self.host.secure_boot == Some(true) {
            lines.push("Secure Boot is on".to_owned());
        }
        if self.host.modules_disabled {
            lines.push("kernel.modules_disabled: none loads until the next boot".to_owned());
        }
        lines.extend(self.pins.iter().map(|pin| format!("in use: {pin}")));
        lines
    }
}

impl Loaded {
    fn line(&self) -> String {
        let kabi: Vec<String> = [self.famfs_kabi_version, self.kabi_version]
            .iter()
            .flatten()
            .map(u32::to_string)
            .collect();
        let kabi = if kabi.is_empty() {
            String::new()
        } else {
            format!(", KABI {}", kabi.join(" and "))
        };
        format!(
            "loaded ({}): version {}, srcversion {}{kabi}, {} users",
            self.state, self.version, self.srcversion, self.users
        )
    }
}

impl Installed {
    fn line(&self, running: &str) -> String {
        match (&self.version, &self.srcversion, &self.release) {
            (Some(version), Some(srcversion), Some(release)) => {
                let fits = if release == running {
                    "this kernel".to_owned()
                } else {
                    format!("{release}, NOT for {running}")
                };
                let signed = if self.signed == Some(true) {
                    "signed"
                } else {
                    "not signed"
                };
                format!(
                    "installed: {}: version {version}, srcversion {srcversion}, for {fits}, {signed}",
                    self.file
                )
            }
            _ => format!("installed: {}", self.file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            schema: 1,
            loaded: None,
            installed: None,
            host: Host {
                release: "7.3.4".into(),
                ..Host::default()
            },
            pins: Vec::new(),
        }
    }

    #[test]
    fn nothing_loaded_and_nothing_installed() {
        let lines = status().lines();
        assert_eq!(lines, ["not loaded", "no famfs.ko is installed for 7.3.4"]);
    }

    #[test]
    fn a_loaded_module_and_a_file_for_another_kernel() {
        let mut status = status();
        status.loaded = Some(Loaded {
            state: "live".into(),
            version: "0.1.0".into(),
            srcversion: "ABC".into(),
            users: 1,
            famfs_kabi_version: Some(43),
            kabi_version: Some(44),
            ..Loaded::default()
        });
        status.installed = Some(Installed {
            file: "/lib/modules/7.3.4/famfs.ko".into(),
            version: Some("0.1.0".into()),
            srcversion: Some("ABC".into()),
            release: Some("6.12.95".into()),
            signed: Some(false),
        });
        status.host.signature_enforced = Some(true);
        status.pins.push(Pin::Module { name: "x".into() });
        assert_eq!(
            status.lines(),
            [
                "loaded (live): version 0.1.0, srcversion ABC, KABI 43 and 44, 1 users",
                "installed: /lib/modules/7.3.4/famfs.ko: version 0.1.0, srcversion ABC, for \
                 6.12.95, NOT for 7.3.4, not signed",
                "module.sig_enforce: only signed modules load",
                "in use: the module x uses it: unload that first",
            ]
        );
    }
}
