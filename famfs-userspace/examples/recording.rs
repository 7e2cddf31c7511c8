//! Writes a small recording that has something of everything: the fixtures of `tests/replay.rs`
//! were made with it, each when its version was the newest.

#[path = "../tests/common/everything.rs"]
mod everything;

use std::{fs::File, time::Duration};

use famfs_snapshot::store::Writer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args()
        .nth(1)
        .ok_or("give the name of the file to write")?;
    let mut writer = Writer::new(File::create_new(name)?, Duration::from_secs(1))?;
    for snapshot in everything::snapshots() {
        writer.append(&snapshot)?;
    }
    writer.finish()?;
    Ok(())
}
