//! Finds the BPF object that `cargo xtask build-ebpf` makes, and embeds it if it is there.
//! Without it everything builds; only attaching says what is missing.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads what cargo sets"
)]

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=FAMFS_BPF_OBJECT");
    println!("cargo::rustc-check-cfg=cfg(famfs_bpf)");
    let object = env::var_os("FAMFS_BPF_OBJECT").map_or_else(built_by_xtask, PathBuf::from);
    if object.is_file() {
        println!("cargo::rerun-if-changed={}", object.display());
        println!("cargo::rustc-cfg=famfs_bpf");
        println!(
            "cargo::rustc-env=FAMFS_BPF_OBJECT_PATH={}",
            object.display()
        );
    }
}

/// The folder is watched rather than the object: cargo takes a watched path that is missing for
/// one that has changed, and would build this crate every time.
fn built_by_xtask() -> PathBuf {
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let folder = crate_folder.join("../../target/bpf");
    if let Err(e) = fs::create_dir_all(&folder) {
        println!("cargo::warning=cannot create {}: {e}", folder.display());
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    folder.join("famfs.bpf.o")
}
