//! `famfs-top serve` as a child, and what `cargo xtask setup` fetched to read it with.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// Ends its process when it goes.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves the made-up system on a free port.
pub(crate) fn serve(args: &[&str]) -> (Running, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_famfs-top"))
        .args(["serve", "--source", "synthetic", "--listen", "127.0.0.1:0"])
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("famfs-top starts");
    let mut said = String::new();
    let stderr = child.stderr.take().expect("it was asked for");
    BufReader::new(stderr)
        .read_line(&mut said)
        .expect("it says where");
    let address = said
        .strip_prefix("famfs-top: serving http://")
        .and_then(|rest| rest.strip_suffix("/metrics\n"));
    let address = address.unwrap_or_else(|| panic!("it says {said:?}"));
    let address = address.parse().expect("an address");
    (Running(child), address)
}

/// A file of what setup fetched; `None` says that the test is to be skipped.
pub(crate) fn fetched(test: &str, file: &str) -> Option<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = target.parent()?.join("setup/monitoring").join(file);
    if !path.exists() {
        println!(
            "SKIP {test}: there is no {}; `cargo xtask setup` fetches it",
            path.display()
        );
        return None;
    }
    Some(path)
}
