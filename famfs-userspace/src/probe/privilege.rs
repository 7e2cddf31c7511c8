//! The capabilities that loading tracing programs takes.

use super::Error;
use crate::privilege::{effective, missing};

/// Fails early and by name, since the kernel would only say EPERM.
pub(super) fn check() -> Result<(), Error> {
    // A status that does not tell is no kernel of ours; let bpf(2) decide.
    let missing = effective().map(missing).unwrap_or_default();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Privilege(missing))
    }
}
