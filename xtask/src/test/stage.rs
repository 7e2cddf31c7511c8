//! Two hosts of the lab, and what the tests of them share.

use anyhow::{Context, Result, ensure};

use super::look::{self, MOUNT, Names};
use crate::lab::{Args, host::Host, hosts, shared::Shared};
use crate::setup::kernels::{self, Line};

/// Where famfs has what, in bytes from the start of the device.
pub(crate) const MAGIC_AT: u64 = 0;
pub(crate) const MAGIC: u64 = 0x87b2_82ff;
pub(crate) const FS_UUID_AT: u64 = 48;
const LOG_AT: u64 = 2 << 20;
pub(crate) const NEXT_SEQNUM_AT: u64 = LOG_AT + 32;
pub(crate) const NEXT_INDEX_AT: u64 = LOG_AT + 40;

/// Where files begin, behind a log of the usual length.
pub(crate) const DATA_AT: u64 = LOG_AT + (8 << 20);

/// Where slot `index` of the log starts; its checksum is its last field.
pub(crate) fn slot_at(index: u64) -> u64 {
    LOG_AT + 48 + 544 * index
}

pub(crate) const SLOT_SIZE: u64 = 544;

/// Where the checksum of slot `index` is: zero until the entry is stored.
pub(crate) fn slot_crc_at(index: u64) -> u64 {
    slot_at(index) + SLOT_SIZE - 8
}

/// All that the guests need, small enough to be copied in milliseconds.
pub(crate) const SIZE: u64 = 256 << 20;

/// The kernels of two hosts, and how their memory is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    lines: [Line; 2],
    memory: lab_init::Memory,
}

/// Two kernels if there are two: every one has pmem.
fn mixed(present: &[Line]) -> Option<Setting> {
    Some(Setting {
        lines: [*present.first()?, *present.last()?],
        memory: lab_init::Memory::Pmem,
    })
}

/// There the metadata of a device that is not mounted is written through a mapping, too.
fn fsdev(present: &[Line]) -> Option<Setting> {
    let memory = lab_init::Memory::Fsdev;
    let line = present
        .iter()
        .find(|line| line.memories().contains(&memory))?;
    Some(Setting {
        lines: [*line; 2],
        memory,
    })
}

/// The settings that the kernels of this machine allow.
pub(crate) fn settings() -> Vec<Setting> {
    let present = kernels::present();
    mixed(&present).into_iter().chain(fsdev(&present)).collect()
}

/// The settings with each host that can be the master.
pub(crate) fn directions() -> Vec<(Setting, usize)> {
    let masters = |setting: Setting| {
        setting
            .masters()
            .iter()
            .map(move |master| (setting, *master))
    };
    settings().into_iter().flat_map(masters).collect()
}

impl Setting {
    /// Who makes and who looks: each in turn, unless both hosts are alike.
    pub(crate) fn masters(self) -> &'static [usize] {
        if self.lines[0] == self.lines[1] {
            &[0]
        } else {
            &[0, 1]
        }
    }

    /// Who makes and who looks, in words.
    pub(crate) fn direction(self, master: usize) -> String {
        let Self { lines, memory } = self;
        let memory = match memory {
            lab_init::Memory::Fsdev => " fsdev",
            lab_init::Memory::Cxl => " cxl",
            lab_init::Memory::Pmem => "",
        };
        let [from, to] = [lines[master], lines[1 - master]].map(Line::series);
        format!("{from} -> {to}{memory}")
    }

    fn anonymous(self) -> Result<Shared> {
        let info_block = match self.memory {
            lab_init::Memory::Fsdev => 2 << 20,
            lab_init::Memory::Pmem | lab_init::Memory::Cxl => 0,
        };
        Shared::anonymous(info_block, SIZE)
    }
}

/// Two hosts, on or off.
pub(crate) struct Stage {
    pub hosts: Vec<Host>,
    /// What each has; one only where they share it.
    pub memories: Vec<Shared>,
}

/// Whoever makes the file systems, and whoever looks at them.
pub(crate) struct Pair<'s> {
    pub master: &'s mut Host,
    pub client: &'s mut Host,
    pub memory: &'s Shared,
}

impl Stage {
    /// Hosts that share one memory.
    pub(crate) fn sharing(setting: Setting) -> Result<Self> {
        Self::new(setting, vec![setting.anonymous()?], &[])
    }

    /// Hosts with a memory each, and these files.
    pub(crate) fn apart(setting: Setting, files: &[(String, Vec<u8>)]) -> Result<Self> {
        let memories = vec![setting.anonymous()?, setting.anonymous()?];
        Self::new(setting, memories, files)
    }

