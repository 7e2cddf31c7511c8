use super::output::Output;
use super::{Error, OK, complain_of, played};
use famfs_media::role::Role;
use famfs_runtime::ops::list::{self, Listed};
use famfs_snapshot::text::printable;

const EXAMPLES: &str = "\
Examples:
  famfs list
  famfs list --json";

/// List DAX devices, the file systems on them, and where they are mounted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print the list as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, out: &mut Output) -> Result<u8, Error> {
        let list = list::list();
        played::complain_of_identity(Role::Client);
        let status = list
            .stale()
            .map(|stale| complain_of(Error::Op(stale)))
            .fold(OK, u8::max);
        if self.json {
            out.json(&list)?;
            return Ok(status);
        }
        if list.devices.is_empty() {
            out.line("no DAX device")?;
        }
        for device in &list.devices {
            for line in lines(device) {
                out.line(&printable(&line))?;
            }
        }
        Ok(status)
    }
}

fn lines(device: &Listed) -> Vec<String> {
    let size = device
        .size
        .map_or_else(|| "unknown size".to_owned(), |n| format!("{n} bytes"));
    let mut lines = vec![format!("{}  {}  {size}", device.path.text(), device.mode)];
    match (&device.file_system, &device.fault) {
        (Some(fs), _) => lines.push(format!(
            "  famfs {} version {}, {} of {} log entries, {}",
            fs.fs_uuid, fs.version, fs.entries, fs.log_capacity, fs.role
        )),
        (None, Some(fault)) => lines.push(format!("  {fault}")),
        (None, None) => {}
    }
    for mount in &device.mounts {
        lines.push(format!(
            "  on {} ({})",
            mount.mount_point.text(),
            mount.state
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use famfs_runtime::ops::list::Mounted;

    #[test]
    fn a_device_in_lines() {
        let device = Listed {
            path: Path::new("/dev/pmem0").into(),
            mode: "pmem".into(),
            size: Some(1 << 30),
            file_system: None,
            fault: Some("no famfs superblock".into()),
            mounts: vec![Mounted {
                mount_point: Path::new("/mnt").into(),
                state: "ok",
            }],
        };
        assert_eq!(
            lines(&device),
            [
                "/dev/pmem0  pmem  1073741824 bytes",
                "  no famfs superblock",
                "  on /mnt (ok)"
            ]
        );
    }
}
