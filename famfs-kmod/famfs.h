/* SPDX-License-Identifier: GPL-2.0 */
/*
 * famfs: files whose data is fixed ranges of shared DAX memory. User space
 * decides which ranges; this module checks them and serves faults from them.
 */
#ifndef FAMFS_H
#define FAMFS_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rbtree.h>
#include <linux/workqueue.h>

struct dax_device;
struct fs_context;

/* What statfs(2) reports and what user space and probes know a mount by. */
#define FAMFS_MAGIC		0x87b282fe
/* On media, the superblock owns everything in front of the log. */
#define FAMFS_SUPERBLOCK_SIZE	0x200000ULL
/* The on-media format knows no file of more extents. */
#define FAMFS_MAX_EXTENTS	16
#define FAMFS_SOURCE_MAX	512

/* The device under a mount: a pmem block device or a DAX character device. */
struct famfs_source {
	char *name;			/* mount source, white space escaped */
	dev_t devt;
	bool is_char;
	struct file *bdev_file;		/* block devices only */
	struct dax_device *dax_dev;
	u64 start;			/* of the partition, in the DAX device */
	u64 size;			/* bytes, whole pages */
};

struct famfs_faults {
	u64 pte;
	u64 pmd;
	u64 pud_try;
	u64 fallback;
	u64 refused;
};

/* The first memory error of a mount; never changes once it is set. */
struct famfs_error {
	u64 offset;			/* on the source */
	u64 len;
	int flags;			/* MF_* of the memory failure code */
	s64 time_ns;			/* CLOCK_REALTIME */
};

struct famfs_sb {
	struct super_block *sb;
	umode_t mode;
	bool disabled;			/* set once, with release, after error */
	struct famfs_source source;
	struct famfs_faults __percpu *faults;

	struct mutex lock;		/* protects the following four */
	struct rb_root ranges;		/* device ranges that files own */
	struct list_head maps;
	u64 mapped;			/* bytes in ranges */
	struct famfs_error error;

	struct list_head mounts;	/* on famfs_mounts */
	struct work_struct put_work;
	struct kobject kobj;
	struct completion kobj_gone;
};

/* One contiguous piece of a file. */
struct famfs_extent {
	u64 file_off;
	u64 dev_off;
	u64 len;
	struct rb_node node;		/* in famfs_sb.ranges */
};

/* Where a file's data is: inode->i_private, set once, freed at eviction. */
struct famfs_map {
	struct inode *inode;
	struct list_head list;		/* on famfs_sb.maps */
	bool invalid;			/* the file's size was changed */
	u32 file_type;
	u64 file_size;
	u64 mapped;			/* sum of all extents */
	u32 nr;
	struct famfs_extent ext[] __counted_by(nr);
};

static inline struct famfs_sb *famfs_sb(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct famfs_map *famfs_inode_map(const struct inode *inode)
{
	return smp_load_acquire((struct famfs_map **)&inode->i_private);
}

static inline bool famfs_disabled(const struct famfs_sb *fsi)
{
	return smp_load_acquire(&fsi->disabled);
}

/* May the data of this file be touched? Faults ask under the invalidate lock. */
static inline int famfs_data_error(const struct inode *inode)
{
	const struct famfs_map *map = famfs_inode_map(inode);

	if (unlikely(famfs_disabled(famfs_sb(inode->i_sb))))
		return -ENODEV;
	if (unlikely(!map || READ_ONCE(map->invalid)))
		return -EIO;
	return 0;
}

/* super.c */
extern struct file_system_type famfs_fs_type;

/* source.c */
int famfs_source_identify(struct fs_context *fc, struct famfs_source *src);
int famfs_source_open(struct fs_context *fc, struct famfs_sb *fsi);
void famfs_source_close(struct famfs_sb *fsi);

/* inode.c */
struct inode *famfs_new_inode(struct super_block *sb, struct inode *dir,
			      umode_t mode);
void famfs_evict_inode(struct inode *inode);

/* map.c */
struct famfs_map *famfs_map_alloc(u32 nr);
void famfs_map_free(struct famfs_map *map);
int famfs_map_validate(struct famfs_map *map, u64 dev_size);
int famfs_map_attach(struct inode *inode, struct famfs_map *map);
void famfs_map_detach(struct famfs_sb *fsi, struct famfs_map *map);
const struct famfs_extent *famfs_map_lookup(const struct famfs_map *map,
					    u64 pos);

/* ioctl.c */
long famfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* file.c */
extern const struct file_operations famfs_file_operations;
extern const struct inode_operations famfs_file_inode_operations;
extern const struct address_space_operations famfs_aops;
extern const struct iomap_ops famfs_iomap_ops;

/* fault.c */
extern const struct vm_operations_struct famfs_vm_ops;

/* failure.c */
extern const struct dax_holder_operations famfs_holder_ops;
int famfs_failure_init(void);
void famfs_failure_exit(void);
void famfs_failure_init_sb(struct famfs_sb *fsi);
void famfs_mounts_lock(void);
void famfs_mounts_unlock(void);
void famfs_mounts_add(struct famfs_sb *fsi);
void famfs_mounts_del(struct famfs_sb *fsi);

/* sysfs.c */
int famfs_sysfs_init(void);
void famfs_sysfs_exit(void);
void famfs_sysfs_init_sb(struct famfs_sb *fsi);
int famfs_sysfs_add(struct famfs_sb *fsi);
void famfs_sysfs_del(struct famfs_sb *fsi);
void famfs_sysfs_put(struct famfs_sb *fsi);

#endif /* FAMFS_H */
