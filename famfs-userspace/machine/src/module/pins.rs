//! Who keeps the module from being unloaded.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use famfs_cli::name;
use serde::Serialize;

use super::bpf::{self, Attached};
use super::processes::{self, Process, Use};

/// One reason why the module cannot go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Pin {
    /// A mount, and a process that sees it.
    Mount {
        #[serde(flatten)]
        mount_point: name::MountPoint,
        #[serde(flatten)]
        source: name::Source,
        pid: u32,
    },
    /// A file system without a mount point, which a process still uses.
    Detached {
        dev: String,
        pid: u32,
        command: String,
        /// `maps FILE`, `has FILE open`, `works in FOLDER`.
        how: String,
    },
    /// A BPF program attached to the module, or loaded for it.
    Bpf {
        /// The link's id; none when the program is loaded, not attached.
        link: Option<u32>,
        program: u32,
        what: String,
        /// Processes that hold it; none means that it is pinned in a BPF file system.
        held_by: Vec<String>,
    },
    /// A trigger on one of the module's trace events.
    Trigger { file: String },
    /// Another module that uses this one.
    Module { name: String },
    /// A perf event of a process, perhaps on one of the module's tracepoints.
    Perf { pid: u32, command: String },
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mount {
                mount_point,
                source,
                pid,
            } => write!(
                f,
                "{} is mounted on {} (seen by pid {pid}): `famfs umount` it{}",
                source.text(),
                mount_point.text(),
                if *pid == std::process::id() {
                    String::new()
                } else {
                    format!(" in its mount namespace, `nsenter -t {pid} -m`")
                }
            ),
            Self::Detached {
                dev,
                pid,
                command,
                how,
            } => write!(
                f,
                "the unmounted file system {dev} is still used: pid {pid} ({command}) {how}"
            ),
            Self::Bpf {
                link,
                program,
                what,
                held_by,
            } => {
                match link {
                    Some(link) => write!(f, "BPF link {link} of program {program}, {what}")?,
                    None => write!(f, "BPF program {program}, {what}")?,
                }
                if held_by.is_empty() {
                    write!(
                        f,
                        ", held by no process seen here: pinned in a BPF file system?"
                    )
                } else {
                    write!(f, ", held by {}", held_by.join(", "))
                }
            }
            Self::Trigger { file } => write!(f, "a trigger is set in {file}"),
            Self::Module { name } => write!(f, "the module {name} uses it: unload that first"),
            Self::Perf { pid, command } => write!(
                f,
                "pid {pid} ({command}) has perf events, perhaps on the module's tracepoints"
            ),
        }
    }
}

/// Looks everywhere. Other processes' secrets are seen only by root.
pub fn find() -> Vec<Pin> {
    let processes = processes::read();
    let mut pins = mounts(&processes);
    pins.extend(detached(&processes));
    pins.extend(attached(&bpf::attached(), &processes));
    pins.extend(triggers());
    pins.extend(holders());
    if pins.is_empty() {
        pins.extend(perf(&processes));
    }
    pins
}

/// Every mount once, named by the first process whose mount namespace has it; our own first.
fn mounts(processes: &[Process]) -> Vec<Pin> {
    let mut found: BTreeMap<(name::MountPoint, u64), Pin> = BTreeMap::new();
    for process in processes {
        for mount in process.mounts.iter().filter(|mount| mount.is_famfs()) {
            let mount_point = name::MountPoint::from(&*mount.mount_point);
            found
                .entry((mount_point.clone(), process.namespace))
                .or_insert_with(|| Pin::Mount {
                    mount_point,
                    source: mount.source.as_path().into(),
                    pid: process.pid,
                });
        }
    }
    found.into_values().collect()
}

