//! The errnos that the contract lists for each ioctl. Any other is a bug.

use nix::errno::Errno;

use crate::{
    abi::{self, Abi},
    oracle::reference::Rules,
};

const MAP_CREATE: &[Errno] = &[
    Errno::EPERM,
    Errno::EBADF,
    Errno::EEXIST,
    Errno::EFAULT,
    Errno::EINVAL,
    Errno::ERANGE,
    Errno::EBUSY,
    Errno::ENOMEM,
    Errno::E2BIG,
    Errno::EISDIR,
    Errno::EROFS,
];

/// Whether `MAP_CREATE` may answer so; `ENODEV` is for disabled mounts.
pub(crate) fn map_create(abi: Abi, rules: Rules, disabled: bool, errno: Errno) -> bool {
    let own = match abi {
        Abi::V1 => errno == Errno::ENOSPC,
        Abi::V2 => false,
        Abi::V44 => errno == Errno::EFBIG,
    };
    // Before KABI 44 came, its number and directories were unknown, and so were interleaved maps.
    let old = [Errno::ENOTTY, Errno::EOPNOTSUPP, Errno::EFBIG];
    own || MAP_CREATE.contains(&errno)
        || (disabled && errno == Errno::ENODEV)
        || (!rules.complete && old.contains(&errno))
}

/// Whether any other ioctl may answer so.
pub(crate) fn other(command: u32, rules: Rules, disabled: bool, errno: Errno) -> bool {
    if disabled && errno == Errno::ENODEV {
        return !matches!(command, abi::NOP_43 | abi::NOP_44);
    }
    if !rules.complete && errno == Errno::ENOTTY {
        return true;
    }
    match command {
        abi::NOP_43 | abi::NOP_44 => false,
        abi::MAP_GET | abi::MAP_GETEXT => {
            [Errno::EINVAL, Errno::EFAULT, Errno::EISDIR].contains(&errno)
        }
        abi::MAP_GET_V2 => {
            let old = !rules.complete && errno == Errno::EOVERFLOW;
            [Errno::EINVAL, Errno::EFAULT, Errno::EISDIR, Errno::E2BIG].contains(&errno) || old
        }
        abi::DAXDEV_OPEN => [
            Errno::EPERM,
            Errno::EINVAL,
            Errno::EEXIST,
            Errno::ENAMETOOLONG,
            Errno::ENOENT,
            Errno::ENODEV,
            Errno::EOPNOTSUPP,
            Errno::EBUSY,
            Errno::EFAULT,
            Errno::ENOMEM,
            // What a lookup of the name finds on its way.
            Errno::ENOTDIR,
            Errno::EACCES,
            Errno::ELOOP,
            Errno::ENXIO,
            Errno::EROFS,
        ]
        .contains(&errno),
        abi::GET_OPTS => errno == Errno::EFAULT,
        abi::SET_OPTS | abi::CLEAR_OPTS => {
            [Errno::EPERM, Errno::EINVAL, Errno::EFAULT].contains(&errno)
        }
        // Unknown numbers of our magic are ENOTTY; others may be the VFS's own.
        _ if command >> 8 & 0xff == u32::from(b'u') => errno == Errno::ENOTTY,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Rules = Rules {
        complete: true,
        device: 1 << 30,
        second: 0,
    };

    #[test]
    fn each_abi_has_its_own() {
        assert!(map_create(Abi::V1, NEW, false, Errno::ENOSPC));
        assert!(!map_create(Abi::V2, NEW, false, Errno::ENOSPC));
        assert!(map_create(Abi::V44, NEW, false, Errno::EFBIG));
        assert!(!map_create(Abi::V1, NEW, false, Errno::EIO));
        assert!(!map_create(Abi::V1, NEW, false, Errno::ENODEV));
        assert!(map_create(Abi::V1, NEW, true, Errno::ENODEV));
    }

    #[test]
    fn nothing_fails_a_nop_and_unknown_numbers_are_enotty() {
        assert!(!other(abi::NOP_43, NEW, true, Errno::ENODEV));
        assert!(!other(abi::NOP_44, NEW, false, Errno::ENOTTY));
        assert!(other(0x75ff, NEW, false, Errno::ENOTTY));
        assert!(!other(0x75ff, NEW, false, Errno::EINVAL));
        assert!(!other(abi::MAP_GET, NEW, false, Errno::ENOTTY));
    }
}
