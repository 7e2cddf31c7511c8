//! The options of mount(8) and fstab. Pure.

use std::ffi::CString;
use std::path::Path;

use famfs_runtime::ops::mount::Options;

/// What a list of options comes to.
#[derive(Debug)]
pub(in crate::cli::famfs) struct Parsed {
    pub(in crate::cli::famfs) mount: Options,
    /// Options that mount(8) has for every file system, and that change nothing in this one.
    pub(in crate::cli::famfs) without_effect: Vec<String>,
}

/// Options for programs that read fstab, not for mounting.
const FOR_OTHERS: [&str; 13] = [
    "defaults", "auto", "noauto", "user", "nouser", "users", "nousers", "owner", "noowner",
    "group", "nogroup", "nofail", "_netdev",
];

/// What famfs does anyway.
const THE_WAY_IT_IS: [&str; 10] = [
    "async",
    "silent",
    "loud",
    "exclusive",
    "nomand",
    "noiversion",
    "nolazytime",
    "norelatime",
    "nostrictatime",
    "dax",
];

/// Options of every file system that ask for something of which famfs has nothing: whatever is
/// written is in the memory at once, no time is stored, and no lock is mandatory.
const WITHOUT_EFFECT: [&str; 5] = ["sync", "dirsync", "lazytime", "iversion", "mand"];

/// Labels, which the kernel takes for every file system, but only where it has `SELinux`.
const LABELS: [&str; 4] = ["context", "fscontext", "defcontext", "rootcontext"];
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// Changes of a mount that exists, which mount(8) makes by itself, and how it is asked for them.
const CHANGES: [(&str, &str); 11] = [
    ("bind", "bind"),
    ("rbind", "rbind"),
    ("move", "move"),
    ("shared", "make-shared"),
    ("rshared", "make-rshared"),
    ("private", "make-private"),
    ("rprivate", "make-rprivate"),
    ("slave", "make-slave"),
    ("rslave", "make-rslave"),
    ("unbindable", "make-unbindable"),
    ("runbindable", "make-runbindable"),
];

/// Attributes of a mount by name: the bits that the name decides, and what it makes of them.
const ATTRIBUTES: [(&str, u64, u64); 14] = [
    ("noatime", ATIME, libc::MOUNT_ATTR_NOATIME),
    ("atime", ATIME, libc::MOUNT_ATTR_RELATIME),
    ("relatime", ATIME, libc::MOUNT_ATTR_RELATIME),
    ("strictatime", ATIME, libc::MOUNT_ATTR_STRICTATIME),
    (
        "nodiratime",
        libc::MOUNT_ATTR_NODIRATIME,
        libc::MOUNT_ATTR_NODIRATIME,
    ),
    ("diratime", libc::MOUNT_ATTR_NODIRATIME, 0),
    ("nosuid", libc::MOUNT_ATTR_NOSUID, libc::MOUNT_ATTR_NOSUID),
    ("suid", libc::MOUNT_ATTR_NOSUID, 0),
    ("nodev", libc::MOUNT_ATTR_NODEV, libc::MOUNT_ATTR_NODEV),
    ("dev", libc::MOUNT_ATTR_NODEV, 0),
    ("noexec", libc::MOUNT_ATTR_NOEXEC, libc::MOUNT_ATTR_NOEXEC),
    ("exec", libc::MOUNT_ATTR_NOEXEC, 0),
    (
        "nosymfollow",
        libc::MOUNT_ATTR_NOSYMFOLLOW,
        libc::MOUNT_ATTR_NOSYMFOLLOW,
    ),
    ("symfollow", libc::MOUNT_ATTR_NOSYMFOLLOW, 0),
];

/// When times of access are kept: one of several values, not a flag.
const ATIME: u64 = libc::MOUNT_ATTR__ATIME;

impl Parsed {
    /// Reads lists of options, separated by commas; later ones win.
    pub(in crate::cli::famfs) fn new(lists: &[String], sloppy: bool) -> Result<Self, String> {
        Self::parse(lists, sloppy, Path::new(SELINUX).exists())
    }

    fn parse(lists: &[String], sloppy: bool, selinux: bool) -> Result<Self, String> {
        let mut parsed = Self {
            mount: Options::default(),
            without_effect: Vec::new(),
        };
        for word in lists.iter().flat_map(|list| words(list)) {
            parsed
                .take(word, selinux)
                .or_else(|why| if sloppy { Ok(()) } else { Err(why) })?;
        }
        Ok(parsed)
    }

    /// What is to be said about options that have no effect, in one line.
    pub(in crate::cli::famfs) fn note(&self) -> Option<String> {
        let verb = match self.without_effect.len() {
            0 => return None,
            1 => "has",
            _ => "have",
        };
        let names = self.without_effect.join(", ");
        Some(format!("note: {names} {verb} no effect on famfs"))
    }