/// Users of file systems that live and that are mounted nowhere: `umount -l` leaves such.
fn detached(processes: &[Process]) -> Vec<Pin> {
    let mounted: Vec<(u32, u32)> = processes
        .iter()
        .flat_map(|process| &process.mounts)
        .filter(|mount| mount.is_famfs())
        .map(|mount| (mount.major, mount.minor))
        .collect();
    let names = fs::read_dir("/sys/fs/famfs").into_iter().flatten();
    let mut pins = Vec::new();
    for name in names.flatten().map(|entry| entry.file_name()) {
        let Some(dev) = processes::parse_dev(&name.to_string_lossy(), 10) else {
            continue;
        };
        if mounted.contains(&dev) {
            continue;
        }
        for process in processes {
            for how in process.uses(dev) {
                pins.push(Pin::Detached {
                    dev: format!("{}:{}", dev.0, dev.1),
                    pid: process.pid,
                    command: process.command.clone(),
                    how,
                });
            }
        }
    }
    pins
}

fn attached(attached: &[Attached], processes: &[Process]) -> Vec<Pin> {
    let holders = |wanted: Use| -> Vec<String> {
        processes
            .iter()
            .filter(|process| process.bpf.contains(&wanted))
            .map(|process| format!("pid {} ({})", process.pid, process.command))
            .collect()
    };
    attached
        .iter()
        .map(|attached| Pin::Bpf {
            link: attached.link,
            program: attached.program,
            what: attached.what.clone(),
            held_by: holders(match attached.link {
                Some(link) => Use::Link(link),
                None => Use::Program(attached.program),
            }),
        })
        .collect()
}

/// Triggers hold the module; an event that is merely enabled does not.
fn triggers() -> Vec<Pin> {
    let events = fs::read_dir("/sys/kernel/tracing/events/famfs")
        .into_iter()
        .flatten();
    events
        .flatten()
        .map(|event| event.path().join("trigger"))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.lines().any(|line| !line.starts_with('#'))
        })
        .map(|file| Pin::Trigger {
            file: file.display().to_string(),
        })
        .collect()
}

fn holders() -> Vec<Pin> {
    let names = fs::read_dir("/sys/module/famfs/holders")
        .into_iter()
        .flatten();
    names
        .flatten()
        .map(|entry| Pin::Module {
            name: entry.file_name().to_string_lossy().into_owned(),
        })
        .collect()
}

fn perf(processes: &[Process]) -> Vec<Pin> {
    processes
        .iter()
        .filter(|process| process.bpf.contains(&Use::Perf))
        .map(|process| Pin::Perf {
            pid: process.pid,
            command: process.command.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::mountinfo;

    fn process(pid: u32, namespace: u64, mountinfo: &str) -> Process {
        Process {
            pid,
            command: "sleep".into(),
            namespace,
            mounts: mountinfo::parse(mountinfo.as_bytes()),
            bpf: Vec::new(),
        }
    }

    const MOUNT: &str = "40 22 0:42 / /mnt/famfs rw - famfs /dev/pmem0 rw\n";

    #[test]
    fn a_mount_is_named_once_for_each_namespace() {
        let processes = [
            process(1, 7, MOUNT),
            process(2, 7, MOUNT),
            process(3, 8, MOUNT),
            process(4, 9, "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"),
        ];
        let pids: Vec<u32> = mounts(&processes)
            .iter()
            .map(|pin| match pin {
                Pin::Mount { pid, .. } => *pid,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(pids, [1, 3]);
        let text = mounts(&processes)[0].to_string();
        assert!(
            text.starts_with("/dev/pmem0 is mounted on /mnt/famfs (seen by pid 1)"),
            "{text}"
        );
    }

    #[test]
    fn a_link_names_the_processes_that_hold_it() {
        let mut holder = process(5, 1, "");
        holder.bpf = vec![Use::Link(3), Use::Program(9)];
        let found = [
            Attached {
                link: Some(3),
                program: 9,
                what: "raw tracepoint famfs_fault".into(),
            },
            Attached {
                link: None,
                program: 8,
                what: "for a function of the module".into(),
            },
        ];
        let texts: Vec<String> = attached(&found, &[holder])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "BPF link 3 of program 9, raw tracepoint famfs_fault, held by pid 5 (sleep)",
                "BPF program 8, for a function of the module, held by no process seen here: \
                 pinned in a BPF file system?",
            ]
        );
    }

    #[test]
    fn pins_are_tagged_in_json() {
        let pin = Pin::Module { name: "x".into() };
        let json = serde_json::to_value(&pin).unwrap();
        assert_eq!(json, serde_json::json!({"kind": "module", "name": "x"}));
    }
}
