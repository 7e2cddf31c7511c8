// SPDX-License-Identifier: GPL-2.0
/* Files and directories, which exist in memory only: the log recreates them. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat/compat.h"
#include "famfs.h"

static const struct inode_operations famfs_dir_inode_operations;
static const struct file_operations famfs_dir_operations;

static void famfs_set_operations(struct inode *inode, dev_t rdev)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFDIR:
		inode->i_op = &famfs_dir_inode_operations;
		inode->i_fop = &famfs_dir_operations;
		inc_nlink(inode);
		break;
	case S_IFREG:
		inode->i_op = &famfs_file_inode_operations;
		inode->i_fop = &famfs_file_operations;
		inode->i_mapping->a_ops = &famfs_aops;
		break;
	case S_IFLNK:
		inode->i_op = &simple_symlink_inode_operations;
		break;
	default:
		inode->i_op = &famfs_file_inode_operations;
		init_special_inode(inode, inode->i_mode, rdev);
	}
}

struct inode *famfs_new_inode(struct super_block *sb, struct inode *dir,
			      umode_t mode, dev_t rdev)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = get_next_ino();
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	simple_inode_init_ts(inode);
	famfs_set_operations(inode, rdev);
	atomic_long_inc(&famfs_sb(sb)->inodes);
	return inode;
}

static int famfs_may(const struct inode *dir, u64 option)
{
	const struct famfs_sb *fsi = famfs_sb(dir->i_sb);

	if (famfs_disabled(fsi))
		return -ENODEV;
	return famfs_allows(fsi, option) ? 0 : -EPERM;
}

static void famfs_pin(struct inode *dir, struct dentry *dentry,
		      struct inode *inode)
{
	compat_pin_dentry(dentry, inode);
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
}

static int famfs_add(struct inode *dir, struct dentry *dentry, umode_t mode,
		     dev_t rdev, u64 option)
{
	struct inode *inode;
	int err;

	err = famfs_may(dir, option);
	if (err)
		return err;
	inode = famfs_new_inode(dir->i_sb, dir, mode, rdev);
	if (!inode)
		return -ENOMEM;
	famfs_pin(dir, dentry, inode);
	return 0;
}

/* User space recognises the module by this symbol: do not rename it. */
static int famfs_create(struct mnt_idmap *idmap, struct inode *dir,
			struct dentry *dentry, umode_t mode COMPAT_CREATE_ARGS)
{
	return famfs_add(dir, dentry, mode | S_IFREG, 0, FAMFS_OPT_CREATE);
}

static int famfs_mknod(struct mnt_idmap *idmap, struct inode *dir,
		       struct dentry *dentry, umode_t mode, dev_t rdev)
{
	return famfs_add(dir, dentry, mode, rdev, FAMFS_OPT_MKNOD);
}

static int famfs_symlink(struct mnt_idmap *idmap, struct inode *dir,
			 struct dentry *dentry, const char *target)
{
	struct inode *inode;
	char *copy;
	int err;

	err = famfs_may(dir, FAMFS_OPT_SYMLINK);
	if (err)
		return err;
	copy = kstrdup(target, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	inode = famfs_new_inode(dir->i_sb, dir, S_IFLNK | 0777, 0);
	if (!inode) {
		kfree(copy);
		return -ENOMEM;
	}
	inode->i_link = copy;
	i_size_write(inode, strlen(copy));
	famfs_pin(dir, dentry, inode);
	return 0;
}

static int famfs_link(struct dentry *from, struct inode *dir,
		      struct dentry *dentry)
{
	int err = famfs_may(dir, FAMFS_OPT_LINK);

	return err ?: simple_link(from, dir, dentry);
}

static int famfs_unlink(struct inode *dir, struct dentry *dentry)
{
	int err = famfs_may_remove(d_inode(dentry));

	return err ?: simple_unlink(dir, dentry);
}

static int famfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	return famfs_allows(famfs_sb(dir->i_sb), FAMFS_OPT_RMDIR) ?
	       simple_rmdir(dir, dentry) : -EPERM;
}

static int famfs_rename(struct mnt_idmap *idmap, struct inode *old_dir,
			struct dentry *old, struct inode *new_dir,
			struct dentry *new, unsigned int flags)
{
	const struct inode *replaced = d_inode(new);
	int err = famfs_may(old_dir, FAMFS_OPT_RENAME);

	if (!err && replaced && !(flags & RENAME_EXCHANGE))
		err = S_ISDIR(replaced->i_mode) ?
		      famfs_may(new_dir, FAMFS_OPT_RMDIR) :
		      famfs_may_remove(replaced);
	return err ?: simple_rename(idmap, old_dir, old, new_dir, new, flags);
}

static int famfs_add_dir(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	int err = famfs_add(dir, dentry, mode | S_IFDIR, 0, FAMFS_OPT_MKDIR);

	if (!err)
		inc_nlink(dir);
	return err;
}

#ifdef COMPAT_MKDIR_RETURNS_DENTRY
static struct dentry *famfs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				  struct dentry *dentry, umode_t mode)
{
	return ERR_PTR(famfs_add_dir(dir, dentry, mode));
}
#else
static int famfs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
		       struct dentry *dentry, umode_t mode)
{
	return famfs_add_dir(dir, dentry, mode);
}
#endif

/*
 * What happens to names here touches this host's view only: the log knows
 * nothing of it and cannot express most of it, hence the options.
 */
static const struct inode_operations famfs_dir_inode_operations = {
	.create		= famfs_create,
	.lookup		= simple_lookup,
	.link		= famfs_link,
	.unlink		= famfs_unlink,
	.symlink	= famfs_symlink,
	.mkdir		= famfs_mkdir,
	.rmdir		= famfs_rmdir,
	.mknod		= famfs_mknod,
	.rename		= famfs_rename,
	.setattr	= famfs_setattr,
};

/* As simple_dir_operations, and the ioctls that concern the whole mount. */
static const struct file_operations famfs_dir_operations = {
	.owner		= THIS_MODULE,
	.open		= dcache_dir_open,
	.release	= dcache_dir_close,
	.llseek		= dcache_dir_lseek,
	.read		= generic_read_dir,
	.iterate_shared	= dcache_readdir,
	.fsync		= noop_fsync,
	.unlocked_ioctl	= famfs_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

void famfs_evict_inode(struct inode *inode)
{
	struct famfs_map *map = inode->i_private;

	if (map)
		compat_dax_detach_final(inode);
	else
		truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	atomic_long_dec(&famfs_sb(inode->i_sb)->inodes);
	if (map) {
		/* Only now may another file own these ranges. */
		famfs_map_detach(famfs_sb(inode->i_sb), map);
		famfs_map_free(map);
	}
}

void famfs_free_inode(struct inode *inode)
{
	/* In directories and special files, i_link is something else. */
	if (S_ISLNK(inode->i_mode))
		kfree(inode->i_link);
	free_inode_nonrcu(inode);
}
