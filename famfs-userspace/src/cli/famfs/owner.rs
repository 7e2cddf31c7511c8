//! Who owns what is made, and who may do what with it.

use nix::sys::stat::{Mode, umask};
use nix::unistd::{getegid, geteuid};

use super::number;

#[derive(Debug, clap::Args)]
pub(super) struct OwnerArgs {
    /// Permission bits in octal, taken as they are. Without: the default less the umask.
    #[arg(short, long, value_name = "MODE", value_parser = mode)]
    pub(super) mode: Option<u32>,

    /// Owner, a number. Without: this process' own.
    #[arg(short, long, value_name = "UID", value_parser = id)]
    pub(super) uid: Option<u32>,

    /// Group, a number. Without: this process' own.
    #[arg(short, long, value_name = "GID", value_parser = id)]
    pub(super) gid: Option<u32>,
}

impl OwnerArgs {
    pub(super) fn mode_or(&self, default: u32) -> u32 {
        self.mode.unwrap_or_else(|| default & !current_umask())
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid.unwrap_or_else(|| geteuid().as_raw())
    }

    pub(super) fn gid(&self) -> u32 {
        self.gid.unwrap_or_else(|| getegid().as_raw())
    }
}

/// It can only be read by setting it; nothing else runs in this process.
fn current_umask() -> u32 {
    let mask = umask(Mode::empty());
    umask(mask);
    mask.bits()
}

pub(super) fn mode(text: &str) -> Result<u32, String> {
    let digits = text.trim_start_matches("0o");
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o7777 && !digits.starts_with('+') => Ok(mode),
        _ => Err("a mode is octal, from 0 to 7777".to_owned()),
    }
}

pub(super) fn id(text: &str) -> Result<u32, String> {
    match number::parse(text) {
        // The last number means "leave it as it is" to the kernel.
        Some(id) if id != u32::MAX => Ok(id),
        _ => Err("an owner is a number from 0 to 4294967294".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_ids() {
        assert_eq!(mode("644"), Ok(0o644));
        assert_eq!(mode("0600"), Ok(0o600));
        assert_eq!(mode("7777"), Ok(0o7777));
        for text in ["", "8", "10000", "-1", "+7", "rw-r--r--"] {
            assert!(mode(text).is_err(), "{text}");
        }
        assert_eq!(id("0"), Ok(0));
        assert_eq!(id("0x10"), Ok(16));
        assert_eq!(id("4294967294"), Ok(u32::MAX - 1));
        for text in ["", "4294967295", "-1", "+1", "root"] {
            assert!(id(text).is_err(), "{text}");
        }
    }
}
