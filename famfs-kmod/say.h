/* SPDX-License-Identifier: GPL-2.0 */
/* Why a device was refused: to whoever mounts, or else to the kernel's log. */
#ifndef FAMFS_SAY_H
#define FAMFS_SAY_H

#include <linux/fs_context.h>
#include <linux/printk.h>

/* Evaluates to @err. */
#define famfs_refuse(fc, err, fmt, ...) ({				\
	struct fs_context *famfs_fc = (fc);				\
									\
	if (famfs_fc)							\
		errorfc(famfs_fc, fmt, ##__VA_ARGS__);			\
	else								\
		pr_notice_ratelimited(fmt "\n", ##__VA_ARGS__);		\
	(err);								\
})

#endif /* FAMFS_SAY_H */