    fn new(setting: Setting, memories: Vec<Shared>, files: &[(String, Vec<u8>)]) -> Result<Self> {
        let args = Args::for_hosts(setting.lines, SIZE);
        let of = |index: usize| memories.get(index).unwrap_or(&memories[0]);
        let mut hosts = hosts::ready(&args, setting.memory, [of(0), of(1)], files)?;
        Host::boot(&mut hosts)?;
        Ok(Self { hosts, memories })
    }

    /// Two hosts that share one memory; the master is the first or the second.
    pub(crate) fn pair(&mut self, master: usize) -> Result<Pair<'_>> {
        let [first, second] = self.hosts.as_mut_slice() else {
            anyhow::bail!("a stage has two hosts");
        };
        let memory = self.memories.first().context("a stage has a memory")?;
        let (master, client) = if master == 0 {
            (first, second)
        } else {
            (second, first)
        };
        Ok(Pair {
            master,
            client,
            memory,
        })
    }

    /// Says whether an emulator died by itself; fails where a kernel had complained.
    pub(crate) fn is_lost(&mut self) -> Result<bool> {
        let mut lost = false;
        for host in &mut self.hosts {
            lost |= host.is_lost()?;
        }
        if lost {
            self.hosts.iter().try_for_each(Host::healthy)?;
        }
        Ok(lost)
    }

    /// Boots those again whose emulator died, with memory that was never used.
    pub(crate) fn renew(&mut self) -> Result<()> {
        for host in &mut self.hosts {
            if host.is_lost()? {
                host.kill()?;
            }
        }
        self.pair(0)?.reset()
    }

    /// Powers both off; fails where a kernel complained.
    pub(crate) fn end(mut self) -> Result<()> {
        self.hosts.iter_mut().try_for_each(Host::shut)
    }
}

impl Pair<'_> {
    /// Nothing mounted, nothing running, and memory that was never used.
    pub(crate) fn reset(&mut self) -> Result<()> {
        Host::boot([&mut *self.master, &mut *self.client])?;
        for host in [&mut *self.master, &mut *self.client] {
            host.must(
                "killall -q -9 famfs; cd /; for try in 1 2 3 4 5; do \
                 grep -q famfs /proc/mounts || break; famfs umount /mnt/famfs || usleep 100000; \
                 done; ! grep famfs /proc/mounts",
            )?;
        }
        self.memory.clear(0)
    }

    /// A file system of the master, mounted there.
    pub(crate) fn fresh(&mut self) -> Result<()> {
        self.reset()?;
        self.master
            .must(&format!("famfs mkfs $FAMFS_DEV && {}", mount()))
            .map(drop)
    }
}

/// Mounts the host's device.
pub(crate) fn mount() -> String {
    format!("famfs mount $FAMFS_DEV {MOUNT}")
}

/// Fails unless the host sees exactly these names.
pub(crate) fn sees(host: &mut Host, wanted: &Names) -> Result<()> {
    let found = Names::parse(&host.must(look::SCRIPT)?)?;
    found.must_be(wanted, &host.name)
}

/// Fails unless a script ends with this status and says so.
pub(crate) fn ends(host: &mut Host, script: &str, status: i32, words: &str) -> Result<String> {
    let said = host.run(script)?;
    let text = format!("{}{}", said.out, said.err);
    ensure!(
        said.status == status && text.contains(words),
        "on {}, `{script}` ended with {} instead of {status} and `{words}`:\n{text}",
        host.name,
        said.status
    );
    Ok(said.out)
}

/// Fails unless fsck has neither an error nor a warning.
pub(crate) fn clean(host: &mut Host) -> Result<()> {
    ends(host, &format!("famfs fsck {MOUNT}"), 0, "clean").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_is_missing_leaves_what_the_other_can_do() {
        let both = mixed(&Line::ALL).unwrap();
        assert_eq!(both.lines, [Line::Lts, Line::Current]);
        assert_eq!(both.masters(), [0, 1]);
        assert_eq!(fsdev(&Line::ALL).unwrap().lines, [Line::Current; 2]);

        let alone = mixed(&[Line::Current]).unwrap();
        assert_eq!(alone.lines, [Line::Current; 2]);
        assert_eq!(alone.masters(), [0]);
        assert_eq!(fsdev(&[Line::Current]).unwrap().masters(), [0]);

        assert_eq!(mixed(&[Line::Lts]).unwrap().lines, [Line::Lts; 2]);
        assert_eq!(fsdev(&[Line::Lts]), None);
        assert_eq!((mixed(&[]), fsdev(&[])), (None, None));
    }
}
