// SPDX-License-Identifier: GPL-2.0
/* /sys/fs/famfs/MAJOR:MINOR/ of each mount, named by the st_dev of its files. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/sysfs.h>

#include "famfs.h"

static struct kobject *famfs_root;

static struct famfs_sb *to_famfs_sb(struct kobject *kobj)
{
	return container_of(kobj, struct famfs_sb, kobj);
}

static ssize_t source_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", to_famfs_sb(kobj)->source->name);
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	const struct famfs_sb *fsi = to_famfs_sb(kobj);

	return sysfs_emit(buf, "%s\n", famfs_disabled(fsi) ? "disabled" :
				       famfs_stale(fsi) ? "stale" : "ok");
}

static int famfs_print_error(char *buf, const struct famfs_error *e)
{
	return sysfs_emit(buf, "dev=%s offset=%llu len=%llu flags=0x%x time=%lld\n",
			  e->dev->name, e->offset, e->len, e->flags, e->time_ns);
}

static ssize_t error_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	struct famfs_sb *fsi = to_famfs_sb(kobj);

	return famfs_disabled(fsi) ? famfs_print_error(buf, &fsi->error) : 0;
}

/* A line each; lines that have no room on the page are left out. */
static ssize_t devices_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	struct famfs_sb *fsi = to_famfs_sb(kobj);
	int len = 0;
	u32 i;

	mutex_lock(&fsi->lock);
	for (i = 0; i < FAMFS_MAX_DEVICES; i++) {
		const struct famfs_device *dev = famfs_device(fsi, i);
		int more;

		if (!dev)
			continue;
		more = snprintf(buf + len, PAGE_SIZE - len,
				"%u %s size=%llu mapped=%llu\n", i, dev->name,
				dev->size, dev->mapped);
		if (more >= PAGE_SIZE - len)
			break;
		len += more;
	}
	mutex_unlock(&fsi->lock);
	return len;
}

static ssize_t options_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "0x%llx\n",
			  (u64)atomic64_read(&to_famfs_sb(kobj)->options));
}

static ssize_t faults_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	struct famfs_sb *fsi = to_famfs_sb(kobj);
	struct famfs_faults sum = {};
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct famfs_faults *one = per_cpu_ptr(fsi->faults, cpu);

		sum.pte += READ_ONCE(one->pte);
		sum.pmd += READ_ONCE(one->pmd);
		sum.pud_try += READ_ONCE(one->pud_try);
		sum.fallback += READ_ONCE(one->fallback);
		sum.refused += READ_ONCE(one->refused);
	}
	return sysfs_emit(buf, "pte=%llu pmd=%llu pud_try=%llu fallback=%llu refused=%llu\n",
			  sum.pte, sum.pmd, sum.pud_try, sum.fallback,
			  sum.refused);
}

static struct kobj_attribute source_attr = __ATTR_RO(source);
static struct kobj_attribute state_attr = __ATTR_RO(state);
static struct kobj_attribute error_attr = __ATTR_RO(error);
static struct kobj_attribute faults_attr = __ATTR_RO(faults);
static struct kobj_attribute devices_attr = __ATTR_RO(devices);
static struct kobj_attribute options_attr = __ATTR_RO(options);

static struct attribute *famfs_attrs[] = {
	&source_attr.attr,
	&state_attr.attr,
	&error_attr.attr,
	&faults_attr.attr,
	&devices_attr.attr,
	&options_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(famfs);

static void famfs_kobj_release(struct kobject *kobj)
{
	complete(&to_famfs_sb(kobj)->kobj_gone);
}

static const struct kobj_type famfs_ktype = {
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= famfs_groups,
	.release	= famfs_kobj_release,
};

void famfs_sysfs_init_sb(struct famfs_sb *fsi)
{
	init_completion(&fsi->kobj_gone);
	kobject_init(&fsi->kobj, &famfs_ktype);
}

int famfs_sysfs_add(struct famfs_sb *fsi)
{
	dev_t dev = fsi->sb->s_dev;

	return kobject_add(&fsi->kobj, famfs_root, "%u:%u", MAJOR(dev),
			   MINOR(dev));
}

/* Returns when no reader is inside the files any more. Safe if never added. */
void famfs_sysfs_del(struct famfs_sb *fsi)
{
	if (fsi->kobj.state_in_sysfs)
		kobject_del(&fsi->kobj);
}

/* After this the memory that holds the kobject may be freed. */
void famfs_sysfs_put(struct famfs_sb *fsi)
{
	kobject_put(&fsi->kobj);
	wait_for_completion(&fsi->kobj_gone);
}

/* The newest failure of any mount, which outlives the mount and its devices. */
static DEFINE_MUTEX(famfs_last_error_lock);
static char famfs_last_error[PAGE_SIZE] __aligned(PAGE_SIZE);

void famfs_sysfs_failed(const struct famfs_error *error)
{
	mutex_lock(&famfs_last_error_lock);
	famfs_print_error(famfs_last_error, error);
	mutex_unlock(&famfs_last_error_lock);
}

static ssize_t last_error_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	int len;

	mutex_lock(&famfs_last_error_lock);
	len = sysfs_emit(buf, "%s", famfs_last_error);
	mutex_unlock(&famfs_last_error_lock);
	return len;
}

static struct kobj_attribute last_error_attr = __ATTR_RO(last_error);

int famfs_sysfs_init(void)
{
	int err;

	famfs_root = kobject_create_and_add("famfs", fs_kobj);
	if (!famfs_root)
		return -ENOMEM;
	err = sysfs_create_file(famfs_root, &last_error_attr.attr);
	if (err)
		kobject_put(famfs_root);
	return err;
}

void famfs_sysfs_exit(void)
{
	kobject_put(famfs_root);
}
