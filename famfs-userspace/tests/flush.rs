//! The cache line instructions reach the lines they are given. Their operand faults like
//! a load, so a page without access tells which address an instruction really has.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use famfs_userspace::device::cache::{WriteBack, best, write_back};

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

#[test]
fn each_instruction_has_the_right_address() {
    // SAFETY: all zeroes is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: a valid action for a signal that nothing else here uses.
    let done = unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut()) };
    assert_eq!(done, 0);

    let instructions: &[WriteBack] = match best() {
        WriteBack::Clwb => &[WriteBack::Clwb, WriteBack::ClflushOpt, WriteBack::Clflush],
        WriteBack::ClflushOpt => &[WriteBack::ClflushOpt, WriteBack::Clflush],
        WriteBack::Clflush => &[WriteBack::Clflush],
    };
    for with in instructions {
        let pages = closed_pages();
        COUNT.store(0, Ordering::SeqCst);
        // From the last line of the first page to the first line of the third.
        let start = pages.wrapping_add(PAGE - 1);
        // SAFETY: mapped; the handler opens each page at its first touch.
        unsafe { write_back(start, PAGE + 2, *with) };
        let count = COUNT.load(Ordering::SeqCst);
        let faults: Vec<usize> = FAULTS
            .iter()
            .take(count)
            .map(|f| f.load(Ordering::SeqCst) - pages.addr())
            .collect();
        assert_eq!(faults, [PAGE - 64, PAGE, 2 * PAGE], "{with:?}");
    }
}
