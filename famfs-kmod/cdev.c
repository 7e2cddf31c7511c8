// SPDX-License-Identifier: GPL-2.0
/* DAX character devices, which only kernels with fsdev lend to file systems. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/dax.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "compat/compat.h"
#include "famfs.h"

/*
 * Says what the module that drives a character device makes of it. Only what
 * fsdev_dax drives may go on to famfs_cdev_claim(): for any other number
 * dax_dev_get() would make up a DAX device, and fs_dax_get() takes every DAX
 * device for one of the dax bus.
 */
static int famfs_check_driver(struct fs_context *fc, const char *name,
			      struct module *driver)
{
	if (driver && !strcmp(module_name(driver), "fsdev_dax"))
		return 0;
	if (driver && !strcmp(module_name(driver), "device_dax"))
		return famfs_refuse(fc, -EOPNOTSUPP,
				    "%s is in devdax mode: unbind it from device_dax and bind it to fsdev_dax",
				    name);
	return famfs_refuse(fc, -ENODEV, "%s is not a DAX device", name);
}

/*
 * The caller keeps the file until the device is claimed: while it is open its
 * driver can be unbound, but the DAX device behind the number stays the one
 * that was checked.
 */
int famfs_cdev_open(struct fs_context *fc, const struct famfs_device *dev,
		    const char *path, struct file **opened)
{
	struct file *file;
	int err;

	/* An open by name obeys permissions and nodev. */
	file = filp_open(path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (S_ISCHR(file_inode(file)->i_mode) &&
	    file_inode(file)->i_rdev == dev->devt)
		err = famfs_check_driver(fc, dev->name, file->f_op->owner);
	else
		err = -ESTALE;	/* the name led elsewhere a moment ago */
	if (err)
		fput(file);
	else
		*opened = file;
	return err;
}

#ifdef COMPAT_HAS_FS_DAX_GET
static bool famfs_page_exists(struct dax_device *dax_dev, u64 pgoff)
{
	void *kaddr;
	long nr;
	int id;

	id = dax_read_lock();
	nr = dax_direct_access(dax_dev, pgoff, 1, DAX_ACCESS, &kaddr, NULL);
	dax_read_unlock(id);
	return nr > 0;
}

/* Nothing exported tells the size of a DAX character device: search its end. */
static u64 famfs_measure(struct dax_device *dax_dev)
{
	u64 low, high = 1;	/* page high / 2 exists; high may, until below */

	if (!famfs_page_exists(dax_dev, 0))
		return 0;
	while (high < (U64_MAX >> (PAGE_SHIFT + 1)) &&
	       famfs_page_exists(dax_dev, high))
		high *= 2;
	for (low = high / 2 + 1; low < high; ) {
		u64 mid = low + (high - low) / 2;

		if (famfs_page_exists(dax_dev, mid))
			low = mid + 1;
		else
			high = mid;
	}
	return high << PAGE_SHIFT;
}

int famfs_cdev_claim(struct fs_context *fc, struct super_block *sb,
		     struct famfs_device *dev)
{
	struct dax_device *dax_dev;
	int err;

	dax_dev = dax_dev_get(dev->devt);
	if (!dax_dev)
		return -ENODEV;
	err = fs_dax_get(dax_dev, sb, &famfs_holder_ops);
	if (!err) {
		dev->dax_dev = dax_dev;
		dev->size = famfs_measure(dax_dev);
	}
	put_dax(dax_dev);	/* fs_dax_get() took a reference of its own */
	return err;
}
#else
int famfs_cdev_claim(struct fs_context *fc, struct super_block *sb,
		     struct famfs_device *dev)
{
	return famfs_refuse(fc, -EOPNOTSUPP,
			    "%s: this kernel lends DAX memory of block devices only",
			    dev->name);
}
#endif
