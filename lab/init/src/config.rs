//! What PID 1 shall do, written by the host into the initramfs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where the host puts the configuration in the initramfs.
pub const PATH: &str = "/lab/config.json";

/// How the guest's DAX memory is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memory {
    /// A pmem block device, `/dev/pmem0`.
    Pmem,
    /// A character DAX device in file-system mode, `/dev/dax0.0`, on top of emulated pmem.
    Fsdev,
    /// The same on top of an emulated CXL type-3 device.
    Cxl,
}

impl Memory {
    /// The device that the guest's commands find in `FAMFS_DEV`.
    pub fn device(self) -> &'static str {
        match self {
            Self::Pmem => "/dev/pmem0",
            Self::Fsdev | Self::Cxl => "/dev/dax0.0",
        }
    }

    /// The second device, in `FAMFS_DEV2`; an emulated CXL guest has none.
    pub fn second_device(self) -> Option<&'static str> {
        match self {
            Self::Pmem => Some("/dev/pmem1"),
            Self::Fsdev => Some("/dev/dax1.0"),
            Self::Cxl => None,
        }
    }
}

/// Everything that PID 1 needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    pub memory: Memory,
    /// Bytes of DAX memory, needed to set up a CXL region.
    pub size: u64,
    /// DAX devices: 1 or 2.
    pub devices: u32,
    /// Kernel modules to load, in order: paths in the guest.
    pub modules: Vec<String>,
    /// Modules that give the guest its connection to the host; unused if `deterministic`.
    pub link_modules: Vec<String>,
    pub command: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// Rows and columns: the command gets a pseudo terminal of this size. Without, it gets pipes.
    pub terminal: Option<(u16, u16)>,
    /// Run the command with no host traffic at all, hand over its output afterwards.
    pub deterministic: bool,
    /// There is a folder to share at `/share`.
    pub share: bool,
}
