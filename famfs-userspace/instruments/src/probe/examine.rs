//! Are the fields that the programs read in this kernel? For a diagnosis, without any privilege.

use std::{fs, io};

use famfs_common::field::FIELDS;

use super::btf::Btf;

/// What the kernel's type information has of ours.
#[derive(Debug)]
pub(crate) enum Fields {
    /// All, so many.
    All(usize),
    /// It cannot be read.
    NoTypes(io::Error),
    /// It is damaged, or the kernel is not one of ours.
    Bad(String),
}

/// Looks all of them up.
pub(crate) fn fields() -> Fields {
    let bytes = match fs::read(super::attach::VMLINUX) {
        Ok(bytes) if bytes.is_empty() => {
            return Fields::NoTypes(io::Error::other("it is empty"));
        }
        Ok(bytes) => bytes,
        Err(error) => return Fields::NoTypes(error),
    };
    match Btf::parse(&bytes).and_then(|btf| btf.offsets()) {
        Ok(_) => Fields::All(FIELDS),
        Err(error) => Fields::Bad(error.to_string()),
    }
}
