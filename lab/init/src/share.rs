//! The host's folder at `/share`: a live 9p mount, or a copy that travels back as an archive.

use std::path::Path;

use anyhow::{Context, Result};
use lab_init::{Message, wire::Chunks};
use nix::mount::{MsFlags, mount};

use crate::outbox::Outbox;

const PATH: &str = "/share";

/// Mounts the host's folder.
pub(crate) fn mount_share() -> Result<()> {
    std::fs::create_dir_all(PATH).with_context(|| format!("cannot create {PATH}"))?;
    mount(
        Some("share"),
        PATH,
        Some("9p"),
        MsFlags::empty(),
        Some("trans=virtio,version=9p2000.L,msize=131072"),
    )
    .with_context(|| format!("cannot mount the host's folder on {PATH}"))
}

/// Sends everything in `/share` back.
pub(crate) fn send(outbox: &Outbox) -> Result<()> {
    let mut archive = tar::Builder::new(Chunks(|bytes| outbox.send(&Message::Share(bytes))));
    archive.follow_symlinks(false);
    archive
        .append_dir_all(".", Path::new(PATH))
        .context("cannot send /share back")?;
    archive.finish().context("cannot send /share back")
}
