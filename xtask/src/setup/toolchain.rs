//! The Rust toolchain in use: what rust-src and bpf-linker must match.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use crate::paths;
use crate::process;

/// A compiler, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// `1.95.0`.
    pub(crate) release: String,
    /// The major version of its LLVM.
    pub(crate) llvm: u32,
    pub(crate) sysroot: PathBuf,
}

/// The toolchain that `rust-toolchain.toml` selects.
pub(crate) fn current() -> Result<&'static Toolchain> {
    static CURRENT: OnceLock<Toolchain> = OnceLock::new();
    if let Some(toolchain) = CURRENT.get() {
        return Ok(toolchain);
    }
    let rustc = |args: &[&str]| {
        process::stdout(
            Command::new("rustc")
                .args(args)
                .current_dir(paths::workspace()),
        )
    };
    let text = rustc(&["-vV"])?;
    let sysroot = rustc(&["--print", "sysroot"])?;
    let toolchain = parse(&text, sysroot.trim_end())
        .with_context(|| format!("cannot read `rustc -vV`:\n{text}"))?;
    Ok(CURRENT.get_or_init(|| toolchain))
}

fn parse(text: &str, sysroot: &str) -> Option<Toolchain> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let llvm = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
    Some(Toolchain {
        release: field("release: ")?.to_owned(),
        llvm,
        sysroot: sysroot.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_s_description_is_read() {
        let text = "rustc 1.95.0 (59807616e 2026-04-14)\nrelease: 1.95.0\n\
                    LLVM version: 22.1.2\n";
        let expected = Toolchain {
            release: "1.95.0".into(),
            llvm: 22,
            sysroot: PathBuf::from("/opt/rust"),
        };
        assert_eq!(parse(text, "/opt/rust"), Some(expected));
        assert_eq!(parse("rustc 1.95.0\n", "/opt/rust"), None);
    }
}
