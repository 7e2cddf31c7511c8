//! What a host is to a file system, and so what it may do to it.

use uuid::Uuid;

/// What a host is to a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It made the file system, and it alone appends to the log.
    Master,
    /// It follows the log, and cannot open the files for writing.
    Client,
}

impl Role {
    /// Returns the role of a host by the superblock's system uuid. A host without an identity is a
    /// client.
    pub fn of(superblock: Uuid, host: Option<Uuid>) -> Self {
        if host == Some(superblock) {
            Self::Master
        } else {
            Self::Client
        }
    }

    /// Returns the permission bits that files keep.
    pub fn mode_mask(self) -> u32 {
        match self {
            Self::Master => 0o7777,
            Self::Client => 0o7777 & !0o222,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(Role::of(a, Some(a)), Role::Master);
        assert_eq!(Role::of(a, Some(b)), Role::Client);
        assert_eq!(Role::of(a, None), Role::Client);
        assert_eq!(0o666 & Role::Client.mode_mask(), 0o444);
    }
}
