//! The capabilities that loading tracing programs takes.

use super::Error;
use famfs_machine::privilege::{Cap, effective, has, in_user_namespace, missing};

/// Fails early and by name, since the kernel would only say EPERM.
/// `run_stats` needs more than all the rest.
pub(super) fn check(run_stats: bool) -> Result<(), Error> {
    // First, because to be root there does not help.
    if in_user_namespace() {
        return Err(Error::UserNamespace);
    }
    // A status that does not tell is no kernel of ours; let bpf(2) decide.
    let Some(effective) = effective() else {
        return Ok(());
    };
    let missing = if run_stats && !has(effective, Cap::SysAdmin) {
        vec!["CAP_SYS_ADMIN"]
    } else {
        missing(effective)
    };
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Privilege(missing))
    }
}
