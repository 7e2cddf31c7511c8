//! Puts an error number of `finit_module(2)` or `delete_module(2)` into words: what failed, why, and
//! what to try. Pure: everything it knows is handed in.

use super::host::Host;
use super::kmsg::unknown_symbols;
use super::modinfo::ModInfo;
use super::{Error, NAME};

/// All that is known when the kernel refused a module.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    /// The module's file.
    pub file: &'a str,
    pub errno: i32,
    /// What the file says of itself; none when it is compressed or cannot be understood.
    pub info: Option<&'a ModInfo>,
    /// Why the file cannot be understood.
    pub malformed: Option<&'a str>,
    pub host: &'a Host,
    /// The loaded module's `srcversion`, if one is loaded.
    pub loaded: Option<&'a str>,
    /// What the kernel's log got meanwhile.
    pub heard: &'a [String],
}

/// Why the kernel did not load the module.
pub fn load(refusal: &Refusal<'_>) -> Error {
    let error = match refusal.errno {
        libc::EEXIST => twice(refusal),
        libc::ENOEXEC | libc::EINVAL => not_for_this_kernel(refusal),
        libc::ENOENT => missing_symbols(refusal),
        libc::EKEYREJECTED
        | libc::ENOKEY
        | libc::EKEYEXPIRED
        | libc::EKEYREVOKED
        | libc::ENOPKG
        | libc::EBADMSG => signature(refusal),
        libc::EPERM => not_permitted(refusal),
        libc::EBUSY => Error::new(format!("{NAME} is being loaded or unloaded right now"))
            .hint("wait a moment, then look at `famfs module status`"),
        errno => Error::new(format!(
            "cannot load {}: {}",
            refusal.file,
            std::io::Error::from_raw_os_error(errno)
        )),
    };
    refusal.heard.iter().take(8).fold(error, |error, line| {
        error.hint(format!("the kernel said: {line}"))
    })
}

fn twice(refusal: &Refusal<'_>) -> Error {
    let which = match (refusal.loaded, refusal.info) {
        (Some(loaded), Some(info)) if !loaded.is_empty() && loaded == info.srcversion => {
            ", from the same sources"
        }
        (Some(_), Some(_)) => ", from other sources than this file",
        _ => "",
    };
    Error::new(format!("{NAME} is loaded already{which}"))
        .hint("to replace it: `famfs module unload`, then load again")
        .hint("`famfs module status` says what is loaded and who uses it")
}

fn not_for_this_kernel(refusal: &Refusal<'_>) -> Error {
    let release = &refusal.host.release;
    if let Some(why) = refusal.malformed {
        return Error::new(format!("{} is no module: {why}", refusal.file))
            .hint("build it again, or copy it again");
    }
    match refusal.info {
        Some(info) if info.release() != release => Error::new(format!(
            "{} is built for the kernel {}, and {release} is running",
            refusal.file,
            info.release()
        ))
        .hint(format!(
            "build it for this one: `make -C famfs-kmod KDIR=/lib/modules/{release}/build`"
        ))
        .hint(format!(
            "or let dkms do it for every kernel: `dkms install famfs/VERSION -k {release}`"
        ))
        .missing(),
        Some(info)
            if refusal
                .heard
                .iter()
                .any(|line| line.contains("version magic")) =>
        {
            Error::new(format!(
                "{} is built for a kernel {release} with other options (its version magic is `{}`)",
                refusal.file, info.vermagic
            ))
            .hint("build it against the headers of the very kernel that runs")
            .missing()
        }
        Some(_)
            if refusal
                .heard
                .iter()
                .any(|line| line.contains("disagrees about version")) =>
        {
            Error::new(format!(
                "{} is built against other headers of {release} than the running kernel's",
                refusal.file
            ))
            .hint("install the headers of the very kernel that runs, and build it again")
            .missing()
        }
        _ => Error::new(format!(
            "the kernel {release} cannot load {}: the file is damaged, or a parameter is wrong",
            refusal.file
        ))
        .hint("build it again, or copy it again"),
    }
}

