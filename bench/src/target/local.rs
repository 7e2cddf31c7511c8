//! ext4 and xfs in DAX mode, laid out so that 2 MiB of file is 2 MiB of memory.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::command::{modprobe, run};
use super::mount::Mounted;
use super::{Prepared, Unready};

/// A file system and how its blocks come to lie on 2 MiB boundaries.
#[derive(Debug)]
pub(super) struct Local {
    fstype: &'static str,
    mkfs: &'static str,
    options: &'static [&'static str],
}

/// Stripes of 512 blocks make the allocator begin a large file at a multiple of 2 MiB.
pub(super) const EXT4: Local = Local {
    fstype: "ext4",
    mkfs: "mkfs.ext4",
    options: &[
        "-q",
        "-F",
        "-b",
        "4096",
        "-m",
        "0",
        "-E",
        "stride=512,stripe_width=512",
    ],
};

/// A stripe unit of 2 MiB and as large an extent hint; two groups so that each is large enough.
pub(super) const XFS: Local = Local {
    fstype: "xfs",
    mkfs: "mkfs.xfs",
    options: &[
        "-q",
        "-f",
        "-d",
        "su=2m,sw=1,extszinherit=512,agcount=2",
        "-l",
        "size=64m",
        "-m",
        "reflink=0",
    ],
};

pub(super) fn prepare(local: &Local, device: &Path, bytes: u64) -> Result<Prepared, Unready> {
    let kind = device
        .metadata()
        .context("cannot stat the device")?
        .file_type();
    if !kind.is_block_device() {
        return Err(Unready::Skip(format!(
            "{} needs a block device, {} is a character device",
            local.fstype,
            device.display()
        )));
    }
    modprobe(local.fstype);
    let mut args: Vec<_> = local.options.iter().map(AsRef::as_ref).collect();
    args.push(device.as_os_str());
    run(local.mkfs, &args)?;
    let mut mounted = Mounted::place(local.fstype)?;
    mounted.mount(device, local.fstype, "dax=always")?;
    let file = mounted.file();
    fill(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Prepared {
        mounted: Some(mounted),
        ..Prepared::of_file(file)
    })
}

/// Writes every block: a fault on a block that was only reserved would pay for zeroing it.
fn fill(path: &Path, bytes: u64) -> Result<()> {
    const CHUNK: u64 = 2 << 20;
    let zeros = vec![0; 2 << 20];
    let mut file = File::create_new(path)?;
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left.min(CHUNK))?;
        file.write_all(&zeros[..now])?;
        left -= now as u64;
    }
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_as_long_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fill(&path, (3 << 20) + 5).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 3_145_733);
    }

    #[test]
    fn a_character_device_is_a_skip() {
        assert!(matches!(
            prepare(&EXT4, Path::new("/dev/null"), 0),
            Err(Unready::Skip(_))
        ));
    }
}
