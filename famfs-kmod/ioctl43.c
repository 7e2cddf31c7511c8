// SPDX-License-Identifier: GPL-2.0
/* The messages of KABI 42 and 43: maps of fixed size, and lists by pointer. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "famfs.h"

/* What KABI 42 and its callers know as the unit of memory. */
#define FAMFS_V1_ALIGN	0x200000ULL

struct famfs_map *famfs_v1_read(struct famfs_sb *fsi, const void __user *arg)
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
	for (i = 0; i < msg.nextents; i++) {
		bool last = i == msg.nextents - 1;

		if (!IS_ALIGNED(msg.ext[i].offset, FAMFS_V1_ALIGN) ||
		    (!last && !IS_ALIGNED(msg.ext[i].len, FAMFS_V1_ALIGN)))
			return ERR_PTR(-EINVAL);
	}

	map = famfs_map_alloc(msg.nextents, 0);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->file_type = msg.file_type;
	map->file_size = msg.file_size;
	for (i = 0; i < map->nr; i++)	/* device 0 is always there */
		famfs_extent_set(fsi, &map->ext[i], 0, msg.ext[i].offset,
				 msg.ext[i].len);
	return map;
}

static int famfs_v2_read_extents(struct famfs_sb *fsi, struct famfs_map *map,
				 u32 first, u32 nr,
				 const struct famfs_v2_extent __user *list)
{
	u32 i;
	int err;

	for (i = 0; i < nr; i++) {
		struct famfs_v2_extent ext;

		if (copy_from_user(&ext, &list[i], sizeof(ext)))
			return -EFAULT;
		err = famfs_extent_set(fsi, &map->ext[first + i], ext.devindex,
				       ext.offset, ext.len);
		if (err)
			return err;
	}
	return 0;
}

static struct famfs_map *famfs_v2_read_simple(struct famfs_sb *fsi,
					      const struct famfs_v2_map *msg)
{
	struct famfs_map *map;
	int err;

	if (msg->nextents > FAMFS_V2_EXTENTS)
		return ERR_PTR(-E2BIG);
	map = famfs_map_alloc(msg->nextents, 0);
	if (!map)
		return ERR_PTR(-ENOMEM);
	err = famfs_v2_read_extents(fsi, map, 0, map->nr,
				    u64_to_user_ptr(msg->extents));
	if (err) {
		famfs_map_free(map);
		return ERR_PTR(err);
	}
	return map;
}

static struct famfs_map *famfs_v2_read_striped(struct famfs_sb *fsi,
					       const struct famfs_v2_map *msg)
{
	struct famfs_v2_interleaved heads[FAMFS_V2_INTERLEAVED];
	struct famfs_map *map;
	u32 i, nr = 0;
	int err;

	if (msg->nextents > FAMFS_V2_INTERLEAVED)
		return ERR_PTR(-E2BIG);
	if (copy_from_user(heads, u64_to_user_ptr(msg->extents),
			   msg->nextents * sizeof(heads[0])))
		return ERR_PTR(-EFAULT);
	for (i = 0; i < msg->nextents; i++) {
		if (!heads[i].nstrips)
			return ERR_PTR(-EINVAL);
		if (heads[i].nstrips > FAMFS_V2_STRIPS)
			return ERR_PTR(-E2BIG);
		nr += heads[i].nstrips;
	}

	map = famfs_map_alloc(nr, msg->nextents);
	if (!map)
		return ERR_PTR(-ENOMEM);
	for (i = 0, nr = 0; i < map->nr_stripes; i++) {
		struct famfs_stripe *stripe = &map->stripes[i];

		stripe->chunk_size = heads[i].chunk_size;
		stripe->nbytes = heads[i].nbytes;
		stripe->first = nr;
		stripe->nstrips = heads[i].nstrips;
		err = famfs_v2_read_extents(fsi, map, nr, stripe->nstrips,
					    u64_to_user_ptr(heads[i].strips));
		if (err) {
			famfs_map_free(map);
			return ERR_PTR(err);
		}
		nr += stripe->nstrips;
	}
	return map;
}

struct famfs_map *famfs_v2_read(struct famfs_sb *fsi, const void __user *arg)
{
	struct famfs_v2_map msg;
	struct famfs_map *map;

	if (copy_from_user(&msg, arg, sizeof(msg)))
		return ERR_PTR(-EFAULT);
	if (msg.ext_type > FAMFS_EXT_INTERLEAVED || msg.nextents < 1)
		return ERR_PTR(-EINVAL);
	map = msg.ext_type == FAMFS_EXT_SIMPLE ?
	      famfs_v2_read_simple(fsi, &msg) : famfs_v2_read_striped(fsi, &msg);
	if (!IS_ERR(map)) {
		map->file_type = msg.file_type;
		map->file_size = msg.file_size;
	}
	return map;
}

static u32 famfs_ext_type(const struct famfs_map *map)
{
	return map->stripes ? FAMFS_EXT_INTERLEAVED : FAMFS_EXT_SIMPLE;
}

int famfs_v1_get(const struct famfs_map *map, void __user *arg)
{
	struct famfs_v1_map msg = {
		.ext_type = famfs_ext_type(map),
		.file_type = map->file_type,
		.file_size = map->file_size,
		.nextents = map->nr,	/* strips, if interleaved */
	};

	return copy_to_user(arg, &msg, sizeof(msg)) ? -EFAULT : 0;
}

int famfs_v1_getext(const struct famfs_map *map, void __user *arg)
{
	struct famfs_v1_extent __user *list = arg;
	u32 i;

	for (i = 0; i < map->nr; i++) {
		struct famfs_v1_extent ext = {
			.offset = map->ext[i].dev_off,
			.len = map->ext[i].len,
		};

		if (copy_to_user(&list[i], &ext, sizeof(ext)))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static void famfs_v2_show(const struct famfs_map *map,
			  struct famfs_v2_extent *list)
{
	u32 i;

	for (i = 0; i < map->nr; i++) {
		list[i].devindex = map->ext[i].dev->index;
		list[i].offset = map->ext[i].dev_off;
		list[i].len = map->ext[i].len;
	}
}

/* The reply has little room; MAP_GETEXT returns a list of any length. */
int famfs_v2_get(const struct famfs_map *map, void __user *arg)
{
	struct famfs_v2_get msg = {
		.map = {
			.file_size = map->file_size,
			.file_type = map->file_type,
			.ext_type = famfs_ext_type(map),
			.nextents = map->nr_stripes ?: map->nr,
		},
	};

	if (!map->stripes) {
		if (map->nr > FAMFS_V2_GET_EXTENTS)
			return -E2BIG;
		famfs_v2_show(map, msg.simple);
	} else {
		if (map->nr_stripes > 1 || map->nr > FAMFS_V2_GET_STRIPS)
			return -E2BIG;
		msg.interleaved.head.nstrips = map->nr;
		msg.interleaved.head.chunk_size = map->stripes[0].chunk_size;
		msg.interleaved.head.nbytes = map->stripes[0].nbytes;
		famfs_v2_show(map, msg.interleaved.strips);
	}
	return copy_to_user(arg, &msg, sizeof(msg)) ? -EFAULT : 0;
}
