//! `famfs clone`: a second name over the memory of a first, to see what finds it.

use std::path::Path;

use super::{Error, failed, refused};
use crate::device::{Access, Device};
use famfs_media::format::{Body, PathField};
use famfs_media::volume::Volume;
use famfs_media::writer;

/// Appends to the log of an image an entry `target` with the map of `source`.
pub fn clone(image: &Path, source: &str, target: &str) -> Result<u64, Error> {
    let meta = std::fs::metadata(image).map_err(failed("look at", image))?;
    if !meta.is_file() {
        return Err(refused(
            image,
            "it is no image file; cross-linked files are for images only",
        ));
    }
    let field = PathField::new(target.as_bytes())
        .ok_or_else(|| refused(Path::new(target), "the path does not fit a log entry"))?;
    famfs_media::player::validate::check_path(&field)
        .map_err(|reason| refused(Path::new(target), reason.to_string()))?;
    let mut device = Device::open(
        image,
        Access::Format {
            log_len: famfs_media::format::LOG_LEN_MIN,
        },
    )?;
    let volume = Volume::load(&mut *device.memory).map_err(failed("read", image))?;
    volume.check().map_err(|fault| Error::Unusable {
        path: image.to_owned(),
        fault,
    })?;
    if volume.counted() >= volume.capacity {
        return Err(Error::LogFull {
            path: image.to_owned(),
            entries: volume.capacity,
        });
    }
    let file = volume.slots().find_map(|slot| match slot.entry.body {
        Body::File(file) if slot.entry.crc_ok() && file.path.bytes() == source.as_bytes() => {
            Some(file)
        }
        _ => None,
    });
    let Some(mut file) = file else {
        return Err(refused(
            image,
            format!("its log has no file {source:?}; `famfs dump` lists them"),
        ));
    };
    file.path = field;
    let index = volume.counted();
    writer::append(&mut *device.memory, index, Body::File(file))
        .map_err(failed("append to the log of", image))?;
    Ok(index)
}
