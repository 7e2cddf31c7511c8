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

#include "uapi/famfs_ioctl.h"

struct dax_device;
struct fs_context;

/* What statfs(2) reports and what user space and probes know a mount by. */
#define FAMFS_MAGIC		0x87b282fe
/* On media, the superblock owns everything in front of the log. */
#define FAMFS_SUPERBLOCK_SIZE	0x200000ULL
#define FAMFS_DEVICE_NAME_MAX	512

/* Memory under a mount: a pmem block device or a DAX character device. */
struct famfs_device {
	struct dax_device *dax_dev;
	u64 start;			/* of the partition, in the DAX device */
	u64 size;			/* bytes, whole pages */
	u32 index;			/* in famfs_sb.devices */
	struct rb_root ranges;		/* that files own; famfs_sb.lock */
	u64 mapped;			/* bytes in ranges; famfs_sb.lock */
	char *name;			/* the path given, white space escaped */
	dev_t devt;
	bool is_char;
	struct file *bdev_file;		/* block devices only */
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
	const struct famfs_device *dev;
	u64 offset;			/* on the device */
	u64 len;
	int flags;			/* MF_* of the memory failure code */
	s64 time_ns;			/* CLOCK_REALTIME */
};

struct famfs_sb {
	struct super_block *sb;
	umode_t mode;
	bool disabled;			/* set once, with release, after error */
	bool not_sync;			/* some device may hold back stores */
	struct famfs_faults __percpu *faults;
	atomic64_t options;		/* FAMFS_OPT_* */
	atomic_long_t inodes;

	struct famfs_device *source;	/* devices[0], before it is claimed */
	/* Filled under famfs_mounts_lock(), each for the life of the mount. */
	struct famfs_device *devices[FAMFS_MAX_DEVICES];

	struct mutex lock;		/* protects ranges, maps, error */
	struct list_head maps;
	struct famfs_error error;

	struct list_head mounts;	/* on famfs_mounts */
	struct work_struct put_work;
	struct kobject kobj;
	struct completion kobj_gone;
};

/* A contiguous piece of device memory that belongs to one file. */
struct famfs_extent {
	u64 file_off;			/* simple maps only */
	u64 len;
	u64 dev_off;
	struct famfs_device *dev;
	struct rb_node node;		/* in dev->ranges */
};

/* A piece of a file that goes round over strips, chunk by chunk. */
struct famfs_stripe {
	u64 file_off;
	u64 len;			/* of the file, whole pages */
	u64 chunk_size;
	u64 nbytes;			/* as given; len is rounded up */
	u32 first;			/* its strips in famfs_map.ext */
	u32 nstrips;
	u8 chunk_shift;			/* 0: not a power of two */
};

/* Where a file's data is: inode->i_private, set once, freed at eviction. */
struct famfs_map {
	/* What a fault reads, in one cache line. */
	unsigned long touched;		/* tick of a write fault's last mtime */
	struct {			/* where most files begin and end */
		u64 len;		/* of ext[0]; 0: not at the beginning */
		u64 addr;		/* in the DAX device */
		struct dax_device *dax_dev;
	} head;
	struct famfs_stripe *stripes;	/* NULL: the extents follow each other */
	u64 covered;			/* bytes of the file that have memory */
	u32 nr;
	bool invalid;			/* the file's size was changed */

	u32 nr_stripes;
	u32 file_type;
	u64 file_size;
	u64 mapped;			/* sum of all extents */
	struct inode *inode;
	struct list_head list;		/* on famfs_sb.maps */
	struct famfs_extent ext[] __counted_by(nr);
};

static_assert(offsetofend(struct famfs_map, invalid) <= 64);

