// SPDX-License-Identifier: GPL-2.0
/* read, write, mmap and attribute changes of a file. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "famfs.h"
#include "trace.h"

/* No page cache, hence no writeback: the memory is the storage. */
const struct address_space_operations famfs_aops = {
	.dirty_folio	= noop_dirty_folio,
};

/* Refused accesses are rare and worth knowing: each is an event. */
static int famfs_check_access(struct file *file, unsigned int op, u64 pos)
{
	const struct inode *inode = file_inode(file);
	int err = famfs_data_error(inode);

	if (!err && op == FAMFS_ACCESS_WRITE &&
	    !famfs_allows(famfs_sb(inode->i_sb), FAMFS_OPT_WRITE))
		err = -EPERM;
	if (unlikely(err))
		trace_famfs_invalid_access(inode->i_sb->s_dev, inode->i_ino, op,
					   pos, err);
	return err;
}

/*
 * To write to a file of a stale mount is to write over somebody else's. What is
 * there may be read, to save what can be saved; and what is open or mapped
 * already cannot be taken back from here.
 */
static int famfs_open(struct inode *inode, struct file *file)
{
	const struct famfs_map *map = famfs_inode_map(inode);

	if (map && map->file_type == FAMFS_FILE_REG &&
	    (file->f_mode & FMODE_WRITE) && famfs_stale(famfs_sb(inode->i_sb)))
		return -ESTALE;
	return 0;
}

static ssize_t famfs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;
	loff_t size;

	if (!(iocb->ki_flags & IOCB_NOWAIT))
		inode_lock_shared(inode);
	else if (!inode_trylock_shared(inode))
		return -EAGAIN;

	ret = famfs_check_access(iocb->ki_filp, FAMFS_ACCESS_READ, iocb->ki_pos);
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

	ret = famfs_check_access(iocb->ki_filp, FAMFS_ACCESS_WRITE, iocb->ki_pos);
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
	const struct famfs_sb *fsi = famfs_sb(file_inode(file)->i_sb);
	int err;

	err = famfs_check_access(file, FAMFS_ACCESS_MMAP,
				 (u64)vma->vm_pgoff << PAGE_SHIFT);
	if (err)
		return err;
	/* What is mapped now stays in place; so does what is stored in it. */
	if ((vma->vm_flags & VM_SYNC) && fsi->not_sync)
		return -EOPNOTSUPP;
	if ((vma->vm_flags & VM_SHARED) && !famfs_allows(fsi, FAMFS_OPT_WRITE)) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		vm_flags_clear(vma, VM_MAYWRITE);	/* mprotect */
	}
	file_accessed(file);
	vma->vm_ops = &famfs_vm_ops;
	vm_flags_set(vma, VM_HUGEPAGE);
	return 0;
}

/*
 * A map and a size that disagree are a sign of a tool that does not know what
 * it writes to. Such a file gives no data until the log is played again. Its
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

int famfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		  struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct famfs_map *map = famfs_inode_map(inode);
	int err;

	err = setattr_prepare(idmap, dentry, attr);
	if (!err)
		err = famfs_may_setattr(inode, attr);
	if (err)
		return err;
	if ((attr->ia_valid & ATTR_SIZE) && attr->ia_size != i_size_read(inode)) {
		if (map)
			famfs_invalidate(inode, map, attr->ia_size);
		else
			i_size_write(inode, attr->ia_size);
	}
	setattr_copy(idmap, inode, attr);
	if (map)
		WRITE_ONCE(map->touched, jiffies - 1);
	return 0;
}

/* The VFS's own getattr: simple_getattr() would count page cache as blocks. */
const struct inode_operations famfs_file_inode_operations = {
	.setattr	= famfs_setattr,
};

const struct file_operations famfs_file_operations = {
	.owner			= THIS_MODULE,
	/* Metadata is never dirty, so every mapping is as good as MAP_SYNC. */
	.fop_flags		= FOP_MMAP_SYNC,
	.open			= famfs_open,
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
