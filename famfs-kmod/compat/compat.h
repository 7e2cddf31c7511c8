/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that knows how the supported kernels differ. compat/
 * Kbuild.include looks into the kernel's headers and defines the COMPAT_*
 * names; no other file of the module tests them, except cdev.c for the
 * presence of character DAX and inode.c for the shape of ->mkdir.
 */
#ifndef FAMFS_COMPAT_H
#define FAMFS_COMPAT_H

#include <linux/dax.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "famfs needs Linux 6.12 or newer"
#endif

#ifdef COMPAT_CREATE_TAKES_EXCL
#define COMPAT_CREATE_ARGS , bool excl
#else
#define COMPAT_CREATE_ARGS
#endif

/* Files live only as dentries, so each holds one reference until unlinked. */
static inline void compat_pin_dentry(struct dentry *dentry, struct inode *inode)
{
#ifdef COMPAT_HAS_D_MAKE_PERSISTENT
	d_make_persistent(dentry, inode);
#else
	d_instantiate(dentry, inode);
	dget(dentry);
#endif
}

static inline void compat_kill_super(struct super_block *sb)
{
#ifdef COMPAT_HAS_KILL_LITTER_SUPER
	kill_litter_super(sb);
#else
	kill_anon_super(sb);
#endif
}

/*
 * Detach an evicted file from its memory, waiting for I/O that still pins
 * pages of it. Before dax_break_layout_final() a module had no way to find
 * pinned pages of a file that nobody maps; there the wait does not happen.
 */
static inline void compat_dax_detach_final(struct inode *inode)
{
#ifdef COMPAT_HAS_DAX_BREAK_LAYOUT
	dax_break_layout_final(inode);
#endif
	truncate_inode_pages_final(&inode->i_data);
}

/*
 * Detach a live file from its memory, without waiting: false if some page of
 * it is pinned. The caller holds the invalidate lock and has unmapped it.
 */
static inline bool compat_dax_try_detach(struct inode *inode)
{
#ifdef COMPAT_HAS_DAX_BREAK_LAYOUT
	return dax_break_layout(inode, 0, LLONG_MAX, NULL) == 0;
#else
	if (dax_layout_busy_page(inode->i_mapping))
		return false;
	truncate_inode_pages(inode->i_mapping, 0);
	return true;
#endif
}

#endif /* FAMFS_COMPAT_H */
