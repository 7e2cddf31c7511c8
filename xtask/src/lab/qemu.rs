//! The QEMU command line of a guest.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use lab_init::{
    Memory,
    wire::{CONTROL_PORT, DATA_PORT, DEBUG_PORT},
};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The guest's ordinary memory.
const RAM: u64 = GIB;

/// The largest DAX memory that fits between the ordinary memory and the PCI hole.
const BELOW_HOLE: u64 = 2 * GIB;

/// Firmware tables sit at the end of low memory; DAX memory must not reach into them.
const FIRMWARE: u64 = 128 * MIB;

/// The memory below the hole: with more than 3.5 GiB, QEMU's `pc` machine puts 3 GiB there and the rest
/// at 4 GiB.
const LOW: u64 = 3 * GIB;

/// A second DAX device is small, and apart from the first: the kernel takes neighbours for one.
const SECOND: u64 = 256 * MIB;
const GAP: u64 = 128 * MIB;

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accel {
    Kvm,
    Tcg,
    /// Bit-identical from boot to boot: one instruction is one nanosecond and one TSC tick.
    Deterministic,
}

/// Everything that decides the command line.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub accel: Accel,
    pub memory: Memory,
    pub size: u64,
    /// DAX devices: 1 or 2.
    pub devices: u32,
    pub memory_file: Option<PathBuf>,
    pub kernel: PathBuf,
    pub initrd: PathBuf,
    pub console: PathBuf,
    /// Folder for the two sockets.
    pub sockets: PathBuf,
    /// The rate of the time stamp counter that the guest shares with the host, in kHz.
    pub tsc_khz: Option<u64>,
    pub share: Option<PathBuf>,
    /// What follows `-plugin`.
    pub plugin: Option<String>,
    /// The debugging kernel: it keeps books on every byte, and it says all it finds.
    pub debug: bool,
}

impl Machine {
    pub(crate) fn data_socket(&self) -> PathBuf {
        self.sockets.join("data")
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.sockets.join("control")
    }

    /// The guest's kernel command line.
    pub(crate) fn kernel_line(&self) -> String {
        // noapic: without, TCG under load now and then panics with "IO-APIC + timer doesn't work".
        // The watchdogs are slowed down, not off: a busy host is no kernel bug.
        // The self-tests of ciphers take half a second of every boot.
        let mut line = String::from(
            "console=ttyS0 panic=-1 quiet loglevel=5 noapic \
             cryptomgr.notests watchdog_thresh=40 rcupdate.rcu_cpu_stall_timeout=90 workqueue.watchdog_thresh=90",
        );
        if self.memory != Memory::Cxl {
            let start = self.dax_start() / GIB;
            let _ = write!(line, " memmap={}M!{start}G", self.size / MIB);
            if self.devices > 1 {
                let start = (self.dax_start() + self.size + GAP) / MIB;
                let _ = write!(line, " memmap={}M!{start}M", SECOND / MIB);
            }
        }
        if self.debug {
            line += " kasan_multi_shot";
        }
        if let (Accel::Tcg, Some(khz)) = (self.accel, self.tsc_khz) {
            let _ = write!(line, " tsc_early_khz={khz}");
        }
        if self.accel == Accel::Deterministic {
            line += " nokaslr norandmaps randomize_kstack_offset=off";
        }
        line
    }

