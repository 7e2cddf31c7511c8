// SPDX-License-Identifier: GPL-2.0
/*
 * Failed and departing memory. The first report disables the whole mount:
 * it records the error, takes every mapping away and refuses all later access.
 *
 * A report may arrive at any time, also while the file system is being mounted
 * or unmounted, and its caller holds only a dax_device. So the mount is looked
 * up in a list and held by an active reference while the report is worked on;
 * without one (the mount is ending) there is nothing left to take away.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/atomic.h>
#include <linux/dax.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/timekeeping.h>
#include <linux/wait_bit.h>

#include "compat/compat.h"
#include "famfs.h"
#include "trace.h"

static atomic_t famfs_notifying = ATOMIC_INIT(0);

/* From the DAX device's bytes to ours. False: another partition's. */
static bool famfs_clip(struct famfs_error *error, u64 offset, u64 len)
{
	const struct famfs_device *dev = error->dev;
	u64 end = len > U64_MAX - offset ? U64_MAX : offset + len;
	u64 first = max(offset, dev->start);
	u64 last = min(end, dev->start + dev->size);

	if (first >= last)
		return false;
	error->offset = first - dev->start;
	error->len = last - first;
	return true;
}

static void famfs_disable(struct famfs_sb *fsi, const struct famfs_error *error)
{
	mutex_lock(&fsi->lock);
	if (fsi->disabled) {
		mutex_unlock(&fsi->lock);
		return;
	}
	fsi->error = *error;
	/* Pairs with famfs_disabled(): who sees it set sees the error. */
	smp_store_release(&fsi->disabled, true);
	mutex_unlock(&fsi->lock);

	trace_famfs_mount_disabled(fsi->sb->s_dev, error->offset, error->len,
				   error->flags);
	pr_crit("%s: %s at offset 0x%llx len 0x%llx flags 0x%x: mount disabled\n",
		error->dev->name,
		error->flags & MF_MEM_PRE_REMOVE ? "device removed" :
						   "memory failure",
		error->offset, error->len, error->flags);
}

/*
 * Step from one mapped file to the next, holding a reference to its inode.
 * @evicting is set if a file had to be left out because it is going away.
 */
static struct famfs_map *famfs_next_map(struct famfs_sb *fsi,
					struct famfs_map *prev, bool *evicting)
{
	struct famfs_map *map;

	mutex_lock(&fsi->lock);
	map = list_prepare_entry(prev, &fsi->maps, list);
	list_for_each_entry_continue(map, &fsi->maps, list) {
		if (igrab(map->inode))
			break;
		*evicting = true;
	}
	if (list_entry_is_head(map, &fsi->maps, list))
		map = NULL;
	mutex_unlock(&fsi->lock);

	if (prev)
		iput(prev->inode);
	return map;
}

static void famfs_kill_users(const struct famfs_map *map, u64 pos, u64 len,
			     int flags)
{
	pgoff_t first = pos >> PAGE_SHIFT;
	pgoff_t end = PAGE_ALIGN(pos + len) >> PAGE_SHIFT;

	mf_dax_kill_procs(map->inode->i_mapping, first, end - first, flags);
}

/* SIGBUS for whoever has the bad memory mapped; then no process has the file. */
static void famfs_poison_file(struct famfs_map *map,
			      const struct famfs_error *error)
{
	struct address_space *mapping = map->inode->i_mapping;

	filemap_invalidate_lock(mapping);
	famfs_map_each_failed(map, error, famfs_kill_users);
	/* Private copies stay: they are ordinary memory. */
	unmap_mapping_range(mapping, 0, 0, 0);
	filemap_invalidate_unlock(mapping);
}

static void famfs_poison(struct famfs_sb *fsi, const struct famfs_error *error)
{
	struct famfs_map *map = NULL;
	bool evicting;

	while ((map = famfs_next_map(fsi, map, &evicting)))
		famfs_poison_file(map, error);
}

/*
 * The pages of a device are about to vanish, and whatever still refers to
 * one of them then is a crash at unmount. Waits for pinned pages with the lock
 * dropped: to unpin, their user may have to fault (and be refused) first.
 */
