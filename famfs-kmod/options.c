// SPDX-License-Identifier: GPL-2.0
/*
 * What a mount allows: a bitmap that KABI 44 reads and changes. Most of what a
 * file system can do to names makes no sense where the log has the last word,
 * so the default is little.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "famfs.h"

bool famfs_allows(const struct famfs_sb *fsi, u64 option)
{
	return atomic64_read(&fsi->options) & option;
}

/*
 * A file that gives no data may always go: it has none to lose. The caller
 * holds the inode's lock, so the file gets no map meanwhile.
 */
int famfs_may_remove(const struct inode *inode)
{
	const struct famfs_sb *fsi = famfs_sb(inode->i_sb);

	if (S_ISREG(inode->i_mode) && famfs_data_error(inode))
		return 0;
	return famfs_allows(fsi, FAMFS_OPT_UNLINK) ? 0 : -EPERM;
}

int famfs_may_setattr(const struct inode *inode, const struct iattr *attr)
{
	const unsigned int strip = ATTR_KILL_SUID | ATTR_KILL_SGID;
	const unsigned int valid = attr->ia_valid;
	u64 need = 0;

	if (valid & ATTR_SIZE)
		need |= FAMFS_OPT_TRUNCATE;
	else if (valid & (ATTR_ATIME | ATTR_MTIME))
		need |= FAMFS_OPT_UTIMES;
	if (valid & (ATTR_UID | ATTR_GID))
		need |= FAMFS_OPT_CHOWN;
	/* A write or chown that strips the set-id bits is no chmod. */
	if ((valid & ATTR_MODE) && !(valid & strip))
		need |= FAMFS_OPT_CHMOD;
	return need & ~atomic64_read(&famfs_sb(inode->i_sb)->options) ? -EPERM : 0;
}

int famfs_options_ioctl(struct famfs_sb *fsi, unsigned int cmd,
			void __user *arg)
{
	u64 bits;

	if (cmd == FAMFS_IOC_V44_GET_OPTS) {
		bits = atomic64_read(&fsi->options);
	} else {
		if (!capable(CAP_SYS_RAWIO))
			return -EPERM;
		if (copy_from_user(&bits, arg, sizeof(bits)))
			return -EFAULT;
		if (bits & ~FAMFS_OPT_ALL)
			return -EINVAL;
		if (cmd == FAMFS_IOC_V44_SET_OPTS)
			bits |= atomic64_fetch_or(bits, &fsi->options);
		else
			bits = atomic64_fetch_andnot(bits, &fsi->options) & ~bits;
	}
	return copy_to_user(arg, &bits, sizeof(bits)) ? -EFAULT : 0;
}
