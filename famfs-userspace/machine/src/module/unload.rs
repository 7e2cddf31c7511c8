//! Unloads the module, or says who holds it.

use super::{Error, explain, host, pins};

pub fn unload() -> Result<(), Error> {
    // SAFETY: the name is a terminated string; O_NONBLOCK means not to wait for users to leave.
    let done =
        unsafe { libc::syscall(libc::SYS_delete_module, c"famfs".as_ptr(), libc::O_NONBLOCK) };
    if done == 0 {
        return Ok(());
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    let pins: Vec<String> = match errno {
        libc::EAGAIN | libc::EBUSY => pins::find().iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    Err(explain::unload(errno, host::read().privileged, &pins))
}
