// SPDX-License-Identifier: GPL-2.0
/* The ioctls, KABI 42 and 43: messages in, checked maps out, and back. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "famfs.h"
#include "trace.h"
#include "uapi/famfs_ioctl.h"

/* The numbers carry the structure sizes: a changed layout breaks user space. */
static_assert(FAMFS_IOC_MAP_CREATE == 0x40387550);
static_assert(FAMFS_IOC_MAP_GET == 0x80387551);
static_assert(FAMFS_IOC_MAP_GETEXT == 0x80107552);
static_assert(FAMFS_IOC_NOP == 0x00007553);
static_assert(FAMFS_IOC_MAP_CREATE_V2 == 0x40207554);
static_assert(FAMFS_IOC_MAP_GET_V2 == 0x81c07555);

static struct famfs_map *famfs_read_v1(const void __user *arg)
{
	struct famfs_v1_map msg;
	struct famfs_map *map;
	u32 i;

	if (copy_from_user(&msg, arg, sizeof(msg)))
		return ERR_PTR(-EFAULT);
	if (msg.ext_type != FAMFS_EXT_SIMPLE)
		return ERR_PTR(-EINVAL);
	if (msg.nextents < 1)
		return ERR_PTR(-ENOSPC);
	if (msg.nextents > FAMFS_V1_EXTENTS)
		return ERR_PTR(-E2BIG);

	map = famfs_map_alloc(msg.nextents);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->file_type = msg.file_type;
	map->file_size = msg.file_size;
	for (i = 0; i < map->nr; i++) {
		map->ext[i].dev_off = msg.ext[i].offset;
		map->ext[i].len = msg.ext[i].len;
	}
	return map;
}

static int famfs_read_v2_extents(struct famfs_map *map,
				 const struct famfs_v2_extent __user *list)
{
	u32 i;

	for (i = 0; i < map->nr; i++) {
		struct famfs_v2_extent ext;

		if (copy_from_user(&ext, &list[i], sizeof(ext)))
			return -EFAULT;
		if (ext.devindex) {
			pr_debug("extent on device %llu: only device 0 is mounted\n",
				 ext.devindex);
			return -EINVAL;
		}
		map->ext[i].dev_off = ext.offset;
		map->ext[i].len = ext.len;
	}
	return 0;
}

static struct famfs_map *famfs_read_v2(const void __user *arg)
{
	struct famfs_v2_map msg;
	struct famfs_map *map;
	int err;

	if (copy_from_user(&msg, arg, sizeof(msg)))
		return ERR_PTR(-EFAULT);
	if (msg.ext_type == FAMFS_EXT_INTERLEAVED) {
		pr_debug("interleaved maps are not served yet\n");
		return ERR_PTR(-EOPNOTSUPP);
	}
	if (msg.ext_type != FAMFS_EXT_SIMPLE || msg.nextents < 1)
		return ERR_PTR(-EINVAL);
	if (msg.nextents > FAMFS_MAX_EXTENTS)
		return ERR_PTR(-E2BIG);

	map = famfs_map_alloc(msg.nextents);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->file_type = msg.file_type;
	map->file_size = msg.file_size;
	err = famfs_read_v2_extents(map, u64_to_user_ptr(msg.extents));
	if (err) {
		famfs_map_free(map);
		return ERR_PTR(err);
	}
	return map;
}

static int famfs_map_create(struct file *file, unsigned int cmd,
			    const void __user *arg)
{
	struct inode *inode = file_inode(file);
	struct famfs_map *map;
	int err;

	/* A map hands out raw memory, so owning the file is not enough. */
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;

	map = cmd == FAMFS_IOC_MAP_CREATE ? famfs_read_v1(arg) :
					    famfs_read_v2(arg);
	if (IS_ERR(map))
		return PTR_ERR(map);
	err = famfs_map_validate(map, famfs_sb(inode->i_sb)->source.size);
	if (!err)
		err = famfs_map_attach(inode, map);
	trace_famfs_map_create(inode->i_sb->s_dev, inode->i_ino, map->file_size,
			       map->file_type, map->nr, err);
	if (err)
		famfs_map_free(map);
	return err;
}

static int famfs_map_get(const struct famfs_map *map, void __user *arg)
{
	struct famfs_v1_map msg = {
		.ext_type = FAMFS_EXT_SIMPLE,
		.file_type = map->file_type,
		.file_size = map->file_size,
		.nextents = map->nr,
	};

	return copy_to_user(arg, &msg, sizeof(msg)) ? -EFAULT : 0;
}

static int famfs_map_getext(const struct famfs_map *map,
			    struct famfs_v1_extent __user *list)
{
	u32 i;

	for (i = 0; i < map->nr; i++) {
		struct famfs_v1_extent ext = {
			.offset = map->ext[i].dev_off,
			.len = map->ext[i].len,
		};

		if (copy_to_user(&list[i], &ext, sizeof(ext)))
			return -EFAULT;
	}
	return 0;
}

static int famfs_map_get_v2(const struct famfs_map *map, void __user *arg)
{
	struct famfs_v2_get msg = {
		.map = {
			.file_size = map->file_size,
			.file_type = map->file_type,
			.ext_type = FAMFS_EXT_SIMPLE,
			.nextents = map->nr,
		},
	};
	u32 i;

	/* The reply has room for two; MAP_GETEXT returns a list of any length. */
	if (map->nr > FAMFS_V2_GET_EXTENTS)
		return -EOVERFLOW;
	for (i = 0; i < map->nr; i++) {
		msg.simple[i].offset = map->ext[i].dev_off;
		msg.simple[i].len = map->ext[i].len;
	}
	return copy_to_user(arg, &msg, sizeof(msg)) ? -EFAULT : 0;
}

static int famfs_map_query(const struct famfs_map *map, unsigned int cmd,
			   void __user *arg)
{
	if (!map)
		return -EINVAL;
	switch (cmd) {
	case FAMFS_IOC_MAP_GET:
		return famfs_map_get(map, arg);
	case FAMFS_IOC_MAP_GETEXT:
		return famfs_map_getext(map, arg);
	default:
		return famfs_map_get_v2(map, arg);
	}
}

long famfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct inode *inode = file_inode(file);
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case FAMFS_IOC_NOP:
		return 0;
	case FAMFS_IOC_MAP_CREATE:
	case FAMFS_IOC_MAP_CREATE_V2:
		if (famfs_disabled(famfs_sb(inode->i_sb)))
			return -ENODEV;
		return famfs_map_create(file, cmd, argp);
	case FAMFS_IOC_MAP_GET:
	case FAMFS_IOC_MAP_GETEXT:
	case FAMFS_IOC_MAP_GET_V2:
		if (famfs_disabled(famfs_sb(inode->i_sb)))
			return -ENODEV;
		return famfs_map_query(famfs_inode_map(inode), cmd, argp);
	default:
		return -ENOTTY;
	}
}
