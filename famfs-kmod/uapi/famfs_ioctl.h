/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctls of famfs files, KABI 42 and 43: user space hands each file the
 * list of device ranges that hold its data. All structures have the same
 * layout for 32 and 64 bit callers.
 */
#ifndef FAMFS_IOCTL_H
#define FAMFS_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define FAMFS_KABI_VERSION	43

enum famfs_file_type {
	FAMFS_FILE_REG		= 0,
	FAMFS_FILE_SUPERBLOCK	= 1,
	FAMFS_FILE_LOG		= 2,
};

enum famfs_ext_type {
	FAMFS_EXT_SIMPLE	= 0,
	FAMFS_EXT_INTERLEAVED	= 1,
};

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
struct famfs_v2_map {
	__u64 file_size;
	__u32 file_type;
	__u32 ext_type;
	__u32 nextents;
	__u32 reserved;
	__u64 extents;		/* pointer to the array that ext_type names */
};

struct famfs_v2_extent {
	__u64 devindex;		/* 0, the mounted device */
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

#define FAMFS_IOC_MAGIC		'u'

#define FAMFS_IOC_MAP_CREATE	_IOW(FAMFS_IOC_MAGIC, 0x50, struct famfs_v1_map)
#define FAMFS_IOC_MAP_GET	_IOR(FAMFS_IOC_MAGIC, 0x51, struct famfs_v1_map)
/* The argument is an array with room for every extent that MAP_GET counted. */
#define FAMFS_IOC_MAP_GETEXT	_IOR(FAMFS_IOC_MAGIC, 0x52, struct famfs_v1_extent)
/* Succeeds on famfs files and nowhere else, also after a memory error. */
#define FAMFS_IOC_NOP		_IO(FAMFS_IOC_MAGIC, 0x53)
#define FAMFS_IOC_MAP_CREATE_V2	_IOW(FAMFS_IOC_MAGIC, 0x54, struct famfs_v2_map)
#define FAMFS_IOC_MAP_GET_V2	_IOR(FAMFS_IOC_MAGIC, 0x55, struct famfs_v2_get)

#endif /* FAMFS_IOCTL_H */
