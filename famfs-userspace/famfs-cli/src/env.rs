//! The environment variables that our programs read. They are read through this table alone, so
//! that `docs/reference/contracts` has them all.

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
}
