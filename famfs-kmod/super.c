// SPDX-License-Identifier: GPL-2.0
/* A mount: options, superblock, statfs, and the order in which it ends. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "compat/compat.h"
#include "famfs.h"

#define FAMFS_DEFAULT_MODE	0755

enum { OPT_MODE, OPT_DAX };
enum { DAX_ALWAYS };

static const struct constant_table famfs_dax_values[] = {
	{ "always", DAX_ALWAYS },
	{}
};

static const struct fs_parameter_spec famfs_parameters[] = {
	fsparam_u32oct("mode", OPT_MODE),
	fsparam_enum("dax", OPT_DAX, famfs_dax_values),
	{}
};

static int famfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct famfs_sb *fsi = fc->s_fs_info;
	struct fs_parse_result result;
	int opt;

	opt = fs_parse(fc, famfs_parameters, param, &result);
	if (opt < 0)
		return opt;	/* -ENOPARAM lets the VFS look for "source" */
	if (opt == OPT_MODE) {
		if (result.uint_32 & ~S_IALLUGO)
			return invalfc(fc, "mode %o is not a permission mode",
				       result.uint_32);
		fsi->mode = result.uint_32;
	}
	return 0;
}

static int famfs_show_options(struct seq_file *m, struct dentry *root)
{
	struct famfs_sb *fsi = famfs_sb(root->d_sb);

	seq_puts(m, ",dax=always");
	if (fsi->mode != FAMFS_DEFAULT_MODE)
		seq_printf(m, ",mode=%o", fsi->mode);
	return 0;
}

/*
 * "Free" is what no file of this mount owns. Files that are in the log and not
 * yet played, here or on another host, are not known to the kernel.
 */
static int famfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct super_block *sb = dentry->d_sb;
	struct famfs_sb *fsi = famfs_sb(sb);
	u64 size = 0, mapped = 0;
	u32 i;

	mutex_lock(&fsi->lock);
	for (i = 0; i < FAMFS_MAX_DEVICES; i++) {
		const struct famfs_device *dev = famfs_device(fsi, i);

		size += dev ? dev->size : 0;
		mapped += dev ? dev->mapped : 0;
	}
	mutex_unlock(&fsi->lock);

	buf->f_type = sb->s_magic;
	buf->f_bsize = PAGE_SIZE;
	buf->f_blocks = size >> PAGE_SHIFT;
	buf->f_bfree = (size - mapped) >> PAGE_SHIFT;
	buf->f_bavail = buf->f_bfree;
	buf->f_files = atomic_long_read(&fsi->inodes);
	buf->f_namelen = NAME_MAX;
	buf->f_fsid = u64_to_fsid(huge_encode_dev(sb->s_dev));
	return 0;
}

static const struct super_operations famfs_super_operations = {
	.statfs		= famfs_statfs,
	.evict_inode	= famfs_evict_inode,
	.free_inode	= famfs_free_inode,
	.show_options	= famfs_show_options,
};

static int famfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct famfs_sb *fsi = famfs_sb(sb);
	struct inode *root;
	int err;

	fsi->sb = sb;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_magic = FAMFS_MAGIC;
	sb->s_op = &famfs_super_operations;
	sb->s_time_gran = 1;

	err = famfs_device_open(fc, fsi, 0, fsi->source, fc->source);
	if (err)
		return err;
	famfs_identity_keep(fsi);
	root = famfs_new_inode(sb, NULL, S_IFDIR | fsi->mode, 0);
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		return -ENOMEM;
	return famfs_sysfs_add(fsi);
}

static int famfs_same_source(struct super_block *sb, struct fs_context *fc)
{
	const struct famfs_device *live = famfs_sb(sb)->source;
	const struct famfs_sb *new = fc->s_fs_info;

	return live->devt == new->source->devt &&
	       live->is_char == new->source->is_char;
}

static int famfs_get_tree(struct fs_context *fc)
{
	struct famfs_sb *fsi = fc->s_fs_info;
	struct famfs_device *source;
	struct super_block *sb;
	int err;

	if (!fc->source)
		return invalfc(fc, "no source device given");
	source = famfs_device_identify(fc, fc->source);
	if (IS_ERR(source))
		return PTR_ERR(source);
	fsi->source = source;

	/*
	 * Two mounts would be two sets of dax entries for the same pages. The
	 * device number finds the first mount whatever path names the device.
	 */
	fc->exclusive = true;
	sb = sget_fc(fc, famfs_same_source, set_anon_super_fc);
	if (IS_ERR(sb))
		return PTR_ERR(sb);

	err = famfs_fill_super(sb, fc);
	if (err) {
		deactivate_locked_super(sb);
		return err;
	}
	sb->s_flags |= SB_ACTIVE;
	fc->root = dget(sb->s_root);
	return 0;
}

static int famfs_reconfigure(struct fs_context *fc)
{
	const struct famfs_sb *new = fc->s_fs_info;
	const struct famfs_sb *live = famfs_sb(fc->root->d_sb);

	if (new->mode != live->mode && new->mode != FAMFS_DEFAULT_MODE)
		return invalfc(fc, "mode is fixed when the file system is mounted");
	return 0;
}

static void famfs_free_sb(struct famfs_sb *fsi)
{
	famfs_sysfs_put(fsi);
	free_percpu(fsi->faults);
	if (fsi->source)
		famfs_device_free(fsi->source);
	kfree(fsi);
}

static void famfs_free_fc(struct fs_context *fc)
{
	/* sget_fc() takes s_fs_info out of the context when it succeeds. */
	if (fc->s_fs_info)
		famfs_free_sb(fc->s_fs_info);
}

static const struct fs_context_operations famfs_context_ops = {
	.parse_param	= famfs_parse_param,
	.get_tree	= famfs_get_tree,
	.reconfigure	= famfs_reconfigure,
	.free		= famfs_free_fc,
};

static int famfs_init_fs_context(struct fs_context *fc)
{
	struct famfs_sb *fsi;

	fsi = kzalloc(sizeof(*fsi), GFP_KERNEL_ACCOUNT);
	if (!fsi)
		return -ENOMEM;
	fsi->faults = alloc_percpu_gfp(struct famfs_faults, GFP_KERNEL_ACCOUNT);
	if (!fsi->faults) {
		kfree(fsi);
		return -ENOMEM;
	}
	fsi->mode = FAMFS_DEFAULT_MODE;
	atomic64_set(&fsi->options, FAMFS_OPT_DEFAULT);
	mutex_init(&fsi->lock);
	INIT_LIST_HEAD(&fsi->maps);
	famfs_mounts_init_sb(fsi);
	famfs_sysfs_init_sb(fsi);

	fc->s_fs_info = fsi;
	fc->ops = &famfs_context_ops;
	return 0;
}

static void famfs_kill_sb(struct super_block *sb)
{
	struct famfs_sb *fsi = famfs_sb(sb);

	/* First the name: the device number in it is free for reuse below. */
	famfs_sysfs_del(fsi);
	/*
	 * Evicting the files takes their pages out of the dax device's hands,
	 * so it needs the devices; only then let go of them.
	 */
	compat_kill_super(sb);
	famfs_devices_close(fsi);
	famfs_free_sb(fsi);
}

struct file_system_type famfs_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "famfs",
	.fs_flags		= FS_REQUIRES_DEV,
	.init_fs_context	= famfs_init_fs_context,
	.parameters		= famfs_parameters,
	.kill_sb		= famfs_kill_sb,
};
