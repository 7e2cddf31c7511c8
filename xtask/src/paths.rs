//! Where things lie. Everything that is no host package is under `<workspace>/target/`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The workspace's root. Cargo names the package at run time, so a copied binary still finds
/// the tree it is run from.
pub(crate) fn workspace() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        package
            .parent()
            .map_or_else(|| package.clone(), Path::to_path_buf)
    })
}

/// `<workspace>/target/<relative>`.
pub(crate) fn target(relative: impl AsRef<Path>) -> PathBuf {
    workspace().join("target").join(relative)
}

/// `<workspace>/target/setup/<relative>`: what `cargo xtask setup` fetched and built.
pub(crate) fn setup(relative: impl AsRef<Path>) -> PathBuf {
    target("setup").join(relative)
}

/// The first `name` on PATH, or where Debian keeps administrators' tools.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
