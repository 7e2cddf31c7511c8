//! An image whose log has a file, for tests of the commands.

use std::path::Path;

use famfs_media::{format, writer};
use famfs_runtime::device;

/// Logs a file `one` of 4 KiB, whose memory begins at 10 MiB, in an image that `famfs mkfs` made.
pub(crate) fn log_a_file(image: &Path) {
    let body = format::Body::File(format::File {
        size: 4096,
        flags: 2,
        uid: 0,
        gid: 0,
        mode: 0o644,
        path: format::PathField::new(b"one").unwrap(),
        map: format::Map::contiguous(10 << 20, 2 << 20),
    });
    let access = device::Access::Format { log_len: 8 << 20 };
    let mut device = device::Device::open(image, access).unwrap();
    writer::append(&mut *device.memory, 0, body).unwrap();
}
