// SPDX-License-Identifier: GPL-2.0
/*
 * All mounts, so that a report about a dax_device finds the one that uses it.
 * The lock also keeps claims and releases of devices apart.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "famfs.h"

static LIST_HEAD(famfs_mounts);
static DEFINE_MUTEX(famfs_mounts_mutex);
static struct workqueue_struct *famfs_put_wq;

void famfs_mounts_lock(void)
{
	mutex_lock(&famfs_mounts_mutex);
}

void famfs_mounts_unlock(void)
{
	mutex_unlock(&famfs_mounts_mutex);
}

void famfs_mounts_add(struct famfs_sb *fsi)
{
	lockdep_assert_held(&famfs_mounts_mutex);
	list_add(&fsi->mounts, &famfs_mounts);
}

void famfs_mounts_del(struct famfs_sb *fsi)
{
	lockdep_assert_held(&famfs_mounts_mutex);
	list_del_init(&fsi->mounts);
}

static struct famfs_device *famfs_find_device(struct famfs_sb *fsi,
					      const struct dax_device *dax_dev)
{
	u32 i;

	for (i = 0; i < FAMFS_MAX_DEVICES; i++) {
		if (fsi->devices[i] && fsi->devices[i]->dax_dev == dax_dev)
			return fsi->devices[i];
	}
	return NULL;
}

/* -ENOENT: no mount uses the device. -EBUSY: one does, but it is ending. */
struct famfs_sb *famfs_mount_get(const struct dax_device *dax_dev,
				 struct famfs_device **dev)
{
	struct famfs_sb *fsi, *found = ERR_PTR(-ENOENT);

	mutex_lock(&famfs_mounts_mutex);
	list_for_each_entry(fsi, &famfs_mounts, mounts) {
		*dev = famfs_find_device(fsi, dax_dev);
		if (!*dev)
			continue;
		found = atomic_inc_not_zero(&fsi->sb->s_active) ?
			fsi : ERR_PTR(-EBUSY);
		break;
	}
	mutex_unlock(&famfs_mounts_mutex);
	return found;
}

static void famfs_put_work(struct work_struct *work)
{
	deactivate_super(container_of(work, struct famfs_sb, put_work)->sb);
}

/*
 * If the mount was ended meanwhile the reference is the last one. It cannot be
 * dropped here: that would release the dax device from inside its own callback.
 */
void famfs_mount_put(struct famfs_sb *fsi)
{
	if (!atomic_add_unless(&fsi->sb->s_active, -1, 1))
		queue_work(famfs_put_wq, &fsi->put_work);
}

void famfs_mounts_init_sb(struct famfs_sb *fsi)
{
	INIT_LIST_HEAD(&fsi->mounts);
	INIT_WORK(&fsi->put_work, famfs_put_work);
}

int famfs_mounts_init(void)
{
	famfs_put_wq = alloc_workqueue("famfs_put", WQ_UNBOUND, 0);
	return famfs_put_wq ? 0 : -ENOMEM;
}

void famfs_mounts_exit(void)
{
	destroy_workqueue(famfs_put_wq);
}
