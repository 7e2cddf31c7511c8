// SPDX-License-Identifier: GPL-2.0
/* /sys/fs/famfs/MAJOR:MINOR/ of each mount, named by the st_dev of its files. */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/kobject.h>
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
	return sysfs_emit(buf, "%s\n", to_famfs_sb(kobj)->source.name);
}

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", famfs_disabled(to_famfs_sb(kobj)) ?
				       "disabled" : "ok");
}

static ssize_t error_show(struct kobject *kobj, struct kobj_attribute *attr,
			  char *buf)
{
	struct famfs_sb *fsi = to_famfs_sb(kobj);
	const struct famfs_error *e = &fsi->error;

	if (!famfs_disabled(fsi))
		return 0;
	return sysfs_emit(buf, "dev=%s offset=%llu len=%llu flags=0x%x time=%lld\n",
			  fsi->source.name, e->offset, e->len, e->flags,
			  e->time_ns);
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

static struct attribute *famfs_attrs[] = {
	&source_attr.attr,
	&state_attr.attr,
	&error_attr.attr,
	&faults_attr.attr,
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

int famfs_sysfs_init(void)
{
	famfs_root = kobject_create_and_add("famfs", fs_kobj);
	return famfs_root ? 0 : -ENOMEM;
}

void famfs_sysfs_exit(void)
{
	kobject_put(famfs_root);
}
