//! The options of mount(8) and fstab. Pure.

use std::ffi::CString;

use crate::kernel::mount as kernel;
use crate::ops::mount::Options;

/// What a list of options comes to.
#[derive(Debug)]
pub(in crate::cli::famfs) struct Parsed {
    pub(in crate::cli::famfs) mount: Options,
}

/// For programs that read fstab, not for who mounts.
const FOR_OTHERS: [&str; 15] = [
    "defaults",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "owner",
    "group",
    "nofail",
    "_netdev",
    "async",
    "silent",
    "loud",
    "exclusive",
    "nomand",
];

/// Flags by name, and whether the name sets or clears them.
const FLAGS: [(&str, u64, bool); 10] = [
    ("noatime", libc::MOUNT_ATTR_NOATIME, true),
    ("atime", libc::MOUNT_ATTR_NOATIME, false),
    ("relatime", libc::MOUNT_ATTR_NOATIME, false),
    ("strictatime", libc::MOUNT_ATTR_NOATIME, false),
    ("nosuid", libc::MOUNT_ATTR_NOSUID, true),
    ("suid", libc::MOUNT_ATTR_NOSUID, false),
    ("nodev", libc::MOUNT_ATTR_NODEV, true),
    ("dev", libc::MOUNT_ATTR_NODEV, false),
    ("noexec", libc::MOUNT_ATTR_NOEXEC, true),
    ("exec", libc::MOUNT_ATTR_NOEXEC, false),
];

impl Parsed {
    /// Reads lists of options, separated by commas; later ones win.
    pub(in crate::cli::famfs) fn new(lists: &[String], sloppy: bool) -> Result<Self, String> {
        let mut mount = Options {
            kernel: kernel::Options::default(),
            ..Options::default()
        };
        for word in lists.iter().flat_map(|list| list.split(',')) {
            take(word, &mut mount).or_else(|why| if sloppy { Ok(()) } else { Err(why) })?;
        }
        Ok(Self { mount })
    }
}

/// Lists as they are, if every option in them is known: an unknown one is a usage error.
pub(in crate::cli::famfs) fn known(list: &str) -> Result<String, String> {
    Parsed::new(&[list.to_owned()], false).map(|_| list.to_owned())
}

fn take(word: &str, mount: &mut Options) -> Result<(), String> {
    let (key, value) = match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    };
    if word.is_empty() || FOR_OTHERS.contains(&word) || key.starts_with("x-") || key == "comment" {
        return Ok(());
    }
    if let Some((_, flag, set)) = FLAGS.iter().find(|(name, ..)| *name == word) {
        if *set {
            mount.kernel.attributes |= flag;
        } else {
            mount.kernel.attributes &= !flag;
        }
        return Ok(());
    }
    match (key, value) {
        ("ro", None) => mount.kernel.read_only = true,
        ("rw", None) => mount.kernel.read_only = false,
        ("remount", None) => mount.remount = true,
        ("logplay", None) => mount.logplay = true,
        ("nologplay", None) => mount.logplay = false,
        ("client", None) => mount.client = true,
        ("set-daxmode", None) => mount.set_daxmode = true,
        ("mode" | "dax", Some(value)) => {
            let text = |s: &str| CString::new(s).map_err(|e| e.to_string());
            mount.kernel.own.push((text(key)?, text(value)?));
        }
        ("dax", None) => {}
        _ => return Err(format!("{word:?} is no option of famfs")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Parsed::new(&[text.to_owned()], false).map(|p| p.mount)
    }

    #[test]
    fn as_fstab_has_them() {
        let plain = Options::default();
        for text in [
            "",
            "defaults",
            "rw,noauto,x-systemd.automount,x-systemd.requires=a.service,nofail,_netdev",
            "noatime,nosuid,nodev,noexec,user",
        ] {
            assert_eq!(parse(text).unwrap(), plain, "{text}");
        }
        let parsed = parse("ro,remount,client,nologplay,set-daxmode").unwrap();
        assert!(parsed.kernel.read_only && parsed.remount && parsed.client);
        assert!(!parsed.logplay && parsed.set_daxmode);
        let parsed = parse("exec,suid,mode=700,dax=always").unwrap();
        assert_eq!(
            parsed.kernel.attributes,
            libc::MOUNT_ATTR_NOATIME | libc::MOUNT_ATTR_NODEV
        );
        assert_eq!(parsed.kernel.own.len(), 2);
        assert!(
            !parse("ro,rw").unwrap().kernel.read_only,
            "the later one wins"
        );
    }

    #[test]
    fn what_is_not_known_is_refused_unless_sloppy() {
        for text in ["nonsense", "fuse", "mode", "ro=1", "uid=5"] {
            assert!(parse(text).is_err(), "{text}");
            assert!(Parsed::new(&[text.to_owned()], true).is_ok(), "{text}");
        }
    }
}
