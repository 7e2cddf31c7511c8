//! Lists the files of a famfs image or device, with their sizes in bytes and where they lie.
//!
//! ```text
//! cargo run -p famfs-media --example ls-image -- IMAGE
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints"
)]

use std::error::Error;
use std::fs::File;
use std::process::ExitCode;

use famfs_media::image::Image;
use famfs_media::volume::Volume;

fn list(path: &std::ffi::OsStr) -> Result<(), Box<dyn Error>> {
    let volume = Volume::load(&mut Image::read(File::open(path)?)?)?;
    volume.check()?;
    for file in volume.files() {
        println!("{:>14} {}", file.size, file.path.lossy().escape_default());
        for extent in file.map.extents().iter() {
            println!("{:>14}   at {:#x}, {} bytes", "", extent.offset, extent.len);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: ls-image IMAGE");
        return ExitCode::from(2);
    };
    match list(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ls-image: cannot list {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
