//! What this kernel demands of a module before it looks at it.

use std::fs;
use std::path::Path;

use serde::Serialize;

const CAP_SYS_MODULE: u32 = 16;

/// The byte that says so follows four bytes of attributes.
const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The facts that decide whether a module may be loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Host {
    /// `uname -r`.
    pub release: String,
    /// Whether this process may load modules.
    pub privileged: bool,
    /// `kernel.modules_disabled`: no module is loaded until the next boot.
    pub modules_disabled: bool,
    /// The active lockdown mode, if any: `integrity` or `confidentiality`.
    pub lockdown: Option<String>,
    /// Whether every module must carry a valid signature; none without signature support.
    pub signature_enforced: Option<bool>,
    /// Whether the firmware checks what it boots; none on a machine without EFI.
    pub secure_boot: Option<bool>,
}

/// Reads the facts. What cannot be read is as if the kernel did not have it.
pub fn read() -> Host {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Host {
        release: text("/proc/sys/kernel/osrelease").trim().to_owned(),
        privileged: may_load(&text("/proc/self/status")),
        modules_disabled: text("/proc/sys/kernel/modules_disabled").trim() == "1",
        lockdown: active(&text("/sys/kernel/security/lockdown")),
        signature_enforced: flag(&text("/sys/module/module/parameters/sig_enforce")),
        secure_boot: fs::read(Path::new(SECURE_BOOT))
            .ok()
            .and_then(|bytes| Some(*bytes.get(4)? == 1)),
    }
}

fn may_load(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask >> CAP_SYS_MODULE & 1 != 0)
}

/// `none [integrity] confidentiality`: the one in brackets, unless it is `none`.
fn active(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    let (mode, _) = rest.split_once(']')?;
    (mode != "none").then(|| mode.to_owned())
}

fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "Y" | "1" => Some(true),
        "N" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockdown_is_the_mode_in_brackets() {
        assert_eq!(active("[none] integrity confidentiality\n"), None);
        let text = "none [integrity] confidentiality\n";
        assert_eq!(active(text).as_deref(), Some("integrity"));
        assert_eq!(active(""), None);
        assert_eq!(active("none [integrity"), None);
    }

    #[test]
    fn the_capability_decides_not_the_uid() {
        assert!(may_load("Name:\tx\nCapEff:\t000001ffffffffff\n"));
        assert!(!may_load("CapEff:\t0000000000000000\n"));
        assert!(may_load("CapEff:\t0000000000010000\n"));
        // A status without the line is no kernel of ours; let the kernel decide.
        assert!(may_load(""));
    }

    #[test]
    fn a_parameter_is_yes_no_or_not_there() {
        assert_eq!(flag("Y\n"), Some(true));
        assert_eq!(flag("N\n"), Some(false));
        assert_eq!(flag(""), None);
    }
}
