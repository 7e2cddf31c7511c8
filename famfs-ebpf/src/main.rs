//! The BPF programs of famfs-top: every DAX fault is timed and counted in the kernel.
//!
//! `fault` holds the hot path, about a tenth of a fault's own cost; the rest runs rarely.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod copy;
mod fault;
mod kernel;
mod maps;
mod name;
mod process;
mod rare;
mod record;

/// Tracing programs may call what they need only under a GPL-compatible licence.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";

/// Never reached: nothing here panics, and the verifier would refuse an endless loop.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
