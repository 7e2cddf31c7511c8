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
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "famfs.h"

struct famfs_map *famfs_map_alloc(u32 nr, u32 nr_stripes)
{
	struct famfs_map *map;

	map = kvzalloc(struct_size(map, ext, nr), GFP_KERNEL_ACCOUNT);
	if (!map)
		return NULL;
	map->nr = nr;
	if (nr_stripes) {
		map->stripes = kvcalloc(nr_stripes, sizeof(*map->stripes),
					GFP_KERNEL_ACCOUNT);
		if (!map->stripes) {
			kvfree(map);
			return NULL;
		}
		map->nr_stripes = nr_stripes;
	}
	return map;
}

void famfs_map_free(struct famfs_map *map)
{
	kvfree(map->stripes);
	kvfree(map);
}

static int famfs_extent_validate(const struct famfs_extent *ext, u32 file_type)
{
	u64 end;

	if (!ext->len || !PAGE_ALIGNED(ext->len) || !PAGE_ALIGNED(ext->dev_off))
		return -EINVAL;
	/* pmem does not check bounds: beyond its end is someone else's memory. */
	if (check_add_overflow(ext->dev_off, ext->len, &end) ||
	    end > ext->dev->size)
		return -ERANGE;
	if (file_type != FAMFS_FILE_SUPERBLOCK &&
	    ext->dev_off < FAMFS_SUPERBLOCK_SIZE)
		return -EINVAL;
	return 0;
}

/* Are the strips long enough for what is to go round over them? */
static int famfs_stripe_validate(const struct famfs_map *map,
				 struct famfs_stripe *stripe, bool last)
{
	u64 chunks, tail, rows;
	u32 extra, k;

	if (!stripe->nstrips || !stripe->nbytes ||
	    stripe->nbytes > MAX_LFS_FILESIZE)
		return -EINVAL;
	if (!stripe->chunk_size || !PAGE_ALIGNED(stripe->chunk_size))
		return -EINVAL;
	/* What follows in the file must start on a page, too. */
	if (!last && !PAGE_ALIGNED(stripe->nbytes))
		return -EINVAL;
	stripe->len = round_up(stripe->nbytes, PAGE_SIZE);
	if (is_power_of_2(stripe->chunk_size))
		stripe->chunk_shift = ilog2(stripe->chunk_size);

	chunks = div64_u64_rem(stripe->len, stripe->chunk_size, &tail);
	rows = div_u64_rem(chunks, stripe->nstrips, &extra);
	for (k = 0; k < stripe->nstrips; k++) {
		u64 need = (rows + (k < extra)) * stripe->chunk_size;

		if (k == extra)
			need += tail;
		if (map->ext[stripe->first + k].len < need)
			return -EINVAL;
		cond_resched();
	}
	return 0;
}

/* Where each piece stands in the file: the pieces follow each other. */
static int famfs_map_lay_out(struct famfs_map *map)
{
	u64 sum = 0;
	u32 i;
	int err;

	for (i = 0; !map->stripes && i < map->nr; i++) {
		map->ext[i].file_off = sum;
		if (check_add_overflow(sum, map->ext[i].len, &sum) ||
		    sum > MAX_LFS_FILESIZE)
			return -EFBIG;
	}
	for (i = 0; i < map->nr_stripes; i++) {
		struct famfs_stripe *stripe = &map->stripes[i];

		err = famfs_stripe_validate(map, stripe,
					    i == map->nr_stripes - 1);
		if (err)
			return err;
		stripe->file_off = sum;
		if (check_add_overflow(sum, stripe->len, &sum) ||
		    sum > MAX_LFS_FILESIZE)
			return -EFBIG;
	}
	map->covered = sum;
	if (!map->stripes) {
		const struct famfs_extent *ext = &map->ext[0];

		map->head.len = ext->len;
		map->head.addr = ext->dev->start + ext->dev_off;
		map->head.dax_dev = ext->dev->dax_dev;
	}
	if (map->stripes)	/* the last page is not all the file's */
		sum -= map->stripes[i - 1].len - map->stripes[i - 1].nbytes;
	return map->file_size > sum ? -EINVAL : 0;
}

/* Checks everything that one map shows by itself and lays the file out. */
int famfs_map_validate(struct famfs_map *map)
{
	u32 i;
	int err;

	if (map->file_type > FAMFS_FILE_LOG || !map->file_size)
		return -EINVAL;
	for (i = 0; i < map->nr; i++) {
		struct famfs_extent *ext = &map->ext[i];

		/* Only a list's tail may be short; memory comes in pages. */
		if (!map->stripes && i == map->nr - 1 &&
		    ext->len <= ext->dev->size)
			ext->len = round_up(ext->len, PAGE_SIZE);
		err = famfs_extent_validate(ext, map->file_type);
		if (err)
			return err;
		if (check_add_overflow(map->mapped, ext->len, &map->mapped))
			return -EFBIG;
		cond_resched();
	}
	return famfs_map_lay_out(map);
}

static int famfs_range_insert(struct famfs_extent *new)
{
	struct rb_root *root = &new->dev->ranges;
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
	new->dev->mapped += new->len;
	return 0;
}

static void famfs_ranges_release(struct famfs_map *map, u32 nr)
{
	while (nr--) {
		struct famfs_extent *ext = &map->ext[nr];

		rb_erase(&ext->node, &ext->dev->ranges);
		ext->dev->mapped -= ext->len;
		cond_resched();
	}
}

/* Sorted by the trees, n extents cost O(n log n), also against each other. */
static int famfs_ranges_reserve(struct famfs_map *map)
{
	u32 i;
	int err;

	for (i = 0; i < map->nr; i++) {
		err = fatal_signal_pending(current) ? -EINTR :
		      famfs_range_insert(&map->ext[i]);
		if (err) {
			famfs_ranges_release(map, i);
			return err;
		}
		cond_resched();
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
		err = famfs_ranges_reserve(map);
	if (err)
		goto out;

	map->inode = inode;
	map->touched = jiffies - 1;
	list_add_tail(&map->list, &fsi->maps);

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
	mutex_lock(&fsi->lock);
	famfs_ranges_release(map, map->nr);
	list_del(&map->list);
	mutex_unlock(&fsi->lock);
}
