//! Empties the table early when it fills up between two polls.

use std::{
    io::{PipeReader, PipeWriter},
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use aya::maps::{Map, MapData, RingBuf};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::{
    Error,
    table::{Table, lock},
};
use famfs_machine::privilege::{self, Keep};

/// The thread that waits for the programs' call; it ends with this.
pub(super) struct Waker {
    /// Closed first, which the thread sees.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Waker {
    pub(super) fn start(wakes: MapData, table: Arc<Mutex<Table>>) -> Result<Self, Error> {
        let failed = |why: String| Error::Map { map: "WAKES", why };
        let ring =
            RingBuf::try_from(Map::RingBuf(wakes)).map_err(|error| failed(error.to_string()))?;
        let (stopped, stop) = std::io::pipe().map_err(|error| failed(error.to_string()))?;
        let thread = std::thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || serve(ring, &stopped, &table))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, the panic has been reported.
            let _ended = thread.join();
        }
    }
}

fn serve(mut ring: RingBuf<MapData>, stopped: &PipeReader, table: &Mutex<Table>) {
    // Of this thread, which needs none. What cannot be dropped changes nothing that it does.
    let _ = privilege::drop_all(Keep::Nothing);
    while awoken(&ring, stopped) {
        while ring.next().is_some() {}
        // Should waiting for the programs fail now, the next poll will say so.
        let _later = lock(table).drain();
    }
}

/// Waits; false when it is time to end.
fn awoken(ring: &RingBuf<MapData>, stopped: &PipeReader) -> bool {
    // SAFETY: the ring keeps its descriptor open for longer than this function runs.
    let ring = unsafe { BorrowedFd::borrow_raw(ring.as_raw_fd()) };
    loop {
        let mut fds = [
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            PollFd::new(ring, PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            Err(_) => return false,
            Ok(_) if fds[0].any() == Some(true) => return false,
            Ok(_) => return true,
        }
    }
}
