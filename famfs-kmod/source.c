// SPDX-License-Identifier: GPL-2.0
/* The mounted device: find out what it is, claim it, measure it, let it go. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>

#include "compat/compat.h"
#include "famfs.h"

/* One word per device in sysfs and the log, as /proc/mounts writes it. */
static char *famfs_escape(const char *name)
{
	size_t room = 4 * strlen(name) + 1;
	char *out = kmalloc(room, GFP_KERNEL_ACCOUNT);

	if (out)
		out[string_escape_mem(name, strlen(name), out, room,
				      ESCAPE_OCTAL, " \t\n\\#")] = '\0';
	return out;
}

/* Fills in name, devt and is_char. What the device can do is checked later. */
int famfs_source_identify(struct fs_context *fc, struct famfs_source *src)
{
	struct path path;
	umode_t mode;
	int err;

	if (!fc->source)
		return invalfc(fc, "no source device given");
	if (strlen(fc->source) > FAMFS_SOURCE_MAX)
		return -ENAMETOOLONG;

	err = kern_path(fc->source, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	mode = d_backing_inode(path.dentry)->i_mode;
	src->devt = d_backing_inode(path.dentry)->i_rdev;
	path_put(&path);

	src->is_char = S_ISCHR(mode);
	if (S_ISBLK(mode))
		err = lookup_bdev(fc->source, &src->devt);	/* obeys nodev */
	else if (!src->is_char)
		err = invalfc(fc, "%s is not a device", fc->source);
	if (err)
		return err;

	kfree(src->name);
	src->name = famfs_escape(fc->source);
	return src->name ? 0 : -ENOMEM;
}

static int famfs_open_bdev(struct fs_context *fc, struct famfs_sb *fsi)
{
	struct famfs_source *src = &fsi->source;
	struct file *file;

	file = bdev_file_open_by_dev(src->devt, BLK_OPEN_READ | BLK_OPEN_WRITE,
				     fsi->sb, NULL);
	if (IS_ERR(file))
		return PTR_ERR(file);
	src->bdev_file = file;
	src->size = round_down(bdev_nr_bytes(file_bdev(file)), PAGE_SIZE);
	return 0;
}

static int famfs_claim_bdev(struct fs_context *fc, struct famfs_sb *fsi)
{
	struct famfs_source *src = &fsi->source;

	src->dax_dev = fs_dax_get_by_bdev(file_bdev(src->bdev_file),
					  &src->start, fsi->sb,
					  &famfs_holder_ops);
	if (src->dax_dev)
		return 0;
	errorfc(fc, "%s has no DAX memory with struct pages, or is in use",
		src->name);
	return -EOPNOTSUPP;
}

/*
 * Says what the module that drives a character device makes of it. Only what
 * fsdev_dax drives may go on to famfs_claim_cdev(): for any other number
 * dax_dev_get() would make up a DAX device, and fs_dax_get() takes every DAX
 * device for one of the dax bus.
 */
static int famfs_check_driver(struct fs_context *fc, const char *name,
			      struct module *driver)
{
	if (driver && !strcmp(module_name(driver), "fsdev_dax"))
		return 0;
	if (driver && !strcmp(module_name(driver), "device_dax")) {
		errorfc(fc, "%s is in devdax mode: unbind it from device_dax and bind it to fsdev_dax",
			name);
		return -EOPNOTSUPP;
	}
	errorfc(fc, "%s is not a DAX device", name);
	return -ENODEV;
}

/*
 * The caller keeps the file until the device is claimed: while it is open its
 * driver can be unbound, but the DAX device behind the number stays the one
 * that was checked.
 */
static int famfs_open_cdev(struct fs_context *fc, struct famfs_sb *fsi,
			   struct file **opened)
{
	const struct famfs_source *src = &fsi->source;
	struct file *file;
	int err;

	/* An open by name obeys permissions and nodev. */
	file = filp_open(fc->source, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (S_ISCHR(file_inode(file)->i_mode) &&
	    file_inode(file)->i_rdev == src->devt)
		err = famfs_check_driver(fc, src->name, file->f_op->owner);
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

static int famfs_claim_cdev(struct fs_context *fc, struct famfs_sb *fsi)
{
	struct famfs_source *src = &fsi->source;
	struct dax_device *dax_dev;
	int err;

	dax_dev = dax_dev_get(src->devt);
	if (!dax_dev)
		return -ENODEV;
	err = fs_dax_get(dax_dev, fsi->sb, &famfs_holder_ops);
	if (!err) {
		src->dax_dev = dax_dev;
		src->size = famfs_measure(dax_dev);
	}
	put_dax(dax_dev);	/* fs_dax_get() took a reference of its own */
	return err;
}
#else
static int famfs_claim_cdev(struct fs_context *fc, struct famfs_sb *fsi)
{
	errorfc(fc, "%s: this kernel lends DAX memory of block devices only",
		fsi->source.name);
	return -EOPNOTSUPP;
}
#endif

int famfs_source_open(struct fs_context *fc, struct famfs_sb *fsi)
{
	bool is_char = fsi->source.is_char;
	struct file *cdev_file = NULL;
	int err;

	err = is_char ? famfs_open_cdev(fc, fsi, &cdev_file) :
			famfs_open_bdev(fc, fsi);
	if (err)
		return err;

	/* A failure reported from here on waits and then finds the mount. */
	famfs_mounts_lock();
	err = is_char ? famfs_claim_cdev(fc, fsi) : famfs_claim_bdev(fc, fsi);
	if (!err)
		famfs_mounts_add(fsi);
	famfs_mounts_unlock();
	if (cdev_file)
		fput(cdev_file);

	if (!err && !fsi->source.size) {
		errorfc(fc, "%s has no usable memory", fsi->source.name);
		err = -ENODEV;
	}
	return err;
}

void famfs_source_close(struct famfs_sb *fsi)
{
	struct famfs_source *src = &fsi->source;

	/*
	 * The core clears the holder first and its operations after it: a mount
	 * that claimed the device in between would lose its failure reports.
	 */
	famfs_mounts_lock();
	famfs_mounts_del(fsi);
	if (src->dax_dev)
		fs_put_dax(src->dax_dev, fsi->sb);
	famfs_mounts_unlock();
	if (src->bdev_file)
		bdev_fput(src->bdev_file);
}
