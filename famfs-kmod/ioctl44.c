// SPDX-License-Identifier: GPL-2.0
/* The messages of KABI 44: a map of any length in one piece, further devices. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "famfs.h"

/* The part of a message that is not read yet. */
struct famfs_reader {
	const u8 *at;
	size_t left;
};

/* The next @size bytes, or NULL if the message ends before. */
static const void *famfs_take(struct famfs_reader *reader, size_t size)
{
	const void *at = reader->at;

	if (reader->left < size)
		return NULL;
	reader->at += size;
	reader->left -= size;
	return at;
}

static int famfs_v44_read_extents(struct famfs_sb *fsi, struct famfs_map *map,
				  u32 first, u32 nr,
				  struct famfs_reader *reader)
{
	u32 i;
	int err;

	for (i = 0; i < nr; i++) {
		const struct famfs_v44_extent *ext =
			famfs_take(reader, sizeof(*ext));

		if (!ext || ext->reserved)
			return -EINVAL;
		err = famfs_extent_set(fsi, &map->ext[first + i], ext->devindex,
				       ext->offset, ext->len);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* How many strips there are in all; -EINVAL if the lengths do not add up. */
static int famfs_v44_count_strips(u32 nextents, struct famfs_reader reader)
{
	u32 i, strips = 0;

	for (i = 0; i < nextents; i++) {
		const struct famfs_v44_interleaved *head =
			famfs_take(&reader, sizeof(*head));

		if (!head || !head->nstrips || head->reserved)
			return -EINVAL;
		if (!famfs_take(&reader, size_mul(head->nstrips,
						  sizeof(struct famfs_v44_extent))))
			return -EINVAL;
		strips += head->nstrips;	/* each has bytes in the message */
		cond_resched();
	}
	return reader.left ? -EINVAL : strips;
}

static int famfs_v44_read_stripes(struct famfs_sb *fsi, struct famfs_map *map,
				  struct famfs_reader *reader)
{
	u32 i, first = 0;
	int err;

	for (i = 0; i < map->nr_stripes; i++) {
		const struct famfs_v44_interleaved *head =
			famfs_take(reader, sizeof(*head));
		struct famfs_stripe *stripe = &map->stripes[i];

		stripe->chunk_size = head->chunk_size;
		stripe->nbytes = head->nbytes;
		stripe->first = first;
		stripe->nstrips = head->nstrips;
		err = famfs_v44_read_extents(fsi, map, first, head->nstrips,
					     reader);
		if (err)
			return err;
		first += head->nstrips;
	}
	return 0;
}

static struct famfs_map *famfs_v44_build(struct famfs_sb *fsi,
					 const struct famfs_v44_header *head,
					 struct famfs_reader reader)
{
	bool simple = head->ext_type == FAMFS_EXT_SIMPLE;
	struct famfs_map *map;
	int err, strips = 0;

	if (simple) {
		if (size_mul(head->nextents, sizeof(struct famfs_v44_extent)) !=
		    reader.left)
			return ERR_PTR(-EINVAL);
	} else {
		strips = famfs_v44_count_strips(head->nextents, reader);
		if (strips < 0)
			return ERR_PTR(strips);
	}

	map = simple ? famfs_map_alloc(head->nextents, 0) :
		       famfs_map_alloc(strips, head->nextents);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->file_type = head->file_type;
	map->file_size = head->file_size;
	err = simple ? famfs_v44_read_extents(fsi, map, 0, map->nr, &reader) :
		       famfs_v44_read_stripes(fsi, map, &reader);
	if (err) {
		famfs_map_free(map);
		return ERR_PTR(err);
	}
	return map;
}

static int famfs_v44_check_header(const struct famfs_v44_header *head)
{
	if (head->fmap_version != FAMFS_V44_MAP_VERSION ||
	    head->ext_type > FAMFS_EXT_INTERLEAVED || !head->nextents ||
	    head->fmap_size < sizeof(*head) || head->reserved ||
	    head->reserved1)
		return -EINVAL;
	return head->fmap_size > FAMFS_V44_MAX_MESSAGE ? -EFBIG : 0;
}

struct famfs_map *famfs_v44_read(struct famfs_sb *fsi, const void __user *arg)
{
	struct famfs_v44_header head;
	struct famfs_reader reader;
	struct famfs_map *map;
	void *body;
	int err;

	if (copy_from_user(&head, arg, sizeof(head)))
		return ERR_PTR(-EFAULT);
	err = famfs_v44_check_header(&head);
	if (err)
		return ERR_PTR(err);

	/* Read once, so that what is checked is what is used. */
	reader.left = head.fmap_size - sizeof(head);
	body = kvmalloc(reader.left, GFP_KERNEL_ACCOUNT);
	if (!body)
		return ERR_PTR(-ENOMEM);
	reader.at = body;
	if (copy_from_user(body, arg + sizeof(head), reader.left))
		map = ERR_PTR(-EFAULT);
	else
		map = famfs_v44_build(fsi, &head, reader);
	kvfree(body);
	return map;
}

int famfs_v44_daxdev_open(struct famfs_sb *fsi, const void __user *arg)
{
	struct famfs_v44_device msg;
	struct famfs_device *dev;
	char *path;
	int err;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (copy_from_user(&msg, arg, sizeof(msg)))
		return -EFAULT;
	if (msg.flags || !msg.path_len || msg.index >= FAMFS_MAX_DEVICES)
		return -EINVAL;
	if (msg.path_len > PATH_MAX)
		return -ENAMETOOLONG;
	if (famfs_device(fsi, msg.index))
		return -EEXIST;

	/* path_len may count a terminating NUL or not. */
	path = memdup_user_nul(u64_to_user_ptr(msg.path), msg.path_len);
	if (IS_ERR(path))
		return PTR_ERR(path);
	dev = famfs_device_identify(NULL, path);
	if (IS_ERR(dev)) {
		err = PTR_ERR(dev);
	} else {
		err = famfs_device_open(NULL, fsi, msg.index, dev, path);
		if (err)
			famfs_device_free(dev);
	}
	kfree(path);
	return err;
}
