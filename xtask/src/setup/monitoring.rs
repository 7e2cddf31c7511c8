//! What reads our metrics in a test: a Prometheus server, and the parser of its Python client.
//! They are unpacked, not installed, so that no service is started.

use std::path::PathBuf;

use anyhow::Result;

use super::apt;
use super::context::Context;
use crate::{paths, process::Log};

const PACKAGES: [&str; 2] = ["prometheus", "python3-prometheus-client"];

/// The suite for a machine that is not Debian.
const SUITE: &str = "trixie";

fn root() -> PathBuf {
    paths::setup("monitoring")
}

pub(super) fn key() -> Result<String> {
    Ok(format!("{} {}\n", suite()?, PACKAGES.join(" ")))
}

pub(super) fn present() -> bool {
    [
        "usr/bin/prometheus",
        "usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py",
    ]
    .iter()
    .all(|file| root().join(file).is_file())
}

/// The server is linked with the C library of its suite, which must be this machine's.
fn suite() -> Result<String> {
    let os = apt::os_release()?;
    Ok(if os.id == "debian" {
        os.codename
    } else {
        SUITE.to_owned()
    })
}

pub(super) fn make(context: &Context<'_>, log: &Log) -> Result<()> {
    apt::remove_dir(&root())?;
    let mirror = apt::mirror(context.args.mirror.as_deref())?;
    let index = apt::Apt::of_suite(&mirror, &suite()?)?;
    index.update(log)?;
    index.unpack(&PACKAGES.map(str::to_owned), &root(), log)
}