    fn take(&mut self, word: &str, selinux: bool) -> Result<(), String> {
        let mount = &mut self.mount;
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        if let Some((_, bits, to)) = ATTRIBUTES.iter().find(|(name, ..)| *name == word) {
            mount.kernel.attributes = mount.kernel.attributes & !bits | to;
            return Ok(());
        }
        if word.is_empty()
            || FOR_OTHERS.contains(&word)
            || THE_WAY_IT_IS.contains(&word)
            || key.starts_with("x-")
            || key.starts_with("X-")
            || key == "comment"
        {
            return Ok(());
        }
        if let Some((_, how)) = CHANGES.iter().find(|(name, _)| *name == word) {
            return Err(format!(
                "{word:?} changes a mount that exists; `mount --{how}` does it"
            ));
        }
        let is_label = value.is_some() && LABELS.contains(&key);
        if WITHOUT_EFFECT.contains(&word) || (is_label && !selinux) {
            let name = key.to_owned();
            if !self.without_effect.contains(&name) {
                self.without_effect.push(name);
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
            (_, Some(value)) if is_label || key == "mode" || key == "dax" => {
                let text = |s: &str| CString::new(s).map_err(|e| e.to_string());
                mount
                    .kernel
                    .own
                    .push((text(key)?, text(value.trim_matches('"'))?));
            }
            _ => return Err(format!("{word:?} is no option of famfs")),
        }
        Ok(())
    }
}

/// The options of a list. A comma between double quotes belongs to its option.
fn words(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

/// Lists as they are, if every option in them is known: an unknown one is a usage error.
pub(in crate::cli::famfs) fn known(list: &str) -> Result<String, String> {
    Parsed::new(&[list.to_owned()], false).map(|_| list.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Parsed::parse(&[text.to_owned()], false, false).map(|p| p.mount)
    }

    #[test]
    fn as_fstab_has_them() {
        let plain = Options::default();
        for text in [
            "",
            "defaults",
            "rw,noauto,x-systemd.automount,x-systemd.requires=a.service,nofail,_netdev",
            "noatime,nosuid,nodev,noexec,user",
            "X-mount.mkdir,comment=a,group,nousers,async,nomand,norelatime,diratime,symfollow",
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
    fn attributes_of_a_mount() {
        const REST: u64 =
            libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
        for (text, attributes) in [
            ("atime", 0),
            ("relatime", 0),
            ("strictatime", libc::MOUNT_ATTR_STRICTATIME),
            ("strictatime,noatime", libc::MOUNT_ATTR_NOATIME),
            ("noatime,strictatime,relatime", 0),
            (
                "nodiratime",
                libc::MOUNT_ATTR_NOATIME | libc::MOUNT_ATTR_NODIRATIME,
            ),
            (
                "nosymfollow",
                libc::MOUNT_ATTR_NOATIME | libc::MOUNT_ATTR_NOSYMFOLLOW,
            ),
            ("nosymfollow,symfollow", libc::MOUNT_ATTR_NOATIME),
        ] {
            assert_eq!(
                parse(text).unwrap().kernel.attributes,
                REST | attributes,
                "{text}"
            );
        }
    }

    /// What mount(8) takes for any file system is no error, and what changes nothing is said once.
    #[test]
    fn what_has_no_effect_is_said_once() {
        let lists = [
            "lazytime,sync,iversion".to_owned(),
            "sync,dirsync,context=\"u:r:t:s0:c1,c2\",mand".to_owned(),
        ];
        let parsed = Parsed::parse(&lists, false, false).unwrap();
        assert_eq!(
            parsed.note().unwrap(),
            "note: lazytime, sync, iversion, dirsync, context, mand have no effect on famfs"
        );
        assert_eq!(parsed.mount, Options::default());
        let parsed = Parsed::parse(&lists[1..], false, true).unwrap();
        assert_eq!(
            parsed.mount.kernel.own,
            [(c"context".to_owned(), c"u:r:t:s0:c1,c2".to_owned())],
            "with SELinux the kernel gets the label"
        );
        let parsed = Parsed::parse(&["sync".to_owned()], false, false).unwrap();
        assert_eq!(parsed.note().unwrap(), "note: sync has no effect on famfs");
        let parsed = Parsed::parse(&["nodiratime".to_owned()], false, false).unwrap();
        assert_eq!(parsed.note(), None);
    }

    #[test]
    fn what_is_not_known_is_refused_unless_sloppy() {
        for text in [
            "nonsense", "fuse", "mode", "ro=1", "uid=5", "context", "bind", "rslave",
        ] {
            assert!(parse(text).is_err(), "{text}");
            assert!(Parsed::new(&[text.to_owned()], true).is_ok(), "{text}");
        }
        let why = parse("private").unwrap_err();
        assert!(why.contains("`mount --make-private` does it"), "{why}");
    }
}
