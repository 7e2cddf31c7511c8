// SPDX-License-Identifier: GPL-2.0
/* read, write, mmap and size changes of a file, and how DAX finds its data. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "famfs.h"

/*
 * Answers with the whole rest of the extent, so never with less than a page
 * and never with an empty mapping: DAX cannot make use of either.
 */
static int famfs_iomap_begin(struct inode *inode, loff_t pos, loff_t length,
			     unsigned int flags, struct iomap *iomap,
			     struct iomap *srcmap)
{
	const struct famfs_source *src = &famfs_sb(inode->i_sb)->source;
	const struct famfs_map *map = famfs_inode_map(inode);
	const struct famfs_extent *ext = NULL;

	if (map && pos >= 0)
		ext = famfs_map_lookup(map, pos);
	if (!ext)
		return -EIO;

	iomap->offset = ext->file_off;
	iomap->length = ext->len;
	iomap->addr = src->start + ext->dev_off;
	iomap->dax_dev = src->dax_dev;
	iomap->bdev = NULL;
	iomap->type = IOMAP_MAPPED;
	iomap->flags = 0;
	return 0;
}

const struct iomap_ops famfs_iomap_ops = {
	.iomap_begin = famfs_iomap_begin,
};

/* No page cache, hence no writeback: the memory is the storage. */
const struct address_space_operations famfs_aops = {
	.dirty_folio	= noop_dirty_folio,
};

static ssize_t famfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;
	loff_t size;

	if (!(iocb->ki_flags & IOCB_NOWAIT))
		inode_lock_shared(inode);
	else if (!inode_trylock_shared(inode))
		return -EAGAIN;

	ret = famfs_data_error(inode);
	size = i_size_read(inode);
	if (!ret && iocb->ki_pos < size) {
		iov_iter_truncate(to, size - iocb->ki_pos);
		ret = dax_iomap_rw(iocb, to, &famfs_iomap_ops);
	}
	inode_unlock_shared(inode);
	file_accessed(iocb->ki_filp);
	return ret;
}

/* Files are allocated whole by user space: a write never makes one longer. */
static ssize_t famfs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;
	loff_t size;

	if (!(iocb->ki_flags & IOCB_NOWAIT))
		inode_lock(inode);
	else if (!inode_trylock(inode))
		return -EAGAIN;

	ret = famfs_data_error(inode);
	if (ret)
		goto out;
	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		goto out;
	size = i_size_read(inode);
	if (iocb->ki_pos >= size) {
		ret = -ENOSPC;
		goto out;
	}
	iov_iter_truncate(from, size - iocb->ki_pos);
	ret = kiocb_modified(iocb);
	if (!ret)
		ret = dax_iomap_rw(iocb, from, &famfs_iomap_ops);
out:
	inode_unlock(inode);
	return ret;
}

static int famfs_mmap(struct file *file, struct vm_area_struct *vma)
{
	int err = famfs_data_error(file_inode(file));

	if (err)
		return err;
	file_accessed(file);
	vma->vm_ops = &famfs_vm_ops;
	vm_flags_set(vma, VM_HUGEPAGE);
	return 0;
}

/*
 * A map and a size that disagree are a sign of a tool that does not know what
 * it writes to. Such a file gives no data until the log is played anew. Its
 * ranges stay its own until it is gone, so the DAX entries can stay as well.
 */
static void famfs_invalidate(struct inode *inode, struct famfs_map *map,
			     loff_t size)
{
	filemap_invalidate_lock(inode->i_mapping);
	WRITE_ONCE(map->invalid, true);
	i_size_write(inode, size);
	unmap_mapping_range(inode->i_mapping, 0, 0, 1);
	filemap_invalidate_unlock(inode->i_mapping);
}

static int famfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			 struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct famfs_map *map = famfs_inode_map(inode);
	int err;

	err = setattr_prepare(idmap, dentry, attr);
	if (err)
		return err;
	if ((attr->ia_valid & ATTR_SIZE) && attr->ia_size != i_size_read(inode)) {
		if (map)
			famfs_invalidate(inode, map, attr->ia_size);
		else
			i_size_write(inode, attr->ia_size);
	}
	setattr_copy(idmap, inode, attr);
	return 0;
}

const struct inode_operations famfs_file_inode_operations = {
	.setattr	= famfs_setattr,
	.getattr	= simple_getattr,
};

const struct file_operations famfs_file_operations = {
	.owner			= THIS_MODULE,
	.llseek			= generic_file_llseek,
	.read_iter		= famfs_read_iter,
	.write_iter		= famfs_write_iter,
	.mmap			= famfs_mmap,
	.get_unmapped_area	= thp_get_unmapped_area,
	/* Writing caches back to shared memory is user space's business. */
	.fsync			= noop_fsync,
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.unlocked_ioctl		= famfs_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
};
