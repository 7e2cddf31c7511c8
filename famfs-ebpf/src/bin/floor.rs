//! Empty programs on the hooks of a fault: what any instrument there costs at least. Only
//! `cargo xtask bench probe-cost` loads them.
#![no_std]
#![no_main]

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

#[btf_tracepoint(function = "dax_pte_fault")]
pub fn dax_pte_fault(_ctx: BtfTracePointContext) -> i32 {
    0
}

#[btf_tracepoint(function = "dax_pte_fault_done")]
pub fn dax_pte_fault_done(_ctx: BtfTracePointContext) -> i32 {
    0
}

#[btf_tracepoint(function = "dax_pmd_fault")]
pub fn dax_pmd_fault(_ctx: BtfTracePointContext) -> i32 {
    0
}

#[btf_tracepoint(function = "dax_pmd_fault_done")]
pub fn dax_pmd_fault_done(_ctx: BtfTracePointContext) -> i32 {
    0
}

/// The licence, as the other programs have it.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";

/// Never reached: nothing here panics.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
