//! Kernel modules, loaded in the order that the host worked out.

use std::fs::File;

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    kmod::{ModuleInitFlags, finit_module},
};

/// Loads each module; one that is there already is fine.
pub(crate) fn load_all(paths: &[String]) -> Result<()> {
    for path in paths {
        let file = File::open(path).with_context(|| format!("cannot open module {path}"))?;
        match finit_module(&file, c"", ModuleInitFlags::empty()) {
            // ENODEV: the hardware that the module drives is not in this guest.
            Ok(()) | Err(Errno::EEXIST | Errno::ENODEV) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot load module {path}"));
            }
        }
    }
    Ok(())
}
