//! The cache line instructions reach the lines they are given. Their operand faults like
//! a load, so a page without access tells which address an instruction really has.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use famfs_runtime::device::cache::{WriteBack, best, write_back};
use famfs_runtime::device::stream::{self, Width};

const PAGE: usize = 4096;
static FAULTS: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Notes the address and opens its page, so that the instruction runs again.
extern "C" fn on_fault(_signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel hands a handler with SA_SIGINFO a valid siginfo.
    let info = unsafe { &*info };
    // SAFETY: SIGSEGV carries an address.
    let address = unsafe { info.si_addr() };
    match FAULTS.get(COUNT.fetch_add(1, Ordering::SeqCst)) {
        Some(slot) => slot.store(address.addr(), Ordering::SeqCst),
        // Some other fault, again and again: end.
        // SAFETY: async-signal-safe.
        None => unsafe { libc::_exit(99) },
    }
    let page = address.wrapping_sub(address.addr() % PAGE);
    // SAFETY: opens one page of this process; async-signal-safe in practice. A page that
    // is not ours fails, and the fault comes back until the slots are used up.
    unsafe { libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_WRITE) };
}

fn closed_pages() -> *mut u8 {
    // SAFETY: a fresh anonymous mapping.
    let pages = unsafe {
        libc::mmap(
            ptr::null_mut(),
            3 * PAGE,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(pages, libc::MAP_FAILED);
    pages.cast()
}

/// Where in three pages without access `touch` faults, one after the other.
fn faults(touch: impl FnOnce(*mut u8)) -> Vec<usize> {
    // SAFETY: all zeroes is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: a valid action for a signal that nothing else here uses.
    let done = unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) };
    assert_eq!(done, 0);
    let pages = closed_pages();
    COUNT.store(0, Ordering::SeqCst);
    touch(pages);
    let count = COUNT.load(Ordering::SeqCst);
    let faults = FAULTS.iter().take(count);
    faults
        .map(|f| f.load(Ordering::SeqCst) - pages.addr())
        .collect()
}

/// One test: the noted faults are one list for the whole process.
#[test]
fn each_instruction_has_the_right_address() {
    let instructions: &[WriteBack] = match best() {
        WriteBack::Clwb => &[WriteBack::Clwb, WriteBack::ClflushOpt, WriteBack::Clflush],
        WriteBack::ClflushOpt => &[WriteBack::ClflushOpt, WriteBack::Clflush],
        WriteBack::Clflush => &[WriteBack::Clflush],
    };
    for with in instructions {
        // From the last line of the first page to the first line of the third.
        let found = faults(|pages| {
            let start = pages.wrapping_add(PAGE - 1);
            // SAFETY: mapped; the handler opens each page at its first touch.
            unsafe { write_back(start, PAGE + 2, *with) };
        });
        assert_eq!(found, [PAGE - 64, PAGE, 2 * PAGE], "{with:?}");
    }

    let widths: &[Width] = match stream::widest() {
        Width::Sse2 => &[Width::Sse2],
        Width::Avx2 => &[Width::Sse2, Width::Avx2],
    };
    let source = vec![7_u8; 3 * PAGE];
    for width in widths {
        // A head of one byte in the first page, whole lines in the second, and a tail of one
        // byte in the third; then one line that ends with its page, which touches no other.
        for (at, len, wanted) in [
            (PAGE - 1, PAGE + 2, vec![PAGE - 1, PAGE, 2 * PAGE]),
            (2 * PAGE - 64, 64, vec![2 * PAGE - 64]),
            (PAGE, PAGE, vec![PAGE]),
        ] {
            let found = faults(|pages| {
                let to = pages.wrapping_add(at);
                // SAFETY: mapped; the handler opens each page at its first touch. The source
                // is a buffer of its own, and the CPU has the width.
                unsafe { stream::copy(source.as_ptr(), to, len, *width) };
            });
            assert_eq!(found, wanted, "{width:?} {at} {len}");
        }
    }
}