    /// The arguments of `qemu-system-x86_64`.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut list = words(
            "-nodefaults -no-user-config -no-reboot -display none -monitor none -parallel none",
        );
        list.extend(self.accel_arguments());
        list.extend(self.memory_arguments());
        for (flag, value) in [("-kernel", &self.kernel), ("-initrd", &self.initrd)] {
            list.extend([flag.to_owned(), text(value)]);
        }
        list.extend(["-append".to_owned(), self.kernel_line()]);
        list.extend([
            "-chardev".to_owned(),
            format!("file,id=console,path={}", escaped(&self.console)),
        ]);
        list.extend(words("-serial chardev:console"));
        list.extend(self.port_arguments());
        if let Some(plugin) = &self.plugin {
            list.extend(["-plugin".to_owned(), plugin.clone()]);
        }
        list
    }

    /// What connects the guest to the host.
    fn port_arguments(&self) -> Vec<String> {
        // Even an unused virtio-serial device shifts the ticks of a deterministic guest from
        // boot to boot; that guest writes to a debug port, which is a file here.
        if self.accel == Accel::Deterministic {
            let path = escaped(&self.data_socket());
            return vec![
                "-chardev".to_owned(),
                format!("file,id=data,path={path}"),
                "-device".to_owned(),
                format!("isa-debugcon,iobase={DEBUG_PORT:#x},chardev=data"),
            ];
        }
        let mut list = Vec::new();
        // Named, because with CXL there is a second root bus, and it takes bridges only.
        let bus = if self.memory == Memory::Cxl {
            "pcie.0"
        } else {
            "pci.0"
        };
        list.extend(words(&format!(
            "-device virtio-serial-pci,id=ports,bus={bus}"
        )));
        for (id, socket, name) in [
            ("data", self.data_socket(), DATA_PORT),
            ("control", self.control_socket(), CONTROL_PORT),
        ] {
            list.extend([
                "-chardev".to_owned(),
                format!(
                    "socket,id={id},path={},server=on,wait=off",
                    escaped(&socket)
                ),
                "-device".to_owned(),
                format!("virtserialport,bus=ports.0,chardev={id},name={name}"),
            ]);
        }
        if let Some(share) = &self.share {
            list.extend([
                "-fsdev".to_owned(),
                format!("local,id=share,path={},security_model=none", escaped(share)),
                "-device".to_owned(),
                format!("virtio-9p-pci,bus={bus},fsdev=share,mount_tag=share"),
            ]);
        }
        list
    }

    fn accel_arguments(&self) -> Vec<String> {
        let cxl = self.memory == Memory::Cxl;
        // A CXL region commits only where the CPU's caches can be flushed, which Linux does not
        // believe of a guest. QEMU emulates each access to CXL memory as one to a device's
        // registers, and a CPU that promises fast byte moves (`rep movsb`) is taken at its word:
        // without the promise kernel and libc move eight bytes at a time, seven times as fast.
        let model = if cxl {
            ",hypervisor=off,fsrm=off,erms=off"
        } else {
            ""
        };
        match self.accel {
            Accel::Kvm => words(&format!("-accel kvm -cpu host{model} -smp 2")),
            Accel::Tcg => words(&format!("-accel tcg,thread=multi -cpu max{model} -smp 2")),
            // A named CPU: `max` changes with QEMU's version.
            Accel::Deterministic => words(&format!(
                "-accel tcg,thread=single -cpu {DETERMINISTIC_CPU}{model} -smp 1 \
                 -icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01T00:00:00,clock=vm"
            )),
        }
    }

    fn memory_arguments(&self) -> Vec<String> {
        let file = self.memory_file.as_deref();
        if self.memory == Memory::Cxl {
            let ram = if self.debug { 2 * RAM } else { RAM };
            let mut list = words(&format!("-machine q35,cxl=on -m {}M", ram / MIB));
            list.extend(["-object".to_owned(), backend("cxlmem", file, self.size)]);
            list.extend(words(&format!(
                "-device pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl.1 \
                 -device cxl-rp,port=0,bus=cxl.1,id=root_port0,chassis=0,slot=2 \
                 -device cxl-type3,bus=root_port0,volatile-memdev=cxlmem,id=cxl-vmem0 \
                 -machine cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size={}M",
                self.size / MIB
            )));
            return list;
        }
        let below = self.dax_start().min(LOW);
        let firmware = if below < LOW { FIRMWARE } else { 0 };
        let above = self.dax_span() - self.size + firmware;
        let total = below + self.size + above;
        let mut list = words(&format!("-machine pc -m {}M", total / MIB));
        // Memory that somebody else sees too needs a backend of its own, hence nodes.
        if let Some(file) = file {
            for (id, file, size) in [
                ("below", None, below),
                ("dax", Some(file), self.size),
                ("above", None, above),
            ] {
                if size > 0 {
                    list.extend(["-object".to_owned(), backend(id, file, size)]);
                    list.extend(["-numa".to_owned(), format!("node,memdev={id}")]);
                }
            }
        }
        list
    }

    /// Returns the distance from the first byte of DAX memory to the last.
    fn dax_span(&self) -> u64 {
        self.size + if self.devices > 1 { GAP + SECOND } else { 0 }
    }

    /// Physical address of the DAX memory.
    fn dax_start(&self) -> u64 {
        // A debugging kernel needs more memory than fits below the hole with the DAX memory.
        if self.dax_span() <= BELOW_HOLE && !self.debug {
            RAM
        } else {
            4 * GIB
        }
    }
}

