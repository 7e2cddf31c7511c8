// SPDX-License-Identifier: GPL-2.0
/*
 * Which file system a mount shows. Superblock and log are user space's, with
 * this one exception: a mount keeps the uuid that was in the superblock when it
 * began. Another host may make a new file system on the same memory, and from
 * then on the files of this mount lie over files of the new one.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/libnvdimm.h>
#include <linux/uaccess.h>

#include "famfs.h"

#define FAMFS_MEDIA_MAGIC	0x87b282ffULL

/* The first cache line of a superblock; later versions keep these places. */
struct famfs_media_head {
	__le64 magic;
	u8 unused[40];
	u8 uuid[16];
};

static_assert(sizeof(struct famfs_media_head) == 64);

/* False if the memory cannot be read now. */
static bool famfs_head_read(const struct famfs_sb *fsi,
			    struct famfs_media_head *head)
{
	const struct famfs_device *dev = famfs_device(fsi, 0);
	bool done = false;
	void *kaddr;
	int id;

	id = dax_read_lock();
	if (dax_direct_access(dev->dax_dev, dev->start >> PAGE_SHIFT, 1,
			      DAX_ACCESS, &kaddr, NULL) > 0) {
		/* Another host writes it: what is cached here may be old. */
		arch_invalidate_pmem(kaddr, sizeof(*head));
		/* The memory may be poisoned; then this read must not kill. */
		done = !copy_mc_to_kernel(head, kaddr, sizeof(*head));
	}
	dax_read_unlock(id);
	return done;
}

/*
 * Keeps the uuid of the file system that is on the device now, unless one is
 * kept or there is none. It is asked for when the mount begins, and again when
 * its superblock is mapped: nothing can have been played before that.
 */
void famfs_identity_keep(struct famfs_sb *fsi)
{
	struct super_block *sb = fsi->sb;
	struct famfs_media_head head;

	if (famfs_disabled(fsi) || !famfs_head_read(fsi, &head) ||
	    le64_to_cpu(head.magic) != FAMFS_MEDIA_MAGIC)
		return;
	mutex_lock(&fsi->lock);
	if (!sb->s_uuid_len) {
		memcpy(&sb->s_uuid, head.uuid, sizeof(sb->s_uuid));
		/* Pairs with famfs_stale(); FS_IOC_GETFSUUID asks for the length, too. */
		smp_store_release(&sb->s_uuid_len, sizeof(sb->s_uuid));
	}
	mutex_unlock(&fsi->lock);
}

/*
 * Does the device hold another file system than the mount began with, or none?
 * Not if that cannot be told, and not if the mount is disabled, when its memory
 * may be gone.
 */
bool famfs_stale(const struct famfs_sb *fsi)
{
	const struct super_block *sb = fsi->sb;
	struct famfs_media_head head;

	if (!smp_load_acquire(&sb->s_uuid_len) || famfs_disabled(fsi) ||
	    !famfs_head_read(fsi, &head))
		return false;
	return le64_to_cpu(head.magic) != FAMFS_MEDIA_MAGIC ||
	       memcmp(head.uuid, &sb->s_uuid, sizeof(head.uuid));
}
