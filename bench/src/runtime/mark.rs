//! Marks in the instruction stream around what is measured, for a counter that watches the
//! emulated processor: see `workload/mark.rs`. The numbers are read by `lab/profile/split.c`.

use serde::{Deserialize, Serialize};

#[cfg(target_arch = "x86_64")]
const SIGNATURE: u32 = 0x4fa3_0000;
/// A window opens: this, and its number.
const OPEN: u32 = 0x400;
const CLOSE: u32 = 0x500;

/// A stretch of work that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Window {
    Mkfs,
    /// Makes many files by one command.
    CreatMany,
    /// Makes files by a command each, in an empty log.
    CreatFirst,
    /// Makes files by a command each, in a log of many files.
    CreatLast,
    Fsck,
    Logplay,
    /// Copies a source that is in large folios.
    Cp,
    Memcpy,
    /// Copies a source that is in folios of one page.
    CpSmall,
    MemcpySmall,
    /// Plays a log whose files are all there.
    LogplayAgain,
    /// Fills a file from a seed.
    Seed,
    /// Compares the same file with its seed.
    Verify,
}

/// All windows, in the order of their numbers.
pub(crate) const WINDOWS: [Window; 13] = [
    Window::Mkfs,
    Window::CreatMany,
    Window::CreatFirst,
    Window::CreatLast,
    Window::Fsck,
    Window::Logplay,
    Window::Cp,
    Window::Memcpy,
    Window::CpSmall,
    Window::MemcpySmall,
    Window::LogplayAgain,
    Window::Seed,
    Window::Verify,
];

#[inline]
fn mark<const NUMBER: u32>() {
    // SAFETY: a no-operation reads and writes nothing; its operand is never looked at.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "nop dword ptr [rax + {number}]",
            number = const SIGNATURE + NUMBER,
            options(nomem, nostack, preserves_flags)
        );
    }
}

pub(crate) fn open(window: Window) {
    match window {
        Window::Mkfs => mark::<OPEN>(),
        Window::CreatMany => mark::<{ OPEN + 1 }>(),
        Window::CreatFirst => mark::<{ OPEN + 2 }>(),
        Window::CreatLast => mark::<{ OPEN + 3 }>(),
        Window::Fsck => mark::<{ OPEN + 4 }>(),
        Window::Logplay => mark::<{ OPEN + 5 }>(),
        Window::Cp => mark::<{ OPEN + 6 }>(),
        Window::Memcpy => mark::<{ OPEN + 7 }>(),
        Window::CpSmall => mark::<{ OPEN + 8 }>(),
        Window::MemcpySmall => mark::<{ OPEN + 9 }>(),
        Window::LogplayAgain => mark::<{ OPEN + 10 }>(),
        Window::Seed => mark::<{ OPEN + 11 }>(),
        Window::Verify => mark::<{ OPEN + 12 }>(),
    }
}

pub(crate) fn close() {
    mark::<CLOSE>();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_numbered_in_their_order() {
        for (number, window) in WINDOWS.into_iter().enumerate() {
            assert_eq!(window as usize, number);
        }
    }
}