fn missing_symbols(refusal: &Refusal<'_>) -> Error {
    let depends = refusal.info.map_or(&[][..], |info| &info.depends);
    let symbols = unknown_symbols(refusal.heard);
    let lacks = if symbols.is_empty() {
        "something it needs".to_owned()
    } else {
        symbols.join(", ")
    };
    let error = Error::new(format!(
        "{} needs what this kernel does not have: {lacks}",
        refusal.file
    ))
    .missing();
    if depends.is_empty() {
        error.hint(format!(
            "the kernel {} must have CONFIG_FS_DAX and CONFIG_MEMORY_FAILURE; \
             `modinfo {}` shows what the module was built for",
            refusal.host.release, refusal.file
        ))
    } else {
        error.hint(format!("load first: `modprobe -a {}`", depends.join(" ")))
    }
}

fn not_permitted(refusal: &Refusal<'_>) -> Error {
    let host = refusal.host;
    if !host.privileged {
        return Error::new("only root may load a module (CAP_SYS_MODULE)")
            .hint("run it with sudo")
            .missing();
    }
    if host.modules_disabled {
        return Error::new(
            "no module may be loaded until the next boot (kernel.modules_disabled=1)",
        )
        .hint(
            "`famfs` must be loaded before that is set: name it in /etc/modules-load.d/famfs.conf",
        )
        .missing();
    }
    if host.lockdown.is_some() {
        return signature(refusal);
    }
    Error::new(format!(
        "the kernel does not let {} be loaded",
        refusal.file
    ))
    .hint("in a container? load the module on the host")
    .missing()
}

/// An unsigned module, or one signed with a key that nobody enrolled.
fn signature(refusal: &Refusal<'_>) -> Error {
    let host = refusal.host;
    let signed = refusal.info.map(|info| info.signed);
    let what = match (refusal.errno, signed) {
        (libc::EBADMSG, _) => "its signature is damaged",
        (_, Some(true)) => "it is signed with a key that this kernel does not trust",
        (_, Some(false)) => "it is not signed",
        (_, None) => "it has no signature that this kernel trusts",
    };
    let who = match (&host.lockdown, host.secure_boot) {
        (Some(mode), Some(true)) => format!("Secure Boot is on (lockdown: {mode})"),
        (Some(mode), _) => format!("the kernel is locked down ({mode})"),
        (None, Some(true)) => "Secure Boot is on".to_owned(),
        (None, _) => "the kernel demands signatures (module.sig_enforce)".to_owned(),
    };
    let error = Error::new(format!("{} is rejected: {what}, and {who}", refusal.file)).missing();
    if host.secure_boot == Some(true) {
        return enrol(error, refusal);
    }
    error.hint(
        "Secure Boot is off: sign it with a key of the kernel's own keyring, or boot without \
         module.sig_enforce=1 and lockdown=",
    )
}

/// The steps that make Secure Boot accept a module of one's own.
fn enrol(error: Error, refusal: &Refusal<'_>) -> Error {
    let release = &refusal.host.release;
    let file = refusal.file;
    error
        .hint("enrol a key of yours (a MOK) once, and sign the module with it:")
        .hint(
            "1. openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=famfs/ \
             -keyout MOK.priv -outform DER -out MOK.der",
        )
        .hint("2. mokutil --import MOK.der    then reboot, and choose Enroll MOK on the console")
        .hint(format!(
            "3. /lib/modules/{release}/build/scripts/sign-file sha256 MOK.priv MOK.der {file}    \
             (Ubuntu: kmodsign sha512 MOK.priv MOK.der {file})"
        ))
        .hint("4. famfs module load again")
        .hint(
            "dkms signs by itself: then only `mokutil --import /var/lib/dkms/mok.pub`, and reboot",
        )
}