static inline struct famfs_sb *famfs_sb(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static __always_inline struct famfs_map *famfs_inode_map(const struct inode *inode)
{
	/* Pairs with famfs_map_attach(): a map is complete when it is seen. */
	return smp_load_acquire((struct famfs_map **)&inode->i_private);
}

static __always_inline bool famfs_disabled(const struct famfs_sb *fsi)
{
	/* Pairs with famfs_disable(): then fsi->error is there. */
	return smp_load_acquire(&fsi->disabled);
}

static inline bool famfs_map_valid(const struct famfs_map *map)
{
	return map && !READ_ONCE(map->invalid);
}

/* May the data of this file be touched? Faults ask under the invalidate lock. */
static __always_inline int famfs_data_error(const struct inode *inode)
{
	if (unlikely(famfs_disabled(famfs_sb(inode->i_sb))))
		return -ENODEV;
	if (unlikely(!famfs_map_valid(famfs_inode_map(inode))))
		return -EIO;
	return 0;
}

static inline struct famfs_device *famfs_device(const struct famfs_sb *fsi,
						u64 index)
{
	if (index >= FAMFS_MAX_DEVICES)
		return NULL;
	/* Pairs with famfs_device_publish(). */
	return smp_load_acquire(&fsi->devices[index]);
}

/* super.c */
extern struct file_system_type famfs_fs_type;

/* device.c */
struct famfs_device *famfs_device_identify(struct fs_context *fc,
					   const char *path);
int famfs_device_open(struct fs_context *fc, struct famfs_sb *fsi, u32 index,
		      struct famfs_device *dev, const char *path);
void famfs_device_free(struct famfs_device *dev);
void famfs_devices_close(struct famfs_sb *fsi);
__printf(3, 4)
int famfs_refuse(struct fs_context *fc, int err, const char *fmt, ...);

/* cdev.c */
int famfs_cdev_open(struct fs_context *fc, const struct famfs_device *dev,
		    const char *path, struct file **opened);
int famfs_cdev_claim(struct fs_context *fc, struct super_block *sb,
		     struct famfs_device *dev);

/* inode.c */
struct inode *famfs_new_inode(struct super_block *sb, struct inode *dir,
			      umode_t mode, dev_t rdev);
void famfs_evict_inode(struct inode *inode);
void famfs_free_inode(struct inode *inode);

/* map.c */
struct famfs_map *famfs_map_alloc(u32 nr, u32 nr_stripes);
void famfs_map_free(struct famfs_map *map);
int famfs_map_validate(struct famfs_map *map);
int famfs_map_attach(struct inode *inode, struct famfs_map *map);
void famfs_map_detach(struct famfs_sb *fsi, struct famfs_map *map);

/* place.c */
extern const struct iomap_ops famfs_iomap_ops;
bool famfs_map_uses(const struct famfs_map *map,
		    const struct famfs_device *dev);
bool famfs_map_holds(const struct famfs_map *map, u64 pos,
		     const struct famfs_error *error);
typedef void (*famfs_piece_fn)(const struct famfs_map *map, u64 pos, u64 len,
			       int flags);
void famfs_map_each_failed(const struct famfs_map *map,
			   const struct famfs_error *error, famfs_piece_fn fn);

/* ioctl.c */
long famfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int famfs_extent_set(struct famfs_sb *fsi, struct famfs_extent *ext,
		     u64 devindex, u64 offset, u64 len);

/* ioctl43.c: KABI 42 and 43 */
struct famfs_map *famfs_v1_read(struct famfs_sb *fsi, const void __user *arg);
struct famfs_map *famfs_v2_read(struct famfs_sb *fsi, const void __user *arg);
int famfs_v1_get(const struct famfs_map *map, void __user *arg);
int famfs_v1_getext(const struct famfs_map *map, void __user *arg);
int famfs_v2_get(const struct famfs_map *map, void __user *arg);

/* ioctl44.c: KABI 44 */
struct famfs_map *famfs_v44_read(struct famfs_sb *fsi, const void __user *arg);
int famfs_v44_daxdev_open(struct famfs_sb *fsi, const void __user *arg);

/* identity.c */
void famfs_identity_keep(struct famfs_sb *fsi);
bool famfs_stale(const struct famfs_sb *fsi);

/* options.c */
bool famfs_allows(const struct famfs_sb *fsi, u64 option);
int famfs_may_remove(const struct inode *inode);
int famfs_may_setattr(const struct inode *inode, const struct iattr *attr);
int famfs_options_ioctl(struct famfs_sb *fsi, unsigned int cmd,
			void __user *arg);

/* file.c */
extern const struct file_operations famfs_file_operations;
extern const struct inode_operations famfs_file_inode_operations;
extern const struct address_space_operations famfs_aops;
int famfs_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		  struct iattr *attr);

/* fault.c */
extern const struct vm_operations_struct famfs_vm_ops;

/* failure.c */
extern const struct dax_holder_operations famfs_holder_ops;
void famfs_failure_drain(void);

/* mounts.c */
int famfs_mounts_init(void);
void famfs_mounts_exit(void);
void famfs_mounts_init_sb(struct famfs_sb *fsi);
struct famfs_sb *famfs_mount_get(const struct dax_device *dax_dev,
				 const void *holder, struct famfs_device **dev);
void famfs_mount_put(struct famfs_sb *fsi);
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
void famfs_sysfs_failed(const struct famfs_error *error);

#endif /* FAMFS_H */
