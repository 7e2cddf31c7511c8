use std::os::fd::AsFd;
use std::path::PathBuf;

use serde::Serialize;

use super::output::Output;
use super::{Error, OK};
use famfs_machine::kernel::{confined, options};
use famfs_runtime::ops::{self, place::Place, stale};

const EXAMPLES: &str = "\
Examples:
  famfs opts /mnt/famfs                            what is allowed
  famfs opts /mnt/famfs --set unlink,rename        allow two things more
  famfs opts /mnt/famfs --clear create,map_create  no new files

Options: create, mkdir, mknod, symlink, link, unlink, rmdir, rename, chmod, chown, truncate,
utimes, write, xattr, map_create. They belong to this host's mount and end with it.";

/// Show or change what users of a mount may do with its names and files.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Allow these.
    #[arg(long, value_name = "OPTION,...", value_parser = options::Options::parse)]
    set: Option<options::Options>,

    /// Forbid these.
    #[arg(long, value_name = "OPTION,...", value_parser = options::Options::parse)]
    clear: Option<options::Options>,

    /// Print them as JSON.
    #[arg(long)]
    json: bool,

    /// Any path in the mount.
    path: PathBuf,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct View {
    schema: u32,
    bits: u64,
    allowed: Vec<&'static str>,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let place = Place::find(&self.path)?;
        stale::check(&place.mount).map_err(Error::Op)?;
        let mount_point = &place.mount.mount_point;
        let failed = |action| {
            let path = mount_point.clone();
            move |source: std::io::Error| match source.raw_os_error() {
                Some(libc::ENOTTY) => ops::Error::NoOptions { path },
                _ => ops::Error::Io {
                    action,
                    path,
                    source,
                },
            }
        };
        let root = confined::open_root(mount_point).map_err(failed("open"))?;
        let root = root.as_fd();
        let mut now = options::get(root).map_err(failed("read the options of"))?;
        if let Some(set) = self.set {
            now = options::allow(root, set).map_err(failed("set options of"))?;
        }
        if let Some(clear) = self.clear {
            now = options::forbid(root, clear).map_err(failed("clear options of"))?;
        }
        if self.json {
            out.json(&View {
                schema: 1,
                bits: now.0,
                allowed: now.names(),
            })?;
        } else {
            out.line(&now.names().join(","))?;
        }
        Ok(OK)
    }
}