/// Why the kernel did not unload the module; `pins` says who holds it, a line each.
pub fn unload(errno: i32, privileged: bool, pins: &[String]) -> Error {
    match errno {
        libc::ENOENT => Error::new(format!("{NAME} is not loaded")),
        libc::EPERM if !privileged => Error::new("only root may unload a module (CAP_SYS_MODULE)")
            .hint("run it with sudo")
            .missing(),
        libc::EPERM => Error::new(
            "no module may be unloaded until the next boot \
                                   (kernel.modules_disabled=1)",
        )
        .missing(),
        libc::EAGAIN | libc::EBUSY if pins.is_empty() => Error::new(format!(
            "{NAME} is in use, by something that could not be found"
        ))
        .hint("another pid namespace? look from the host; `famfs module status` shows the count"),
        libc::EAGAIN | libc::EBUSY => pins
            .iter()
            .fold(Error::new(format!("{NAME} is in use")), Error::hint),
        errno => Error::new(format!(
            "cannot unload {NAME}: {}",
            std::io::Error::from_raw_os_error(errno)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: &str = "7.3.4+deb13-amd64";

    fn host() -> Host {
        Host {
            release: RELEASE.into(),
            privileged: true,
            signature_enforced: Some(false),
            ..Host::default()
        }
    }

    fn info(release: &str) -> ModInfo {
        ModInfo {
            name: "famfs".into(),
            srcversion: "ABC".into(),
            vermagic: format!("{release} SMP preempt mod_unload modversions"),
            ..ModInfo::default()
        }
    }

    struct Case {
        errno: i32,
        info: Option<ModInfo>,
        malformed: Option<&'static str>,
        host: Host,
        loaded: Option<&'static str>,
        heard: &'static [&'static str],
    }

    impl Case {
        fn new(errno: i32) -> Self {
            Self {
                errno,
                info: Some(info(RELEASE)),
                malformed: None,
                host: host(),
                loaded: None,
                heard: &[],
            }
        }

        fn explain(&self) -> Error {
            let heard: Vec<String> = self.heard.iter().map(|line| (*line).to_owned()).collect();
            load(&Refusal {
                file: "famfs.ko",
                errno: self.errno,
                info: self.info.as_ref(),
                malformed: self.malformed,
                host: &self.host,
                loaded: self.loaded,
                heard: &heard,
            })
        }

        /// The message and the hints, in one text.
        fn text(&self) -> String {
            let error = self.explain();
            format!("{}\n{}", error.message, error.hints.join("\n"))
        }
    }

    #[test]
    fn loaded_twice() {
        let mut case = Case::new(libc::EEXIST);
        case.loaded = Some("ABC");
        assert!(
            case.text()
                .starts_with("famfs is loaded already, from the same sources\n")
        );
        case.loaded = Some("XYZ");
        assert!(case.text().contains("from other sources than this file"));
        case.loaded = None;
        assert!(case.text().starts_with("famfs is loaded already\n"));
        assert!(!case.explain().missing_feature);
    }

    #[test]
    fn another_kernel_is_named_and_how_to_build_for_this_one() {
        let mut case = Case::new(libc::ENOEXEC);
        case.info = Some(info("6.12.95+deb12-amd64"));
        case.heard = &["famfs: version magic 'a' should be 'b'"];
        let text = case.text();
        let first = "famfs.ko is built for the kernel 6.12.95+deb12-amd64, and \
                     7.3.4+deb13-amd64 is running\n";
        assert!(text.starts_with(first), "{text}");
        assert!(
            text.contains("KDIR=/lib/modules/7.3.4+deb13-amd64/build"),
            "{text}"
        );
        assert!(
            text.contains("the kernel said: famfs: version magic"),
            "{text}"
        );
        assert!(case.explain().missing_feature);
    }

    #[test]
    fn the_same_release_with_other_options_or_headers() {
        let mut case = Case::new(libc::ENOEXEC);
        case.heard = &["famfs: version magic 'x' should be 'y'"];
        assert!(case.text().contains("with other options"));
        let mut case = Case::new(libc::EINVAL);
        case.heard = &["famfs: disagrees about version of symbol dax_iomap_fault"];
        assert!(case.text().contains("other headers"));
        let case = Case::new(libc::ENOEXEC);
        assert!(case.text().contains("damaged"));
    }

    #[test]
    fn what_is_no_module_says_why() {
        let mut case = Case::new(libc::ENOEXEC);
        case.info = None;
        case.malformed = Some("it is no ELF file, or a damaged one");
        let text = case.text();
        assert!(
            text.starts_with("famfs.ko is no module: it is no ELF file"),
            "{text}"
        );
    }

    #[test]
    fn missing_symbols_and_modules_are_named() {
        let mut case = Case::new(libc::ENOENT);
        case.heard = &[
            "famfs: Unknown symbol fs_dax_get (err -2)",
            "famfs: Unknown symbol dax_iomap_fault (err -2)",
        ];
        let text = case.text();
        assert!(
            text.contains("does not have: dax_iomap_fault, fs_dax_get\n"),
            "{text}"
        );
        assert!(text.contains("CONFIG_FS_DAX"), "{text}");
        let depends = vec!["dax".to_owned(), "libnvdimm".to_owned()];
        case.info.as_mut().unwrap().depends = depends;
        assert!(case.text().contains("modprobe -a dax libnvdimm"));
    }

    #[test]
    fn secure_boot_gets_the_steps_to_enrol_a_key() {
        for errno in [libc::EKEYREJECTED, libc::EPERM] {
            let mut case = Case::new(errno);
            case.host.secure_boot = Some(true);
            case.host.lockdown = Some("integrity".into());
            let text = case.text();
            let first = "famfs.ko is rejected: it is not signed, and Secure Boot is on \
                         (lockdown: integrity)\n";
            assert!(text.starts_with(first), "{text}");
            for step in [
                "openssl req",
                "mokutil --import",
                "sign-file",
                "kmodsign",
                "dkms",
            ] {
                assert!(text.contains(step), "{step} in {text}");
            }
        }
    }

    #[test]
    fn enforced_signatures_without_secure_boot_need_no_enrolment() {
        let mut case = Case::new(libc::EKEYREJECTED);
        case.host.signature_enforced = Some(true);
        let text = case.text();
        assert!(text.contains("module.sig_enforce"), "{text}");
        assert!(!text.contains("mokutil"), "{text}");
        case.info.as_mut().unwrap().signed = true;
        assert!(
            case.text()
                .contains("a key that this kernel does not trust")
        );
        case.errno = libc::EBADMSG;
        assert!(case.text().contains("its signature is damaged"));
    }

    #[test]
    fn not_root_is_not_secure_boot() {
        let mut case = Case::new(libc::EPERM);
        case.host.privileged = false;
        case.host.lockdown = Some("integrity".into());
        assert!(case.text().starts_with("only root may load a module"));
        let mut case = Case::new(libc::EPERM);
        case.host.modules_disabled = true;
        assert!(case.text().contains("kernel.modules_disabled"));
    }

    #[test]
    fn what_the_kernel_says_without_end_is_cut() {
        let mut case = Case::new(libc::ENOENT);
        case.heard = &["famfs: Unknown symbol x (err -2)"; 50];
        assert_eq!(case.explain().hints.len(), 9);
    }

    #[test]
    fn unloading_names_who_holds_it() {
        let pins = ["mounted on /mnt/a (seen by pid 1)".to_owned()];
        let error = unload(libc::EAGAIN, true, &pins);
        assert_eq!(error.message, "famfs is in use");
        assert_eq!(error.hints, pins);
        assert!(
            unload(libc::EAGAIN, true, &[])
                .message
                .contains("could not be found")
        );
        assert_eq!(
            unload(libc::ENOENT, true, &[]).message,
            "famfs is not loaded"
        );
        assert!(unload(libc::EPERM, false, &[]).missing_feature);
    }
}
