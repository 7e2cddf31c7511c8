// SPDX-License-Identifier: GPL-2.0
/*
 * The devices of a mount: find out what a path names, claim it, let it go.
 * Slot 0 is the mounted device; KABI 44 opens more. What character devices
 * need is in cdev.c.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/fs_context.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>

#include "famfs.h"

/* Says why a device is refused: to whoever mounts, or else to the log. */
int famfs_refuse(struct fs_context *fc, int err, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	if (fc)
		errorfc(fc, "%pV", &vaf);
	else
		pr_notice_ratelimited("%pV\n", &vaf);
	va_end(args);
	return err;
}

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

static int famfs_look_up(struct fs_context *fc, const char *name,
			 struct famfs_device *dev)
{
	struct path path;
	umode_t mode;
	int err;

	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	mode = d_backing_inode(path.dentry)->i_mode;
	dev->devt = d_backing_inode(path.dentry)->i_rdev;
	path_put(&path);

	dev->is_char = S_ISCHR(mode);
	if (S_ISBLK(mode))
		return lookup_bdev(name, &dev->devt);	/* obeys nodev */
	return dev->is_char ? 0 : famfs_refuse(fc, -EINVAL,
					       "%s is not a device", name);
}

/* Fills in name, devt and is_char. What the device can do is checked later. */
struct famfs_device *famfs_device_identify(struct fs_context *fc,
					   const char *path)
{
	struct famfs_device *dev;
	int err;

	if (strlen(path) > FAMFS_DEVICE_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	dev->ranges = RB_ROOT;
	err = famfs_look_up(fc, path, dev);
	if (!err) {
		dev->name = famfs_escape(path);
		if (!dev->name)
			err = -ENOMEM;
	}
	if (err) {
		famfs_device_free(dev);
		return ERR_PTR(err);
	}
	return dev;
}

static int famfs_bdev_open(struct famfs_device *dev)
{
	struct file *file;

	/*
	 * The device's own structure is the holder: with the superblock, which
	 * all devices of a mount share, one could be opened twice.
	 */
	file = bdev_file_open_by_dev(dev->devt, BLK_OPEN_READ | BLK_OPEN_WRITE,
				     dev, NULL);
	if (IS_ERR(file))
		return PTR_ERR(file);
	dev->bdev_file = file;
	dev->size = round_down(bdev_nr_bytes(file_bdev(file)), PAGE_SIZE);
	return 0;
}

static int famfs_bdev_claim(struct fs_context *fc, struct super_block *sb,
			    struct famfs_device *dev)
{
	struct block_device *bdev = file_bdev(dev->bdev_file);
	struct dax_device *dax_dev;
	bool held;

	/*
	 * Look before claiming: a partition shares its DAX device with others,
	 * and a claim that fails leaves a reference behind in the DAX core.
	 */
	dax_dev = fs_dax_get_by_bdev(bdev, &dev->start, NULL, NULL);
	if (!dax_dev)
		return famfs_refuse(fc, -EOPNOTSUPP,
				    "%s has no DAX memory with struct pages",
				    dev->name);
	held = dax_holder(dax_dev);
	fs_put_dax(dax_dev, NULL);
	if (!held)
		dev->dax_dev = fs_dax_get_by_bdev(bdev, &dev->start, sb,
						  &famfs_holder_ops);
	if (!dev->dax_dev)
		return famfs_refuse(fc, -EBUSY,
				    "the DAX memory under %s is in use",
				    dev->name);
	return 0;
}

/* The caller holds famfs_mounts_lock() and has claimed the device. */
static int famfs_device_publish(struct fs_context *fc, struct famfs_sb *fsi,
				u32 index, struct famfs_device *dev)
{
	if (!dev->size)
		return famfs_refuse(fc, -ENODEV, "%s has no usable memory",
				    dev->name);
	if (fsi->devices[index])
		return -EEXIST;
	if (!dax_synchronous(dev->dax_dev))
		fsi->not_sync = true;
	dev->index = index;
	/* Pairs with famfs_device(): it is claimed and measured. */
	smp_store_release(&fsi->devices[index], dev);
	return 0;
}

/*
 * The core clears the holder first and its operations after it: a mount that
 * claimed the device in between would lose its failure reports. So the caller
 * holds famfs_mounts_lock(), here and where block devices are claimed; kernels
 * that lend character devices clear them in the other order.
 */
static void famfs_device_unclaim(struct famfs_sb *fsi, struct famfs_device *dev)
{
	if (dev->dax_dev)
		fs_put_dax(dev->dax_dev, fsi->sb);
	dev->dax_dev = NULL;
}

/* On failure @dev is still the caller's, who frees it. */
int famfs_device_open(struct fs_context *fc, struct famfs_sb *fsi, u32 index,
		      struct famfs_device *dev, const char *path)
{
	struct file *cdev_file = NULL;
	int err;

	err = dev->is_char ? famfs_cdev_open(fc, dev, path, &cdev_file) :
			     famfs_bdev_open(dev);
	if (err)
		return err;

	/*
	 * Not under our lock: this takes the device's own, which a removal
	 * holds while it reports to us.
	 */
	if (dev->is_char)
		err = famfs_cdev_claim(fc, fsi->sb, dev);
	famfs_mounts_lock();
	if (!dev->is_char)
		err = famfs_bdev_claim(fc, fsi->sb, dev);
	if (!err)
		err = famfs_device_publish(fc, fsi, index, dev);
	if (err)
		famfs_device_unclaim(fsi, dev);
	else if (index == 0)
		famfs_mounts_add(fsi);
	famfs_mounts_unlock();
	if (cdev_file)
		fput(cdev_file);
	return err;
}

void famfs_device_free(struct famfs_device *dev)
{
	if (dev->bdev_file)
		bdev_fput(dev->bdev_file);
	kfree(dev->name);
	kfree(dev);
}

void famfs_devices_close(struct famfs_sb *fsi)
{
	u32 i;

	famfs_mounts_lock();
	famfs_mounts_del(fsi);
	for (i = 0; i < FAMFS_MAX_DEVICES; i++) {
		if (fsi->devices[i])
			famfs_device_unclaim(fsi, fsi->devices[i]);
	}
	famfs_mounts_unlock();
	for (i = 1; i < FAMFS_MAX_DEVICES; i++) {	/* 0 is fsi->source */
		if (fsi->devices[i])
			famfs_device_free(fsi->devices[i]);
	}
}
