//! Commands with some capabilities and nothing else, and the capabilities of who runs.

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    process::{Command, Output},
};

use caps::{CapSet, Capability, CapsHashSet};
use nix::{
    sys::prctl::set_keepcaps,
    unistd::{Gid, Uid, setgid, setgroups, setuid},
};

const NOBODY: u32 = 65534;

/// A command line to be run as nobody, with these capabilities and no other.
pub(crate) fn nobody(line: &str, granted: &[Capability]) -> Command {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    let granted: CapsHashSet = granted.iter().copied().collect();
    // SAFETY: this program has one thread, so its child may do all that it could do itself.
    unsafe { command.pre_exec(move || become_nobody(&granted)) };
    command
}

fn become_nobody(granted: &CapsHashSet) -> io::Result<()> {
    set_keepcaps(true)?;
    setgroups(&[])?;
    setgid(Gid::from_raw(NOBODY))?;
    setuid(Uid::from_raw(NOBODY))?;
    for set in [CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient] {
        caps::set(None, set, granted).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Runs it to its end.
pub(crate) fn run(line: &str, granted: &[Capability]) -> Output {
    let output = nobody(line, granted).output();
    output.unwrap_or_else(|error| panic!("cannot run `{line}`: {error}"))
}

/// The five sets of every thread of a process: inheritable, permitted, effective, bounding and
/// ambient.
pub(crate) fn of_threads(pid: u32) -> Vec<[u64; 5]> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads
        .map(|thread| {
            let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            parse(&status)
        })
        .collect()
}

/// The sets in a `status` file.
pub(crate) fn parse(status: &str) -> [u64; 5] {
    ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].map(|name| {
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix(name));
        u64::from_str_radix(value.unwrap().trim(), 16).unwrap()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_in_their_order() {
        let status = "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000001\n\
                      CapEff:\t0000000000000002\nCapBnd:\t000001ffffffffff\nCapAmb:\t04\n";
        assert_eq!(parse(status), [0, 1, 2, 0x1ff_ffff_ffff, 4]);
    }
}
