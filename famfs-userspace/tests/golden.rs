//! Images that upstream made, or that were damaged on purpose, each with an
//! independent parse: `famfs dump` must agree with every one.
//!
//! The folder is named by `FAMFS_GOLDEN`; without it the tests print a counted skip.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use famfs_userspace::dump::Dump;
use famfs_userspace::volume::Volume;
use serde_json::Value;

use common::Ram;

/// The names of the images in the set, or none where there is no set.
fn images() -> Option<Vec<PathBuf>> {
    let Some(dir) = std::env::var_os("FAMFS_GOLDEN") else {
        // Past the test harness's capture: the runner counts these lines.
        let _ = writeln!(std::io::stderr(), "SKIP golden: FAMFS_GOLDEN is not set");
        return None;
    };
    let mut images: Vec<PathBuf> = std::fs::read_dir(&dir)
        .unwrap_or_else(|e| panic!("FAMFS_GOLDEN={}: {e}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".img.gz"))
        .collect();
    images.sort();
    assert!(
        !images.is_empty(),
        "no images in FAMFS_GOLDEN={}",
        dir.display()
    );
    Some(images)
}

fn unpack(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn expected(path: &Path) -> Value {
    let json = path.to_string_lossy().replace(".img.gz", ".json");
    serde_json::from_reader(File::open(json).unwrap()).unwrap()
}

#[test]
fn every_image_dumps_as_parsed() {
    let Some(images) = images() else { return };
    for path in &images {
        let mut parsed = expected(path)["parsed"].take();
        let cut = parsed
            .as_object_mut()
            .unwrap()
            .remove("entries_truncated_to");

        let mut memory = Ram::new(unpack(path));
        let volume = Volume::load(&mut memory).unwrap();
        let mut dump = serde_json::to_value(Dump::new(&volume)).unwrap();

        if let Some(cut) = cut.and_then(|n| n.as_u64()) {
            let entries = dump["entries"].as_array_mut().unwrap();
            let all = parsed["log_header"]["next_index"]
                .as_u64()
                .unwrap()
                .min(volume.capacity);
            assert_eq!(entries.len() as u64, all, "{}", path.display());
            entries.truncate(usize::try_from(cut).unwrap());
        }
        assert_eq!(dump, parsed, "{}", path.display());
    }
}
