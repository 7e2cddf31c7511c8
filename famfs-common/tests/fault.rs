//! Classes survive their byte; outcomes and reasons follow the kernel's order.

use famfs_common::fault::{Class, Order, Outcome, PmdTry, outcome};

#[test]
fn a_class_survives_its_byte() {
    let mut seen = 0;
    for byte in 0..=u8::MAX {
        if let Some(class) = Class::unpack(byte) {
            assert_eq!(class.pack(), byte);
            seen += 1;
        }
    }
    assert_eq!(seen, 4 * Outcome::ALL.len());
    assert_eq!(Class::unpack(0), None);
    let class = Class {
        order: Order::Pmd,
        write: true,
        outcome: Outcome::Mapped,
    };
    assert_eq!(class.pack(), 0xc1);
}

#[test]
fn outcomes_of_results_seen_on_both_kernels() {
    for (result, want) in [
        (0x100, Outcome::Mapped),
        (0x104, Outcome::Mapped),
        (0x1000, Outcome::Mapped),
        (0x2100, Outcome::Mapped),
        (0x800, Outcome::FallbackExtent),
        (0x2, Outcome::Sigbus),
        (0x102, Outcome::Sigbus),
        (0x1, Outcome::Oom),
        (0x10, Outcome::HwPoison),
        (0x10_0020, Outcome::HwPoison),
        (0x400, Outcome::Other),
        (0, Outcome::Other),
    ] {
        assert_eq!(outcome(result), want, "{result:#x}");
    }
}

/// A 4 MiB file completely mapped at 1 GiB, read in its first 2 MiB.
const FITS: PmdTry = PmdTry {
    address: 0x4000_3000,
    pgoff: 3,
    vm_start: 0x4000_0000,
    vm_end: 0x4040_0000,
    max_pgoff: 1024,
    write: false,
    shared: true,
};

#[test]
fn the_first_reason_in_the_kernels_order_wins() {
    let colour = PmdTry { pgoff: 4, ..FITS };
    let private = PmdTry {
        write: true,
        shared: false,
        ..FITS
    };
    let starts_late = PmdTry {
        vm_start: 0x4000_3000,
        ..FITS
    };
    let ends_early = PmdTry {
        vm_end: 0x401f_f000,
        ..FITS
    };
    let eof = PmdTry {
        max_pgoff: 511,
        ..FITS
    };
    for (pmd, want) in [
        (FITS, Outcome::FallbackExtent),
        (colour, Outcome::FallbackColour),
        (private, Outcome::FallbackPrivateWrite),
        (starts_late, Outcome::FallbackVmaBounds),
        (ends_early, Outcome::FallbackVmaBounds),
        (eof, Outcome::FallbackEof),
        (
            PmdTry {
                max_pgoff: 512,
                ..FITS
            },
            Outcome::FallbackExtent,
        ),
        (
            PmdTry {
                write: true,
                shared: false,
                ..colour
            },
            Outcome::FallbackColour,
        ),
        (
            PmdTry {
                vm_end: 0x4010_0000,
                ..private
            },
            Outcome::FallbackPrivateWrite,
        ),
        (
            PmdTry {
                max_pgoff: 4,
                ..starts_late
            },
            Outcome::FallbackVmaBounds,
        ),
        (
            PmdTry {
                write: false,
                shared: false,
                ..FITS
            },
            Outcome::FallbackExtent,
        ),
    ] {
        assert_eq!(pmd.fallback(), want, "{pmd:?}");
    }
}
