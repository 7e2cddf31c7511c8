//! A crate outside the workspace uses famfs-media by its path alone: the files of an image in ten lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use famfs_media::format::entry::FLAGS_ALL_HOSTS_RW;
use famfs_media::format::{Body, File, Map, PathField};
use famfs_media::image::Image;

/// What a stranger would write.
const MAIN: &str = r#"use famfs_media::{image::Image, volume::Volume};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: ls IMAGE")?;
    let volume = Volume::load(&mut Image::read(std::fs::File::open(path)?)?)?;
    volume.check()?;
    for file in volume.files() {
        println!("{} {}", file.size, file.path.lossy());
    }
    Ok(())
}
"#;

fn file(name: &[u8], at: u64) -> Body {
    Body::File(File {
        size: 5000,
        flags: FLAGS_ALL_HOSTS_RW,
        uid: 0,
        gid: 0,
        mode: 0o644,
        path: PathField::new(name).expect("a short name"),
        map: Map::contiguous(at, 2 << 20),
    })
}

#[test]
fn a_strangers_crate_lists_the_files_of_an_image() {
    assert_eq!(MAIN.lines().count(), 10);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image");
    let mut image = Image::formatted(64 << 20).expect("an image");
    image
        .append(&file(b"one", 10 << 20))
        .expect("room in the log");
    image
        .append(&file(b"two", 12 << 20))
        .expect("room in the log");
    fs::write(&path, image.into_bytes()).expect("room on the disk");

    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = format!(
        "[package]\nname = \"ls\"\nedition = \"2024\"\n[dependencies]\nfamfs-media = {{ path = {:?} }}\n\
         [workspace]\n",
        here.join("media")
    );
    fs::create_dir(folder.path().join("src")).expect("room on the disk");
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("room on the disk");
    fs::write(folder.path().join("src/main.rs"), MAIN).expect("room on the disk");
    // The versions that the workspace has are at hand; others would have to be fetched.
    fs::copy(here.join("../Cargo.lock"), folder.path().join("Cargo.lock")).expect("a lock file");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--manifest-path"])
        .arg(folder.path().join("Cargo.toml"))
        .arg("--target-dir")
        .arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/stranger"))
        .arg("--")
        .arg(&path)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(output.stdout, b"5000 one\n5000 two\n");
}
