//! The kernel's build configuration, where the machine keeps it.

use std::{
    fs::File,
    io::{self, Read},
};

use flate2::read::GzDecoder;

/// Several times what any configuration takes.
const LIMIT: u64 = 8 << 20;

/// The running kernel's own, if it was built to keep it.
const OWN: &str = "/proc/config.gz";

/// One option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    Yes,
    No,
    /// The configuration could not be read.
    #[default]
    Unknown,
}

/// The options that watching needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub fs_dax: Setting,
    pub btf: Setting,
}

/// Reads it from the running kernel or from beside its image.
pub(super) fn read(release: &str) -> Config {
    let bounded = |path: &str| -> io::Result<String> {
        let file = File::open(path)?;
        let mut text = String::new();
        if path == OWN {
            GzDecoder::new(file).take(LIMIT).read_to_string(&mut text)?;
        } else {
            file.take(LIMIT).read_to_string(&mut text)?;
        }
        Ok(text)
    };
    [
        OWN.to_owned(),
        format!("/boot/config-{release}"),
        format!("/lib/modules/{release}/config"),
    ]
    .iter()
    .find_map(|path| bounded(path).ok())
    .map_or_else(Config::default, |text| parse(&text))
}

/// An option that a configuration does not name is off.
fn parse(text: &str) -> Config {
    let setting = |name: &str| {
        let on = text.lines().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| matches!(rest.trim_end(), "=y" | "=m"))
        });
        if on { Setting::Yes } else { Setting::No }
    };
    Config {
        fs_dax: setting("CONFIG_FS_DAX"),
        btf: setting("CONFIG_DEBUG_INFO_BTF"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_on_only_by_its_whole_name() {
        let text = "CONFIG_FS_DAX_PMD=y\n# CONFIG_FS_DAX is not set\nCONFIG_DEBUG_INFO_BTF=y\n";
        let want = Config {
            fs_dax: Setting::No,
            btf: Setting::Yes,
        };
        assert_eq!(parse(text), want);
        assert_eq!(parse("CONFIG_FS_DAX=y\n").fs_dax, Setting::Yes);
        assert_eq!(parse("").btf, Setting::No);
    }
}
