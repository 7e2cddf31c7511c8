// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of all interfaces: who may call what, and in which state. The
 * messages themselves are read and written in ioctl43.c and ioctl44.c.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/fs.h>

#include "famfs.h"
#include "trace.h"

/* The numbers carry the structure sizes: a changed layout breaks user space. */
static_assert(FAMFS_IOC_MAP_CREATE == 0x40387550);
static_assert(FAMFS_IOC_MAP_GET == 0x80387551);
static_assert(FAMFS_IOC_MAP_GETEXT == 0x80107552);
static_assert(FAMFS_IOC_NOP == 0x00007553);
static_assert(FAMFS_IOC_MAP_CREATE_V2 == 0x40207554);
static_assert(FAMFS_IOC_MAP_GET_V2 == 0x81c07555);
static_assert(FAMFS_IOC_V44_NOP == 0x00007550);
static_assert(FAMFS_IOC_V44_MAP_CREATE == 0x40207551);
static_assert(FAMFS_IOC_V44_DAXDEV_OPEN == 0x40187552);
static_assert(FAMFS_IOC_V44_GET_OPTS == 0x80087553);
static_assert(FAMFS_IOC_V44_SET_OPTS == 0xc0087554);
static_assert(FAMFS_IOC_V44_CLEAR_OPTS == 0xc0087555);
static_assert(sizeof(struct famfs_v44_extent) == 24);
static_assert(sizeof(struct famfs_v44_interleaved) == 24);

/* One extent of a message; where it lies is checked by famfs_map_validate(). */
int famfs_extent_set(struct famfs_sb *fsi, struct famfs_extent *ext,
		     u64 devindex, u64 offset, u64 len)
{
	ext->dev = famfs_device(fsi, devindex);
	if (!ext->dev) {
		pr_debug("extent on device %llu, which is not opened\n",
			 devindex);
		return -EINVAL;
	}
	ext->dev_off = offset;
	ext->len = len;
	return 0;
}

static int famfs_may_map(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	/* A map hands out raw memory, so owning the file is not enough. */
	if (!capable(CAP_SYS_RAWIO) ||
	    !famfs_allows(famfs_sb(inode->i_sb), FAMFS_OPT_MAP_CREATE))
		return -EPERM;
	if (sb_rdonly(inode->i_sb))
		return -EROFS;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return famfs_inode_map(inode) ? -EEXIST : 0;
}

static int famfs_map_create(struct file *file, unsigned int cmd,
			    const void __user *arg)
{
	struct inode *inode = file_inode(file);
	struct famfs_sb *fsi = famfs_sb(inode->i_sb);
	struct famfs_map *map;
	int err;

	err = famfs_may_map(file);
	if (err)
		return err;
	if (cmd == FAMFS_IOC_MAP_CREATE)
		map = famfs_v1_read(fsi, arg);
	else if (cmd == FAMFS_IOC_MAP_CREATE_V2)
		map = famfs_v2_read(fsi, arg);
	else
		map = famfs_v44_read(fsi, arg);
	if (IS_ERR(map))
		return PTR_ERR(map);

	err = famfs_map_validate(map);
	/* What a stale mount plays would lie over another file system's files. */
	if (!err && map->file_type == FAMFS_FILE_REG && famfs_stale(fsi))
		err = -ESTALE;
	if (!err)
		err = famfs_map_attach(inode, map);
	if (!err && map->file_type == FAMFS_FILE_SUPERBLOCK)
		famfs_identity_keep(fsi);
	trace_famfs_map_create(inode->i_sb->s_dev, inode->i_ino, map->file_size,
			       map->file_type, map->nr, err);
	if (err)
		famfs_map_free(map);
	return err;
}

static int famfs_map_query(struct inode *inode, unsigned int cmd,
			   void __user *arg)
{
	const struct famfs_map *map = famfs_inode_map(inode);

	if (!map)
		return -EINVAL;
	switch (cmd) {
	case FAMFS_IOC_MAP_GET:
		return famfs_v1_get(map, arg);
	case FAMFS_IOC_MAP_GETEXT:
		return famfs_v1_getext(map, arg);
	default:
		return famfs_v2_get(map, arg);
	}
}

long famfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct inode *inode = file_inode(file);
	struct famfs_sb *fsi = famfs_sb(inode->i_sb);
	void __user *argp = (void __user *)arg;

	if (cmd == FAMFS_IOC_NOP || cmd == FAMFS_IOC_V44_NOP)
		return 0;
	if (famfs_disabled(fsi))
		return -ENODEV;
	switch (cmd) {
	case FAMFS_IOC_MAP_CREATE:
	case FAMFS_IOC_MAP_CREATE_V2:
	case FAMFS_IOC_V44_MAP_CREATE:
		return S_ISDIR(inode->i_mode) ? -EISDIR :
		       famfs_map_create(file, cmd, argp);
	case FAMFS_IOC_MAP_GET:
	case FAMFS_IOC_MAP_GETEXT:
	case FAMFS_IOC_MAP_GET_V2:
		return S_ISDIR(inode->i_mode) ? -EISDIR :
		       famfs_map_query(inode, cmd, argp);
	case FAMFS_IOC_V44_DAXDEV_OPEN:
		return famfs_v44_daxdev_open(fsi, argp);
	case FAMFS_IOC_V44_GET_OPTS:
	case FAMFS_IOC_V44_SET_OPTS:
	case FAMFS_IOC_V44_CLEAR_OPTS:
		return famfs_options_ioctl(fsi, cmd, argp);
	default:
		return -ENOTTY;
	}
}
