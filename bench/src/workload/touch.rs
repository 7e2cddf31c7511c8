//! One access per step through a mapping, timed or not.

use super::clock;
use super::map::Mapping;
use super::mark;
use crate::cli::Access;

/// Reads or writes one byte at every `stride`; `times` gets the ticks of each touch.
///
/// Nothing in the loop allocates, branches on data or calls out: what is timed is the access.
/// A write stores zero, so this is for files of the measurement's own.
pub(crate) fn timed(mapping: &Mapping, stride: usize, access: Access, times: &mut [u64]) {
    let Some(last) = times.len().checked_sub(1) else {
        return;
    };
    assert!(
        last.checked_mul(stride)
            .is_some_and(|at| at < mapping.len()),
        "{} touches {stride} bytes apart do not fit into {} bytes",
        times.len(),
        mapping.len()
    );
    match access {
        Access::Read => timed_by(mapping, stride, times, |at| {
            // SAFETY: `at` is within the mapping: asserted above for the last one.
            let _: u8 = unsafe { at.read_volatile() };
        }),
        Access::Write => timed_by(mapping, stride, times, |at| {
            // SAFETY: as above, and the caller mapped it writable.
            unsafe { at.write_volatile(0) };
        }),
    }
}

#[inline]
fn timed_by(mapping: &Mapping, stride: usize, times: &mut [u64], access: impl Fn(*mut u8)) {
    let base = mapping.base().as_ptr();
    for (step, time) in times.iter_mut().enumerate() {
        let at = base.wrapping_add(step * stride);
        mark::touch();
        let begin = clock::now();
        access(at);
        let end = clock::now();
        mark::end();
        *time = end.wrapping_sub(begin);
    }
}

/// Reads one byte at every `stride` of the first `len` bytes.
pub(crate) fn read_each(mapping: &Mapping, stride: usize, len: usize) {
    for at in (0..len.min(mapping.len())).step_by(stride) {
        // SAFETY: `at` is less than the mapping's length.
        let _: u8 = unsafe { mapping.base().as_ptr().wrapping_add(at).read_volatile() };
    }
}

/// Stores `bytes[n]` at the nth `stride`.
pub(crate) fn write_each(mapping: &Mapping, stride: usize, bytes: &[u8]) {
    let base = mapping.base().as_ptr();
    for (at, byte) in (0..mapping.len()).step_by(stride).zip(bytes) {
        // SAFETY: `at` is less than the mapping's length, and the caller mapped it writable.
        unsafe { base.wrapping_add(at).write_volatile(*byte) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::io::Seek as _;

    use super::*;
    use crate::workload::map::{Placement, Request};
    use crate::workload::{PAGE, PMD};

    fn mapped(len: usize) -> (std::fs::File, Mapping) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(len as u64).unwrap();
        let request = Request {
            offset: 0,
            len,
            placement: Placement::Aligned,
            private: false,
            writable: true,
        };
        let mapping = Mapping::new(&file, request).unwrap();
        (file, mapping)
    }

    #[test]
    fn every_touch_gets_its_time() {
        let (_file, mapping) = mapped(PMD);
        let mut times = vec![0; PMD / PAGE];
        timed(&mapping, PAGE, Access::Write, &mut times);
        assert!(times.iter().all(|&ticks| ticks > 0));
    }

    #[test]
    #[should_panic(expected = "do not fit")]
    fn touches_past_the_mapping_are_refused() {
        let (_file, mapping) = mapped(PAGE);
        timed(&mapping, PAGE, Access::Read, &mut [0; 2]);
    }

    #[test]
    fn written_bytes_reach_the_file() {
        let (mut file, mapping) = mapped(3 * PAGE);
        write_each(&mapping, PAGE, &[7, 8, 9]);
        let mut content = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut content).unwrap();
        assert_eq!([content[0], content[PAGE], content[2 * PAGE]], [7, 8, 9]);
        assert_eq!(content.iter().filter(|&&byte| byte != 0).count(), 3);
    }
}
