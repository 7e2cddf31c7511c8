//! Whether the kernel can mount famfs, and how to make it able to.

use std::io;
use std::process::Command;

use super::Error;

/// Whether the kernel has the file system, as a module or built in.
pub fn is_present() -> bool {
    let types = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    types
        .lines()
        .any(|line| line.split_whitespace().next_back() == Some("famfs"))
}

/// Has the module loaded by `modprobe`, if it is not there.
pub fn load() -> Result<(), Error> {
    if is_present() {
        return Ok(());
    }
    let done = Command::new("modprobe").arg("famfs").output();
    let source = match done {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            io::Error::other(said.lines().next().unwrap_or("it failed").to_owned())
        }
        Err(e) => e,
    };
    Err(Error::LoadModule(source))
}
