//! The media format of famfs, a file system for shared memory: reads, checks, plans and writes it from
//! bytes alone.
//!
//! A famfs file system is a superblock, a log of what was made, and the files' own memory. This crate
//! handles the first two, in anything that implements [`memory::Memory`], and never touches the third:
//!
//! * [`mod@format`] parses and writes the structures of the media;
//! * [`volume`] copies a file system's metadata, so that it cannot change between check and use;
//! * [`player`] turns the log into a plan, and carries it out in a [`player::Tree`];
//! * [`fsck`] says what is wrong with a volume;
//! * [`writer`] makes a file system and adds entries to its log;
//! * [`image`] is a file system's metadata in a buffer;
//! * [`alloc`] finds free memory for new files;
//! * [`random`] chooses, the same for the same seed;
//! * [`shadow`] and [`alloc::config`] read and write the two kinds of files in YAML.
//!
//! Nothing in here depends on another crate of the toolkit, and no input makes it panic: every count and
//! every offset of the media is bounded before it is used.
//!
//! # Make a file system, and list its files
//!
//! ```
//! use famfs_media::alloc::Space;
//! use famfs_media::format::{Body, File, PathField, entry::FLAGS_ALL_HOSTS_RW};
//! use famfs_media::image::Image;
//! use famfs_media::volume::Volume;
//!
//! let mut image = Image::formatted(64 << 20)?;
//! let volume = Volume::load(&mut image)?;
//!
//! // Finds memory behind superblock and log, in units of 2 MiB.
//! let unit = volume.superblock.alloc_unit();
//! let mut space = Space::new(volume.superblock.dev_size(), unit, volume.data_start());
//! let placement = space.place(5_000_000, None, 0).ok_or("the device is full")?;
//! image.append(&Body::File(File {
//!     size: 5_000_000,
//!     flags: FLAGS_ALL_HOSTS_RW,
//!     uid: 0,
//!     gid: 0,
//!     mode: 0o644,
//!     path: PathField::new(b"weights.bin").ok_or("the name is too long")?,
//!     map: placement.to_map(),
//! }))?;
//!
//! let volume = Volume::load(&mut image)?;
//! let file = volume.files().next().ok_or("there is no file")?;
//! assert_eq!((file.path.lossy().as_str(), file.size), ("weights.bin", 5_000_000));
//! assert_eq!(file.map.room(), 6 << 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Check one
//!
//! A file whose parent folder no entry makes is an error that `fsck` finds and a play leaves out:
//!
//! ```
//! use famfs_media::format::{Body, Dir, PathField};
//! use famfs_media::fsck::Report;
//! use famfs_media::image::Image;
//! use famfs_media::player::Plan;
//! use famfs_media::volume::Volume;
//!
//! let mut image = Image::formatted(64 << 20)?;
//! let path = PathField::new(b"missing/folder").ok_or("the name is too long")?;
//! image.append(&Body::Mkdir(Dir { uid: 0, gid: 0, mode: 0o755, path }))?;
//!
//! let volume = Volume::load(&mut image)?;
//! volume.check()?;
//! let report = Report::new(&volume, None);
//! assert_eq!((report.errors, report.findings[0].code), (1, "parent-missing"));
//! assert!(Plan::new(&volume, None).actions.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]
#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a library prints nothing"
)]

pub mod alloc;
pub mod format;
pub mod fsck;
pub mod image;
pub mod memory;
pub mod player;
pub mod random;
pub mod role;
pub mod shadow;
pub mod volume;
pub mod writer;
pub mod yaml;
