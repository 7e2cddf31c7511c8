//! The kernel's side: mounts, confined paths, and the ioctls that give a file its map.

pub mod abi;
pub mod confined;
mod kabi43;
pub mod kabi44;
pub mod locks;
pub mod map;
pub mod module;
pub mod mount;
pub mod mountinfo;
pub mod options;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("the kernel has no famfs file system")]
    NoModule,
    #[error("cannot load the famfs module by `modprobe famfs`")]
    LoadModule(#[source] io::Error),
    #[error("only root may mount")]
    NotRoot,
    #[error("cannot mount {source_path}{said}", source_path = device.display())]
    Mount {
        device: PathBuf,
        said: String,
        source: io::Error,
    },
    #[error("cannot attach the mount of {device} to {target}",
        device = device.display(), target = target.display())]
    Attach {
        device: PathBuf,
        target: PathBuf,
        source: io::Error,
    },
    #[error("cannot unmount {target}", target = target.display())]
    Umount { target: PathBuf, source: io::Error },
    #[error("{target} is not the root of a famfs mount", target = target.display())]
    NotMounted { target: PathBuf },
    #[error("cannot read /proc/self/mountinfo")]
    Mountinfo(#[source] io::Error),
    #[error("the famfs module speaks KABI {found}; this tool speaks 42, 43 and 44")]
    Kabi { found: u32 },
}

impl Error {
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoModule => {
                Some("`modprobe famfs` loads it; `famfs mount` and `famfs fsck` do with `-L`")
            }
            Self::NotRoot => Some("run as root"),
            Self::Mount { source, .. } => match source.raw_os_error() {
                Some(libc::EBUSY) => Some("it is mounted already, or another program holds it"),
                Some(libc::EOPNOTSUPP) => {
                    Some("bind the device to fsdev_dax, or put the namespace into fsdax mode")
                }
                _ => Some("the kernel log may say more: `dmesg | tail`"),
            },
            Self::Umount { source, .. } if source.raw_os_error() == Some(libc::EBUSY) => {
                Some("a process uses it: `fuser -vm MPT` names it")
            }
            Self::NotMounted { .. } => Some("/proc/mounts lists the famfs mounts"),
            Self::Kabi { .. } => Some("load the module that came with this tool"),
            Self::LoadModule(_) => Some("`dmesg | tail` may say why"),
            Self::Attach { .. } | Self::Umount { .. } | Self::Mountinfo(_) => None,
        }
    }

    /// Whether a privilege or a kernel feature is missing, not something wrong.
    pub fn is_missing_feature(&self) -> bool {
        matches!(
            self,
            Self::NoModule | Self::LoadModule(_) | Self::NotRoot | Self::Kabi { .. }
        )
    }
}
