/* SPDX-License-Identifier: GPL-2.0 */
/* The module's events, a stable interface: the README says what is in them. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM famfs

#if !defined(FAMFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FAMFS_TRACE_H

#include <linux/fs.h>
#include <linux/mm_types.h>
#include <linux/tracepoint.h>

/*
 * The arguments are plain numbers, so that a BPF program on the raw tracepoint
 * can use them as they are. dev is the superblock's s_dev.
 */

/*
 * The end of a fault, served or not; result is a VM_FAULT_* mask and flags are
 * FAULT_FLAG_*.
 */
TRACE_EVENT(famfs_fault,
	TP_PROTO(dev_t dev, u64 ino, unsigned long address, pgoff_t pgoff,
		 unsigned int order, unsigned int flags, vm_fault_t result),
	TP_ARGS(dev, ino, address, pgoff, order, flags, result),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, address)
		__field(u64, pgoff)
		__field(u32, dev)
		__field(u32, order)
		__field(u32, flags)
		__field(u32, result)
	),
	TP_fast_assign(
		__entry->ino = ino;
		__entry->address = address;
		__entry->pgoff = pgoff;
		__entry->dev = dev;
		__entry->order = order;
		__entry->flags = flags;
		__entry->result = (__force u32)result;
	),
	TP_printk("dev %u:%u ino %llu address 0x%llx pgoff 0x%llx order %u flags 0x%x result 0x%x",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->address, __entry->pgoff, __entry->order,
		  __entry->flags, __entry->result)
);

/* A fault that ended in SIGBUS before the DAX layer saw it. */
TRACE_EVENT(famfs_fault_refused,
	TP_PROTO(dev_t dev, u64 ino, unsigned long address, pgoff_t pgoff,
		 unsigned int order, bool write, int err),
	TP_ARGS(dev, ino, address, pgoff, order, write, err),
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
		__entry->ino = ino;
		__entry->address = address;
		__entry->pgoff = pgoff;
		__entry->dev = dev;
		__entry->order = order;
		__entry->write = write;
		__entry->err = err;
	),
	TP_printk("dev %u:%u ino %llu address 0x%llx pgoff 0x%llx order %u write %u err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->address, __entry->pgoff, __entry->order,
		  __entry->write, __entry->err)
);

#define FAMFS_ACCESS_READ	0
#define FAMFS_ACCESS_WRITE	1
#define FAMFS_ACCESS_MMAP	2

/* A read, write or mmap that was refused. */
TRACE_EVENT(famfs_invalid_access,
	TP_PROTO(dev_t dev, u64 ino, unsigned int op, u64 pos, int err),
	TP_ARGS(dev, ino, op, pos, err),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, pos)
		__field(u32, dev)
		__field(u32, op)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->ino = ino;
		__entry->pos = pos;
		__entry->dev = dev;
		__entry->op = op;
		__entry->err = err;
	),
	TP_printk("dev %u:%u ino %llu op %s pos %llu err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __print_symbolic(__entry->op,
				   { FAMFS_ACCESS_READ, "read" },
				   { FAMFS_ACCESS_WRITE, "write" },
				   { FAMFS_ACCESS_MMAP, "mmap" }),
		  __entry->pos, __entry->err)
);

/* A well-formed map was accepted (err 0) or refused. */
TRACE_EVENT(famfs_map_create,
	TP_PROTO(dev_t dev, u64 ino, u64 size, u32 file_type, u32 nextents,
		 int err),
	TP_ARGS(dev, ino, size, file_type, nextents, err),
	TP_STRUCT__entry(
		__field(u64, ino)
		__field(u64, size)
		__field(u32, dev)
		__field(u32, file_type)
		__field(u32, nextents)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->ino = ino;
		__entry->size = size;
		__entry->dev = dev;
		__entry->file_type = file_type;
		__entry->nextents = nextents;
		__entry->err = err;
	),
	TP_printk("dev %u:%u ino %llu size %llu type %u extents %u err %d",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino,
		  __entry->size, __entry->file_type, __entry->nextents,
		  __entry->err)
);

DECLARE_EVENT_CLASS(famfs_failure,
	TP_PROTO(dev_t dev, u64 offset, u64 len, int flags),
	TP_ARGS(dev, offset, len, flags),
	TP_STRUCT__entry(
		__field(u64, offset)
		__field(u64, len)
		__field(u32, dev)
		__field(int, flags)
	),
	TP_fast_assign(
		__entry->offset = offset;
		__entry->len = len;
		__entry->dev = dev;
		__entry->flags = flags;
	),
	TP_printk("dev %u:%u offset %llu len %llu flags 0x%x",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->offset,
		  __entry->len, __entry->flags)
);

/* Every report of failed or departing memory; offsets are on the device. */
DEFINE_EVENT(famfs_failure, famfs_notify_failure,
	TP_PROTO(dev_t dev, u64 offset, u64 len, int flags),
	TP_ARGS(dev, offset, len, flags));

/* The first report, which disabled the mount. */
DEFINE_EVENT(famfs_failure, famfs_mount_disabled,
	TP_PROTO(dev_t dev, u64 offset, u64 len, int flags),
	TP_ARGS(dev, offset, len, flags));

#endif /* FAMFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
