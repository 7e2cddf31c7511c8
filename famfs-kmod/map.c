// SPDX-License-Identifier: GPL-2.0
/*
 * File maps: which device ranges hold a file's data.
 *
 * Two files of a mount never share a byte. That is not only tidy: one page
 * under two mappings corrupts the DAX page state, and evicting such a file can
 * loop for ever inside the kernel.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "famfs.h"
#include "uapi/famfs_ioctl.h"

struct famfs_map *famfs_map_alloc(u32 nr)
{
	struct famfs_map *map;

	map = kzalloc(struct_size(map, ext, nr), GFP_KERNEL_ACCOUNT);
	if (map)
		map->nr = nr;
	return map;
}

void famfs_map_free(struct famfs_map *map)
{
	kfree(map);
}

static int famfs_extent_validate(struct famfs_extent *ext, bool last,
				 u32 file_type, u64 dev_size)
{
	u64 end;

	/* Only the file's tail may be short; memory comes in pages, though. */
	if (last && ext->len <= dev_size)
		ext->len = round_up(ext->len, PAGE_SIZE);
	if (!ext->len || !PAGE_ALIGNED(ext->len) || !PAGE_ALIGNED(ext->dev_off))
		return -EINVAL;
	/* pmem does not check bounds: beyond its end is someone else's memory. */
	if (check_add_overflow(ext->dev_off, ext->len, &end) || end > dev_size)
		return -ERANGE;
	if (file_type != FAMFS_FILE_SUPERBLOCK &&
	    ext->dev_off < FAMFS_SUPERBLOCK_SIZE)
		return -EINVAL;
	return 0;
}

/* Checks everything that one map shows by itself and fills in the file offsets. */
int famfs_map_validate(struct famfs_map *map, u64 dev_size)
{
	u64 sum = 0;
	u32 i;
	int err;

	if (map->file_type > FAMFS_FILE_LOG || !map->file_size)
		return -EINVAL;
	for (i = 0; i < map->nr; i++) {
		struct famfs_extent *ext = &map->ext[i];

		err = famfs_extent_validate(ext, i == map->nr - 1,
					    map->file_type, dev_size);
		if (err)
			return err;
		ext->file_off = sum;
		if (check_add_overflow(sum, ext->len, &sum) ||
		    sum > MAX_LFS_FILESIZE)
			return -EFBIG;
	}
	if (map->file_size > sum)
		return -EINVAL;
	map->mapped = sum;
	return 0;
}

static int famfs_range_insert(struct rb_root *root, struct famfs_extent *new)
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		struct famfs_extent *ext =
			rb_entry(*link, struct famfs_extent, node);

		parent = *link;
		if (new->dev_off + new->len <= ext->dev_off)
			link = &parent->rb_left;
		else if (new->dev_off >= ext->dev_off + ext->len)
			link = &parent->rb_right;
		else
			return -EBUSY;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, root);
	return 0;
}

static int famfs_ranges_reserve(struct famfs_sb *fsi, struct famfs_map *map)
{
	u32 i;
	int err;

	for (i = 0; i < map->nr; i++) {
		err = famfs_range_insert(&fsi->ranges, &map->ext[i]);
		if (err) {
			while (i--)
				rb_erase(&map->ext[i].node, &fsi->ranges);
			return err;
		}
	}
	return 0;
}

/* Gives the file its data, for good. On success the inode owns the map. */
int famfs_map_attach(struct inode *inode, struct famfs_map *map)
{
	struct famfs_sb *fsi = famfs_sb(inode->i_sb);
	int err;

	inode_lock(inode);
	mutex_lock(&fsi->lock);
	if (famfs_disabled(fsi))
		err = -ENODEV;
	else if (inode->i_private)
		err = -EEXIST;
	else
		err = famfs_ranges_reserve(fsi, map);
	if (err)
		goto out;

	map->inode = inode;
	list_add_tail(&map->list, &fsi->maps);
	fsi->mapped += map->mapped;

	i_size_write(inode, map->file_size);
	inode->i_blocks = map->mapped >> 9;
	inode_set_flags(inode, S_DAX, S_DAX);
	/* Readers of i_private rely on all of the above. */
	smp_store_release((struct famfs_map **)&inode->i_private, map);
out:
	mutex_unlock(&fsi->lock);
	inode_unlock(inode);
	return err;
}

void famfs_map_detach(struct famfs_sb *fsi, struct famfs_map *map)
{
	u32 i;

	mutex_lock(&fsi->lock);
	for (i = 0; i < map->nr; i++)
		rb_erase(&map->ext[i].node, &fsi->ranges);
	list_del(&map->list);
	fsi->mapped -= map->mapped;
	mutex_unlock(&fsi->lock);
}

/* The extent that holds a file position, or NULL behind the last one. */
const struct famfs_extent *famfs_map_lookup(const struct famfs_map *map,
					    u64 pos)
{
	u32 low = 0, high = map->nr;

	if (pos >= map->mapped)
		return NULL;
	while (high - low > 1) {
		u32 mid = low + (high - low) / 2;

		if (map->ext[mid].file_off <= pos)
			low = mid;
		else
			high = mid;
	}
	return &map->ext[low];
}
