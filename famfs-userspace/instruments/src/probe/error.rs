//! What can go wrong between the object and the first count.

use std::io;

/// Why the instrument is not in the kernel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "the BPF programs are not part of this binary; run `cargo xtask build-ebpf`, then \
         build it again"
    )]
    NoObject,
    #[error("missing {}; run as root, or give it to the binary (famfs-top doctor says how)", .0.join(" and "))]
    Privilege(Vec<&'static str>),
    #[error(
        "this process is in a user namespace, as in a rootless container, and bpf(2) accepts \
         CAP_BPF and CAP_PERFMON from the first user namespace only; run famfs-top on the host, \
         outside of the container"
    )]
    UserNamespace,
    #[error(
        "cannot read the kernel's type information ({path}): {source}; the kernel needs \
         CONFIG_DEBUG_INFO_BTF=y"
    )]
    NoBtf {
        path: &'static str,
        source: io::Error,
    },
    #[error("the kernel's type information is broken: {0}")]
    BadBtf(&'static str),
    #[error("struct {owner} has no member {member} of {width} bytes in this kernel")]
    NoField {
        owner: &'static str,
        member: &'static str,
        width: u32,
    },
    #[error("tracepoint {0} is not in this kernel; it needs CONFIG_FS_DAX=y")]
    NoTracepoint(&'static str),
    #[error("the embedded BPF object is broken: {0}")]
    BadObject(&'static str),
    #[error("cannot have the kernel take the time of BPF programs: {0}")]
    RunStats(#[source] io::Error),
    #[error("cannot load the BPF programs: {}", chain(.0))]
    Object(#[source] aya::EbpfError),
    #[error("cannot {action} program {program} on {target}: {}", chain(.source))]
    Program {
        action: &'static str,
        program: &'static str,
        target: &'static str,
        source: Box<aya::programs::ProgramError>,
    },
    #[error("cannot use map {map}: {why}")]
    Map { map: &'static str, why: String },
    #[error("{possible} possible CPUs are more than the {most} that an entry can name")]
    TooManyCpus { possible: usize, most: u32 },
    #[error(
        "cannot wait for running BPF programs (membarrier): {0}; a kernel with nohz_full CPUs \
         refuses it"
    )]
    Membarrier(#[source] io::Error),
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: io::Error },
}

impl Error {
    /// The machine has to change, not the call: a privilege or a kernel feature is missing.
    pub(crate) fn is_unsupported(&self) -> bool {
        match self {
            Self::Privilege(_)
            | Self::UserNamespace
            | Self::NoBtf { .. }
            | Self::BadBtf(_)
            | Self::NoField { .. }
            | Self::NoTracepoint(_)
            | Self::TooManyCpus { .. }
            | Self::Membarrier(_) => true,
            Self::Program { source, .. } => is_permission(source),
            // Maps and type information are refused as programs are.
            Self::Object(source) => is_permission(source),
            Self::RunStats(source) => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}

/// The kernel said no for lack of a privilege: a lockdown, a sandbox, a user namespace.
fn is_permission(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io.kind() == io::ErrorKind::PermissionDenied;
        }
        next = error.source();
    }
    false
}

/// An error and what caused it, on one line, short enough to be read: the verifier's log is a
/// book, and its last lines tell.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let line = error.to_string();
        // What it has against a program stands before its statistics.
        let statistics =
            |line: &&str| line.starts_with("processed ") || line.starts_with("verification time");
        let lines: Vec<_> = line
            .lines()
            .take_while(|line| !statistics(line))
            .filter(|line| !line.is_empty())
            .collect();
        let line = match lines[..] {
            [] => line.lines().next().unwrap_or_default().to_owned(),
            [only] => only.to_owned(),
            [first, .., before, last] => format!("{first} ... {before} {last}"),
            [first, last] => format!("{first} ... {last}"),
        };
        if !text.contains(&line) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&line);
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aya::maps::MapError;

    use super::*;

    #[test]
    fn a_map_that_the_kernel_refuses_is_a_missing_privilege() {
        let refused = |code| {
            let name = "MEMORY".to_owned();
            let io_error = io::Error::from_raw_os_error(code);
            Error::Object(MapError::CreateError { name, io_error }.into())
        };
        let error = refused(libc::EPERM);
        assert!(error.is_unsupported());
        let text = error.to_string();
        assert_eq!(text.matches("Operation not permitted").count(), 1, "{text}");
        assert!(!refused(libc::ENOMEM).is_unsupported());
    }
}
