//! The environment variables that our programs read. They are read through this table alone, so
//! that `docs/reference/contracts` has them all; clippy refuses any other way, by `clippy.toml`.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the environment"
)]

use std::ffi::OsString;

/// A variable of the environment.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    pub name: &'static str,
    /// The program that reads it.
    pub program: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

impl Variable {
    /// Its value, if it is set.
    pub fn get(&self) -> Option<OsString> {
        std::env::var_os(self.name)
    }

    /// Its value, if it is set and is text.
    pub fn text(&self) -> Option<String> {
        self.get()?.into_string().ok()
    }

    /// Whether this variable, or this family of variables whose name ends with `*`, has the name.
    pub fn is_named(&self, name: &str) -> bool {
        self.rest_of(name).is_some()
    }

    /// What stands for the `*` in a name of this family, and nothing for a single variable.
    fn rest_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        match self.name.strip_suffix('*') {
            Some(prefix) => name.strip_prefix(prefix),
            None => (name == self.name).then_some(""),
        }
    }

    /// The variables of this family that are set, with what stands for the `*` in their names.
    /// Those that are no text are left out.
    pub fn family(&self) -> impl Iterator<Item = (String, String)> {
        self.members(std::env::vars_os())
    }

    fn members(
        &self,
        all: impl Iterator<Item = (OsString, OsString)>,
    ) -> impl Iterator<Item = (String, String)> {
        all.filter_map(|(name, value)| {
            let rest = self.rest_of(name.to_str()?)?.to_owned();
            Some((rest, value.into_string().ok()?))
        })
    }
}

macro_rules! variables {
    ($($id:ident = $name:literal of $program:literal: $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $id: Variable = Variable {
                name: $name,
                program: $program,
                meaning: $meaning,
            };
        )*
        /// All of them.
        pub const VARIABLES: &[Variable] = &[$($id),*];
    };
}

variables! {
    SYSTEM_UUID_FILE = "FAMFS_SYSTEM_UUID_FILE" of "famfs":
        "The file that holds this host's identity, instead of `/opt/famfs/system_uuid`.";
    MODE = "FAMFS_MODE" of "famfs":
        "`fuse` makes `famfs mount` fail with status 3, because there is no fuse here; other values are ignored.";
    KABI = "FAMFS_KABI" of "famfs":
        "`43` or `44`: the kernel interface to use where the module speaks both.";
    AVOID = "FAMFS_TOP_AVOID" of "famfs-top":
        "Kinds of attachment that are not to be used, separated by blanks; for tests of what is shown without them.";
    NO_COLOR = "NO_COLOR" of "famfs-top":
        "Any value but the empty one shows the screen without colours, unless `--theme` says otherwise.";
    TERM = "TERM" of "famfs-top":
        "`dumb` or nothing says that the terminal can show no screen: one table is printed.";
    LC_ALL = "LC_ALL" of "famfs-top":
        "The locale, before `LC_CTYPE` and `LANG`: without UTF-8 in it the screen is drawn in ASCII.";
    LC_CTYPE = "LC_CTYPE" of "famfs-top":
        "The locale's characters, before `LANG`.";
    LANG = "LANG" of "famfs-top":
        "The locale where neither of the others is set.";
    DETERMINISTIC = "FAMFS_DETERMINISTIC" of "famfs-bench":
        "`1` says that every boot of this machine executes the same instructions; set by `cargo xtask lab --deterministic`.";
    KERNEL = "FAMFS_KERNEL" of "famfs-bench":
        "The kernel of the lab's guest. Only where it is set may a device be formatted without being asked for by name.";
    DEVICE = "FAMFS_DEV" of "famfs-bench":
        "The device of the lab's guest, taken where none is given.";
    FINGERPRINT = "FAMFS_FINGERPRINT_*" of "famfs-bench":
        "An entry of a result's fingerprint that only the host of the guest can tell, such as `FAMFS_FINGERPRINT_QEMU`; set by `cargo xtask gate`.";
    BLESS = "FAMFS_BLESS" of "cargo xtask":
        "`1` makes the tests write the register of contracts instead of comparing it; set by `cargo xtask check --bless`.";
    BPF_OBJECT = "FAMFS_BPF_OBJECT" of "cargo xtask":
        "The BPF object that a build of famfs-top embeds, instead of the one that `cargo xtask build-ebpf` makes.";
    BPF_OBJECT_PATH = "FAMFS_BPF_OBJECT_PATH" of "cargo xtask":
        "The BPF object that is embedded; the build script sets it for the compiler.";
    LAB_HIDE = "FAMFS_LAB_HIDE" of "cargo xtask":
        "Words, separated by commas: set-up is not offered packages whose name has one of them.";
    LAB_DEBS = "FAMFS_LAB_DEBS" of "cargo xtask":
        "A folder of `.deb` files that set-up is offered besides those of the archive.";
    LAB_DEVICE = "FAMFS_DEV" of "the lab's guest":
        "The guest's DAX device.";
    LAB_SECOND_DEVICE = "FAMFS_DEV2" of "the lab's guest":
        "The guest's second DAX device, where it has one.";
    LAB_HOST = "FAMFS_HOST" of "the lab's guest":
        "The number of a guest that shares its memory with others, from 1 on.";
    LAB_KERNEL = "FAMFS_KERNEL" of "the lab's guest":
        "The series of the guest's kernel, such as `6.12`.";
    LAB_DETERMINISTIC = "FAMFS_DETERMINISTIC" of "the lab's guest":
        "`1` where every boot executes the same instructions.";
    INJECT = "FAMFS_INJECT" of "the tests":
        "A variable of the module's makefile: its faults execute so many per mille more instructions, for a test of the gate.";
    GOLDEN = "FAMFS_GOLDEN" of "the tests":
        "A folder of images that the upstream tools wrote, to compare with.";
    FUZZ_SECONDS = "FAMFS_FUZZ_SECONDS" of "the tests":
        "How long user space is fed with random bytes; set by `cargo xtask fuzz-host`.";
    FUZZ_SEED = "FAMFS_FUZZ_SEED" of "the tests":
        "The seed of these bytes.";
    TESTS = "FAMFS_TEST_*" of "the tests":
        "A mark by which a test that runs itself again knows its child.";
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_family_has_every_name_that_begins_so() {
        assert!(FINGERPRINT.is_named("FAMFS_FINGERPRINT_QEMU"));
        assert!(!FINGERPRINT.is_named("FAMFS_FINGERPRINT"));
        assert!(DEVICE.is_named("FAMFS_DEV"));
        assert!(!DEVICE.is_named("FAMFS_DEV2"));
    }

    #[test]
    fn what_is_no_text_is_left_out() {
        let odd = OsStr::from_bytes(b"\xff").to_owned();
        let all = [
            ("FAMFS_FINGERPRINT_QEMU".into(), "10.0.2".into()),
            ("FAMFS_FINGERPRINT_ODD".into(), odd.clone()),
            (odd, "value".into()),
            ("FAMFS_DEV".into(), "/dev/pmem0".into()),
        ];
        let found: Vec<_> = FINGERPRINT.members(all.into_iter()).collect();
        assert_eq!(found, [("QEMU".to_owned(), "10.0.2".to_owned())]);
    }
}
