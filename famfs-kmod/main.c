// SPDX-License-Identifier: GPL-2.0
/* Loading, unloading and what the module tells about itself. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>

#include "famfs.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The newest interface of each family: user space picks the one it speaks. */
static int famfs_kabi_version = FAMFS_KABI_43;
static int kabi_version = FAMFS_KABI_44;

static int famfs_param_refuse(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static const struct kernel_param_ops famfs_param_fixed = {
	.set = famfs_param_refuse,
	.get = param_get_int,
};

module_param_cb(famfs_kabi_version, &famfs_param_fixed, &famfs_kabi_version, 0444);
MODULE_PARM_DESC(famfs_kabi_version, "newest ioctl interface with maps by pointer (read only)");
module_param_cb(kabi_version, &famfs_param_fixed, &kabi_version, 0444);
MODULE_PARM_DESC(kabi_version, "newest ioctl interface with maps by message (read only)");

static int __init famfs_init(void)
{
	int err;

	err = famfs_mounts_init();
	if (err)
		return err;
	err = famfs_sysfs_init();
	if (err)
		goto out_mounts;
	err = register_filesystem(&famfs_fs_type);
	if (err)
		goto out_sysfs;
	return 0;

out_sysfs:
	famfs_sysfs_exit();
out_mounts:
	famfs_mounts_exit();
	return err;
}

static void __exit famfs_exit(void)
{
	unregister_filesystem(&famfs_fs_type);
	famfs_failure_drain();
	famfs_mounts_exit();
	famfs_sysfs_exit();
	rcu_barrier();		/* famfs_free_inode() may still be queued */
}

module_init(famfs_init);
module_exit(famfs_exit);

MODULE_ALIAS_FS("famfs");
MODULE_DESCRIPTION("File system for shared DAX memory");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
