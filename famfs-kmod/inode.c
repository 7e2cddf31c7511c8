// SPDX-License-Identifier: GPL-2.0
/* Files and directories, which exist in memory only: the log recreates them. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/fs.h>
#include <linux/pagemap.h>

#include "compat/compat.h"
#include "famfs.h"

static const struct inode_operations famfs_dir_inode_operations;

struct inode *famfs_new_inode(struct super_block *sb, struct inode *dir,
			      umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = get_next_ino();
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	simple_inode_init_ts(inode);

	if (S_ISDIR(mode)) {
		inode->i_op = &famfs_dir_inode_operations;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);
	} else {
		inode->i_op = &famfs_file_inode_operations;
		inode->i_fop = &famfs_file_operations;
		inode->i_mapping->a_ops = &famfs_aops;
	}
	return inode;
}

static int famfs_add(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode;

	if (famfs_disabled(famfs_sb(dir->i_sb)))
		return -ENODEV;
	inode = famfs_new_inode(dir->i_sb, dir, mode);
	if (!inode)
		return -ENOMEM;
	compat_pin_dentry(dentry, inode);
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
	return 0;
}

/* User space recognises the module by this symbol: do not rename it. */
static int famfs_create(struct mnt_idmap *idmap, struct inode *dir,
			struct dentry *dentry, umode_t mode COMPAT_CREATE_ARGS)
{
	return famfs_add(dir, dentry, mode | S_IFREG);
}

static int famfs_add_dir(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	int err = famfs_add(dir, dentry, mode | S_IFDIR);

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
 * No link, symlink, mknod: the log cannot express them, and the VFS answers
 * EPERM. unlink and rmdir touch this host's view only; a file comes back when
 * the log is played again.
 */
static const struct inode_operations famfs_dir_inode_operations = {
	.create		= famfs_create,
	.lookup		= simple_lookup,
	.unlink		= simple_unlink,
	.mkdir		= famfs_mkdir,
	.rmdir		= simple_rmdir,
	.rename		= simple_rename,
};

void famfs_evict_inode(struct inode *inode)
{
	struct famfs_map *map = inode->i_private;

	if (map)
		compat_dax_detach_final(inode);
	else
		truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (map) {
		/* Only now may another file own these ranges. */
		famfs_map_detach(famfs_sb(inode->i_sb), map);
		famfs_map_free(map);
	}
}
