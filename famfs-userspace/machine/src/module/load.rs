//! Loads the module.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::explain::{self, Refusal};
use super::file::{self, Module};
use super::host;
use super::kmsg::Listener;
use super::status::loaded_srcversion;
use super::{Error, modinfo::ModInfo};

/// `finit_module(2)`'s flag for a file that the kernel unpacks.
const COMPRESSED: libc::c_int = 4;

/// Loads this file, or the one installed for the running kernel.
pub fn load(path: Option<&Path>) -> Result<(), Error> {
    let host = host::read();
    let installed;
    let path = if let Some(path) = path {
        path
    } else {
        installed = file::find(&host.release)?;
        &installed
    };
    let module = file::open(path)?;
    let listener = Listener::start();
    load_needed(module.info.as_ref());
    let Err(errno) = insert(&module) else {
        return Ok(());
    };
    let heard = listener.heard();
    Err(explain::load(&Refusal {
        file: &path.display().to_string(),
        errno,
        info: module.info.as_ref(),
        malformed: module.malformed,
        host: &host,
        loaded: loaded_srcversion().as_deref(),
        heard: &heard,
    }))
}

/// Asks modprobe for the modules it depends on. One that does not come is found by the kernel,
/// which then names the symbols.
fn load_needed(info: Option<&ModInfo>) {
    for name in info.map_or(&[][..], |info| &info.depends) {
        if !fs::exists(format!("/sys/module/{name}")).unwrap_or(false) {
            let _ = Command::new("modprobe")
                .args(["-q", "--", name])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn insert(module: &Module) -> Result<(), i32> {
    let flags = if module.compressed { COMPRESSED } else { 0 };
    // SAFETY: the descriptor is open and the parameters are an empty, terminated string.
    let done = unsafe {
        libc::syscall(
            libc::SYS_finit_module,
            module.file.as_raw_fd(),
            c"".as_ptr(),
            flags,
        )
    };
    if done == 0 {
        return Ok(());
    }
    Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}
