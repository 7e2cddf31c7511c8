/* SPDX-License-Identifier: GPL-2.0 */
/* The events that only the module sees; faults it serves are in fs_dax. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM famfs

#if !defined(FAMFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FAMFS_TRACE_H

#include <linux/mm.h>
#include <linux/tracepoint.h>

#include "famfs.h"

/* A fault that ended in SIGBUS before the DAX layer saw it. */
TRACE_EVENT(famfs_fault_refused,
	TP_PROTO(struct inode *inode, struct vm_fault *vmf, unsigned int order,
		 bool write, int err),
	TP_ARGS(inode, vmf, order, write, err),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, address)
		__field(u64, pgoff)
		__field(u32, dev)
		__field(u32, order)
		__field(u32, write)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->ino = inode->i_ino;
		__entry->address = vmf->address;
		__entry->pgoff = vmf->pgoff;
		__entry->dev = inode->i_sb->s_dev;
		__entry->order = order;
		__entry->write = write;
		__entry->err = err;
	),
	TP_printk("dev %u:%u ino %llu address 0x%llx pgoff 0x%llx order %u write %u err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->address, __entry->pgoff, __entry->order,
		  __entry->write, __entry->err)
);

/* A well-formed map was accepted (err 0) or refused. */
TRACE_EVENT(famfs_map_create,
	TP_PROTO(struct inode *inode, struct famfs_map *map, int err),
	TP_ARGS(inode, map, err),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, size)
		__field(u32, dev)
		__field(u32, file_type)
		__field(u32, nextents)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->ino = inode->i_ino;
		__entry->size = map->file_size;
		__entry->dev = inode->i_sb->s_dev;
		__entry->file_type = map->file_type;
		__entry->nextents = map->nr;
		__entry->err = err;
	),
	TP_printk("dev %u:%u ino %llu size %llu type %u extents %u err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->size, __entry->file_type, __entry->nextents,
		  __entry->err)
);

DECLARE_EVENT_CLASS(famfs_failure,
	TP_PROTO(struct super_block *sb, u64 offset, u64 len, int flags),
	TP_ARGS(sb, offset, len, flags),
	TP_STRUCT__entry(
		__field(u64, offset)
		__field(u64, len)
		__field(u32, dev)
		__field(int, flags)
	),
	TP_fast_assign(
		__entry->offset = offset;
		__entry->len = len;
		__entry->dev = sb->s_dev;
		__entry->flags = flags;
	),
	TP_printk("dev %u:%u offset %llu len %llu flags 0x%x",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->offset,
		  __entry->len, __entry->flags)
);

/* Every report of failed or departing memory; offsets are on the source. */
DEFINE_EVENT(famfs_failure, famfs_notify_failure,
	TP_PROTO(struct super_block *sb, u64 offset, u64 len, int flags),
	TP_ARGS(sb, offset, len, flags));

/* The first report, which disabled the mount. */
DEFINE_EVENT(famfs_failure, famfs_mount_disabled,
	TP_PROTO(struct super_block *sb, u64 offset, u64 len, int flags),
	TP_ARGS(sb, offset, len, flags));

#endif /* FAMFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
