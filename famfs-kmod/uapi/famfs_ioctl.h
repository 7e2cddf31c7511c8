/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctls of famfs files: user space hands each file the list of device
 * ranges that hold its data. Three interfaces are served side by side: KABI 42
 * (ranges in the message), 43 (ranges by pointer) and 44 (one message of any
 * length). All structures have the same layout for 32 and 64 bit callers.
 */
#ifndef FAMFS_IOCTL_H
#define FAMFS_IOCTL_H

#include <linux/const.h>
#include <linux/ioctl.h>
#include <linux/types.h>

#define FAMFS_KABI_43		43
#define FAMFS_KABI_44		44

enum famfs_file_type {
	FAMFS_FILE_REG		= 0,
	FAMFS_FILE_SUPERBLOCK	= 1,
	FAMFS_FILE_LOG		= 2,
};

enum famfs_ext_type {
	FAMFS_EXT_SIMPLE	= 0,
	FAMFS_EXT_INTERLEAVED	= 1,
};

/* Devices of a mount; 0 is the one that was mounted. */
#define FAMFS_MAX_DEVICES	64

#define FAMFS_IOC_MAGIC		'u'

/* KABI 42: at most two ranges, in the message itself. */
#define FAMFS_V1_EXTENTS	2

struct famfs_v1_extent {
	__u64 offset;		/* on the device, bytes */
	__u64 len;
};

struct famfs_v1_map {
	__u32 ext_type;
	__u32 file_type;
	__u64 file_size;
	__u64 nextents;
	struct famfs_v1_extent ext[FAMFS_V1_EXTENTS];
};

/* KABI 43: the list is in the caller's memory. */
#define FAMFS_V2_EXTENTS	16
#define FAMFS_V2_INTERLEAVED	4
#define FAMFS_V2_STRIPS		16

struct famfs_v2_map {
	__u64 file_size;
	__u32 file_type;
	__u32 ext_type;
	__u32 nextents;
	__u32 reserved;		/* not looked at */
	__u64 extents;		/* pointer to the array that ext_type names */
};

struct famfs_v2_extent {
	__u64 devindex;
	__u64 offset;
	__u64 len;
};

struct famfs_v2_interleaved {
	__u64 nstrips;
	__u64 chunk_size;
	__u64 nbytes;
	__u64 strips;		/* pointer to nstrips struct famfs_v2_extent */
};

#define FAMFS_V2_GET_EXTENTS	2
#define FAMFS_V2_GET_STRIPS	16

struct famfs_v2_get {
	struct famfs_v2_map map;
	union {
		struct famfs_v2_extent simple[FAMFS_V2_GET_EXTENTS];
		struct {
			struct famfs_v2_interleaved head;
			struct famfs_v2_extent strips[FAMFS_V2_GET_STRIPS];
		} interleaved;
	};
};

#define FAMFS_IOC_MAP_CREATE	_IOW(FAMFS_IOC_MAGIC, 0x50, struct famfs_v1_map)
#define FAMFS_IOC_MAP_GET	_IOR(FAMFS_IOC_MAGIC, 0x51, struct famfs_v1_map)
/* The argument is an array with room for every extent that MAP_GET counted. */
#define FAMFS_IOC_MAP_GETEXT	_IOR(FAMFS_IOC_MAGIC, 0x52, struct famfs_v1_extent)
/* Succeeds on famfs files and nowhere else, also after a memory error. */
#define FAMFS_IOC_NOP		_IO(FAMFS_IOC_MAGIC, 0x53)
#define FAMFS_IOC_MAP_CREATE_V2	_IOW(FAMFS_IOC_MAGIC, 0x54, struct famfs_v2_map)
#define FAMFS_IOC_MAP_GET_V2	_IOR(FAMFS_IOC_MAGIC, 0x55, struct famfs_v2_get)

/*
 * KABI 44: a header, then nextents struct famfs_v44_extent, or nextents times
 * struct famfs_v44_interleaved each with its strips behind it.
 */
#define FAMFS_V44_MAP_VERSION	1
#define FAMFS_V44_MAX_MESSAGE	(4U << 20)

struct famfs_v44_header {
	__u8 file_type;
	__u8 reserved;
	__u16 fmap_version;
	__u32 ext_type;
	__u32 nextents;
	__u32 fmap_size;	/* of the whole message, bytes */
	__u64 file_size;
	__u64 reserved1;
};

struct famfs_v44_extent {
	__u32 devindex;
	__u32 reserved;
	__u64 offset;
	__u64 len;
};

struct famfs_v44_interleaved {
	__u32 nstrips;
	__u32 chunk_size;
	__u64 nbytes;
	__u64 reserved;
};

struct famfs_v44_device {
	__u64 index;		/* 1 to FAMFS_MAX_DEVICES - 1 */
	__u64 path;		/* pointer to path_len bytes */
	__u32 path_len;
	__u32 flags;		/* 0 */
};

#define FAMFS_IOC_V44_NOP	_IO(FAMFS_IOC_MAGIC, 0x50)
#define FAMFS_IOC_V44_MAP_CREATE _IOW(FAMFS_IOC_MAGIC, 0x51, struct famfs_v44_header)
#define FAMFS_IOC_V44_DAXDEV_OPEN _IOW(FAMFS_IOC_MAGIC, 0x52, struct famfs_v44_device)
#define FAMFS_IOC_V44_GET_OPTS	_IOR(FAMFS_IOC_MAGIC, 0x53, __u64)
/* Bits in, the resulting bitmap out. */
#define FAMFS_IOC_V44_SET_OPTS	_IOWR(FAMFS_IOC_MAGIC, 0x54, __u64)
#define FAMFS_IOC_V44_CLEAR_OPTS _IOWR(FAMFS_IOC_MAGIC, 0x55, __u64)

/* What a mount allows; without the bit the operation fails with EPERM. */
#define FAMFS_OPT_CREATE	_BITULL(0)
#define FAMFS_OPT_MKDIR		_BITULL(1)
#define FAMFS_OPT_MKNOD		_BITULL(2)
#define FAMFS_OPT_SYMLINK	_BITULL(3)
#define FAMFS_OPT_LINK		_BITULL(4)
#define FAMFS_OPT_UNLINK	_BITULL(5)
#define FAMFS_OPT_RMDIR		_BITULL(6)
#define FAMFS_OPT_RENAME	_BITULL(7)
#define FAMFS_OPT_CHMOD		_BITULL(8)
#define FAMFS_OPT_CHOWN		_BITULL(9)
#define FAMFS_OPT_TRUNCATE	_BITULL(10)
#define FAMFS_OPT_UTIMES	_BITULL(11)
#define FAMFS_OPT_WRITE		_BITULL(12)
#define FAMFS_OPT_XATTR		_BITULL(13)
#define FAMFS_OPT_MAP_CREATE	_BITULL(14)
#define FAMFS_OPT_ALL		(_BITULL(15) - 1)

#define FAMFS_OPT_DEFAULT	(FAMFS_OPT_CREATE | FAMFS_OPT_MKDIR | \
				 FAMFS_OPT_CHMOD | FAMFS_OPT_CHOWN | \
				 FAMFS_OPT_UTIMES | FAMFS_OPT_WRITE | \
				 FAMFS_OPT_MAP_CREATE)

#endif /* FAMFS_IOCTL_H */