/// The CPU model of the deterministic mode.
pub(crate) const DETERMINISTIC_CPU: &str = "Haswell-noTSX";

fn backend(id: &str, file: Option<&Path>, size: u64) -> String {
    match file {
        Some(file) => format!(
            "memory-backend-file,id={id},share=on,mem-path={},size={}M",
            escaped(file),
            size / MIB
        ),
        None => format!("memory-backend-ram,id={id},size={}M", size / MIB),
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// QEMU's option lists take a doubled comma for a comma.
fn escaped(path: &Path) -> String {
    text(path).replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(memory: Memory, size: u64) -> Machine {
        Machine {
            accel: Accel::Tcg,
            memory,
            size,
            devices: 1,
            memory_file: None,
            kernel: "/k".into(),
            initrd: "/i".into(),
            console: "/c".into(),
            sockets: "/s".into(),
            tsc_khz: Some(3_000_000),
            share: None,
            plugin: None,
            debug: false,
        }
    }

    fn line(machine: &Machine) -> String {
        machine.arguments().join(" ")
    }

    #[test]
    fn small_dax_memory_stays_below_the_pci_hole() {
        let machine = machine(Memory::Pmem, GIB);
        assert!(line(&machine).contains("-m 2176M"));
        assert!(machine.kernel_line().contains("memmap=1024M!1G"));
    }

    #[test]
    fn large_dax_memory_starts_at_four_gib() {
        let machine = machine(Memory::Fsdev, 8 * GIB);
        assert!(line(&machine).contains("-m 11264M"));
        assert!(machine.kernel_line().contains("memmap=8192M!4G"));
    }

    #[test]
    fn a_second_device_stands_apart() {
        let mut machine = machine(Memory::Pmem, GIB);
        machine.devices = 2;
        assert!(line(&machine).contains("-m 2560M"));
        assert!(
            machine
                .kernel_line()
                .contains("memmap=1024M!1G memmap=256M!2176M")
        );
        machine.size = 2 * GIB;
        assert!(line(&machine).contains("-m 5504M"));
        assert!(
            machine
                .kernel_line()
                .contains("memmap=2048M!4G memmap=256M!6272M")
        );
    }

    #[test]
    fn a_debugging_kernel_has_three_gib_for_itself() {
        let mut machine = machine(Memory::Pmem, GIB);
        machine.debug = true;
        assert!(line(&machine).contains("-m 4096M"));
        let kernel_line = machine.kernel_line();
        assert!(kernel_line.contains("memmap=1024M!4G"), "{kernel_line}");
        assert!(kernel_line.contains("kasan_multi_shot"), "{kernel_line}");
    }

    #[test]
    fn only_an_emulated_guest_is_told_the_rate_of_the_counter() {
        let mut machine = machine(Memory::Pmem, GIB);
        assert!(machine.kernel_line().contains(" tsc_early_khz=3000000"));
        for accel in [Accel::Kvm, Accel::Deterministic] {
            machine.accel = accel;
            assert!(!machine.kernel_line().contains("tsc"), "{accel:?}");
        }
    }

    #[test]
    fn a_memory_file_is_shared() {
        let mut machine = machine(Memory::Pmem, GIB);
        machine.memory_file = Some("/x,y".into());
        assert!(line(&machine).contains("share=on,mem-path=/x,,y,size=1024M"));
    }

    #[test]
    fn cxl_memory_is_a_window_not_a_memmap() {
        let machine = machine(Memory::Cxl, GIB);
        assert!(!machine.kernel_line().contains("memmap"));
        assert!(line(&machine).contains("cxl-fmw.0.size=1024M"));
        assert!(line(&machine).contains("hypervisor=off,fsrm=off,erms=off"));
    }

    #[test]
    fn deterministic_guests_name_cpu_seed_and_clock() {
        let mut machine = machine(Memory::Pmem, GIB);
        machine.accel = Accel::Deterministic;
        machine.share = Some("/share".into());
        let line = line(&machine);
        for part in [
            "Haswell-noTSX",
            "shift=0,sleep=off",
            "-seed 1",
            "clock=vm",
            "-smp 1",
        ] {
            assert!(line.contains(part), "{part}");
        }
        assert!(!line.contains("9p"));
        assert!(machine.kernel_line().contains("nokaslr norandmaps"));
    }
}