static void famfs_detach_file(const struct famfs_map *map,
			      const struct famfs_device *dev)
{
	struct inode *inode = map->inode;
	struct address_space *mapping = inode->i_mapping;
	bool concerned = famfs_map_uses(map, dev);
	bool done, told = false;

	for (;;) {
		filemap_invalidate_lock(mapping);
		unmap_mapping_range(mapping, 0, 0, 0);
		/* A file on other devices only loses its mappings. */
		done = !concerned || compat_dax_try_detach(inode);
		filemap_invalidate_unlock(mapping);
		if (done)
			return;
		if (!told)
			pr_warn("%s: inode %llu: waiting for pinned pages of a removed device\n",
				dev->name, (u64)inode->i_ino);
		told = true;
		msleep(100);
	}
}

/* Files that are being evicted detach themselves; come again until none is. */
static void famfs_detach(struct famfs_sb *fsi, const struct famfs_device *dev)
{
	struct famfs_map *map;
	bool evicting;

	for (;;) {
		evicting = false;
		map = NULL;
		while ((map = famfs_next_map(fsi, map, &evicting)))
			famfs_detach_file(map, dev);
		if (!evicting)
			return;
		usleep_range(1000, 2000);
	}
}

/*
 * The mount that holds the device, with a reference. A holder that is no mount
 * is just claiming the device: soon it will be one, or not the holder any more.
 */
static struct famfs_sb *famfs_reported_to(struct dax_device *dax_dev,
					  struct famfs_device **dev,
					  bool removal)
{
	const void *holder = dax_holder(dax_dev);

	while (holder && dax_holder(dax_dev) == holder) {
		struct famfs_sb *fsi = famfs_mount_get(dax_dev, holder, dev);

		if (!IS_ERR(fsi))
			return fsi;
		/* An ending mount lets go of all pages; wait until it has. */
		if (fsi == ERR_PTR(-EBUSY) && !removal)
			break;
		usleep_range(1000, 2000);
	}
	return NULL;
}

static int famfs_handle_failure(struct dax_device *dax_dev, u64 offset, u64 len,
				int flags)
{
	bool removal = flags & MF_MEM_PRE_REMOVE;
	struct famfs_error error = {
		.flags = flags,
		.time_ns = ktime_get_real_ns(),
	};
	struct famfs_device *dev;
	struct famfs_sb *fsi;
	int err = 0;

	fsi = famfs_reported_to(dax_dev, &dev, removal);
	if (!fsi)
		return -EOPNOTSUPP;	/* mm does what needs no file system */

	error.dev = dev;
	if (famfs_clip(&error, offset, len)) {
		trace_famfs_notify_failure(fsi->sb->s_dev, error.offset,
					   error.len, flags);
		famfs_sysfs_failed(&error);
		famfs_disable(fsi, &error);
		if (removal)
			famfs_detach(fsi, dev);
		else
			famfs_poison(fsi, &error);
	} else {
		err = -EOPNOTSUPP;
	}
	famfs_mount_put(fsi);
	return err;
}

static int famfs_notify_failure(struct dax_device *dax_dev, u64 offset, u64 len,
				int flags)
{
	int err;

	atomic_inc(&famfs_notifying);
	err = famfs_handle_failure(dax_dev, offset, len, flags);
	if (atomic_dec_and_test(&famfs_notifying))
		wake_up_var(&famfs_notifying);
	return err;
}

const struct dax_holder_operations famfs_holder_ops = {
	.notify_failure = famfs_notify_failure,
};

/*
 * The DAX core may have picked up our notify_failure pointer just before
 * fs_put_dax() cleared it, and its SRCU domain is private. A task between
 * reading the pointer and counting itself does not sleep, nor does one between
 * uncounting itself and returning: RCU tasks waits for both kinds.
 */
void famfs_failure_drain(void)
{
	synchronize_rcu_tasks();
	wait_var_event(&famfs_notifying, !atomic_read(&famfs_notifying));
	synchronize_rcu_tasks();
}
