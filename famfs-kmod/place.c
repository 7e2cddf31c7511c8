// SPDX-License-Identifier: GPL-2.0
/*
 * Arithmetic of maps: from a position in a file to the memory that holds it,
 * and back. A list of extents is searched by bisection, O(log n); within an
 * interleaved extent the place is computed, O(1).
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "famfs.h"

/* The longest run around a position that is contiguous in memory. */
struct famfs_piece {
	const struct famfs_device *dev;
	u64 file_off;
	u64 len;
	u64 dev_off;
};

/* Index of the last element whose file_off is not behind @pos. */
#define famfs_bisect(list, nr, pos) ({				\
	u32 low = 0, high = (nr);				\
								\
	while (high - low > 1) {				\
		u32 mid = low + (high - low) / 2;		\
								\
		if ((list)[mid].file_off <= (pos))		\
			low = mid;				\
		else						\
			high = mid;				\
	}							\
	low;							\
})

static void famfs_find_strip(const struct famfs_map *map, u64 pos,
			     struct famfs_piece *piece)
{
	const struct famfs_stripe *stripe =
		&map->stripes[famfs_bisect(map->stripes, map->nr_stripes, pos)];
	const struct famfs_extent *ext;
	u64 chunk, start, row;
	u32 strip;

	pos -= stripe->file_off;
	if (likely(stripe->chunk_shift)) {
		chunk = pos >> stripe->chunk_shift;
		start = chunk << stripe->chunk_shift;
	} else {
		chunk = div64_u64(pos, stripe->chunk_size);
		start = chunk * stripe->chunk_size;
	}
	row = div_u64_rem(chunk, stripe->nstrips, &strip);
	ext = &map->ext[stripe->first + strip];

	piece->dev = ext->dev;
	piece->file_off = stripe->file_off + start;
	piece->len = min(stripe->chunk_size, stripe->len - start);
	piece->dev_off = ext->dev_off + row * stripe->chunk_size;
}

static bool famfs_find(const struct famfs_map *map, u64 pos,
		       struct famfs_piece *piece)
{
	const struct famfs_extent *ext = map->ext;

	if (unlikely(pos >= map->covered))
		return false;
	if (unlikely(map->stripes)) {
		famfs_find_strip(map, pos, piece);
		return true;
	}
	if (map->nr > 1)
		ext += famfs_bisect(map->ext, map->nr, pos);
	piece->dev = ext->dev;
	piece->file_off = ext->file_off;
	piece->len = ext->len;
	piece->dev_off = ext->dev_off;
	return true;
}

static noinline int famfs_iomap_search(const struct famfs_map *map, u64 pos,
				       struct iomap *iomap)
{
	struct famfs_piece piece;

	if (!famfs_find(map, pos, &piece))
		return -EIO;
	iomap->offset = piece.file_off;
	iomap->length = piece.len;
	iomap->addr = piece.dev->start + piece.dev_off;
	iomap->dax_dev = piece.dev->dax_dev;
	return 0;
}

/*
 * Answers with the whole run, so never with less than a page and never with an
 * empty mapping: DAX cannot make use of either. Who asks has found the map
 * valid, and a map is not taken from a file that is in use.
 */
static int famfs_iomap_begin(struct inode *inode, loff_t pos, loff_t length,
			     unsigned int flags, struct iomap *iomap,
			     struct iomap *srcmap)
{
	const struct famfs_map *map = famfs_inode_map(inode);

	iomap->bdev = NULL;
	iomap->type = IOMAP_MAPPED;
	iomap->flags = 0;
	/* A negative position is one behind every end. */
	if (unlikely((u64)pos >= map->head.len))
		return famfs_iomap_search(map, pos, iomap);

	iomap->offset = 0;
	iomap->length = map->head.len;
	iomap->addr = map->head.addr;
	iomap->dax_dev = map->head.dax_dev;
	return 0;
}

const struct iomap_ops famfs_iomap_ops = {
	.iomap_begin = famfs_iomap_begin,
};

/* Does any part of the file lie on this device? */
bool famfs_map_uses(const struct famfs_map *map, const struct famfs_device *dev)
{
	u32 i;

	for (i = 0; i < map->nr; i++) {
		if (map->ext[i].dev == dev)
			return true;
		cond_resched();
	}
	return false;
}

/* Is the page of the file at @pos among the memory that failed? */
bool famfs_map_holds(const struct famfs_map *map, u64 pos,
		     const struct famfs_error *error)
{
	struct famfs_piece piece;
	u64 at;

	if (!famfs_find(map, pos, &piece) || piece.dev != error->dev)
		return false;
	at = round_down(piece.dev_off + (pos - piece.file_off), PAGE_SIZE);
	return at < error->offset + error->len && error->offset < at + PAGE_SIZE;
}

/* The part of an extent that failed, relative to the extent. */
static bool famfs_failed_part(const struct famfs_extent *ext,
			      const struct famfs_error *error, u64 *first,
			      u64 *end)
{
	u64 from = max(error->offset, ext->dev_off);
	u64 to = min(error->offset + error->len, ext->dev_off + ext->len);

	if (ext->dev != error->dev || from >= to)
		return false;
	*first = from - ext->dev_off;
	*end = to - ext->dev_off;
	return true;
}

/* A strip's bytes are in every nstrips-th chunk of the file. */
static void famfs_strip_failed(const struct famfs_map *map,
			       const struct famfs_stripe *stripe, u32 strip,
			       u64 first, u64 end, famfs_piece_fn fn, int flags)
{
	while (first < end) {
		u64 row = div64_u64(first, stripe->chunk_size);
		u64 chunk = row * stripe->nstrips + strip;
		u64 within = first - row * stripe->chunk_size;
		u64 len = min(end - first, stripe->chunk_size - within);
		u64 pos;

		/* The strip may be longer than the file needs. */
		if (chunk > div64_u64(stripe->len, stripe->chunk_size))
			return;
		pos = chunk * stripe->chunk_size + within;
		if (pos < stripe->len)
			fn(map, stripe->file_off + pos,
			   min(len, stripe->len - pos), flags);
		first += len;
		cond_resched();
	}
}

/* Calls @fn for every part of the file whose memory failed. */
void famfs_map_each_failed(const struct famfs_map *map,
			   const struct famfs_error *error, famfs_piece_fn fn)
{
	u64 first, end;
	u32 i, k;

	for (i = 0; !map->stripes && i < map->nr; i++) {
		if (famfs_failed_part(&map->ext[i], error, &first, &end))
			fn(map, map->ext[i].file_off + first, end - first,
			   error->flags);
		cond_resched();
	}
	for (i = 0; i < map->nr_stripes; i++) {
		const struct famfs_stripe *stripe = &map->stripes[i];

		for (k = 0; k < stripe->nstrips; k++) {
			if (famfs_failed_part(&map->ext[stripe->first + k],
					      error, &first, &end))
				famfs_strip_failed(map, stripe, k, first, end,
						   fn, error->flags);
			cond_resched();
		}
	}
}
