// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults: the path that the file system exists for. It allocates nothing
 * and takes no lock that two files share for writing; the counters are per CPU.
 */
#define pr_fmt(fmt) "famfs: " fmt

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "famfs.h"
#include "trace.h"

#ifdef FAMFS_INJECT
#define FAMFS_FAULT_INSTRUCTIONS 4000
static __always_inline void famfs_inject(void)
{
	asm volatile(".rept %c0\n\tnop\n\t.endr"
		     : : "i" (FAMFS_INJECT * FAMFS_FAULT_INSTRUCTIONS / 1000));
}
#else
static __always_inline void famfs_inject(void) { }
#endif

static __always_inline void famfs_count(struct famfs_sb *fsi,
					unsigned int order, vm_fault_t ret)
{
	/* VM_FAULT_FALLBACK is one of the errors. */
	if (likely(!(ret & (VM_FAULT_ERROR | VM_FAULT_RETRY)))) {
		if (order)
			this_cpu_inc(fsi->faults->pmd);
		else
			this_cpu_inc(fsi->faults->pte);
	} else if (order && (ret & VM_FAULT_FALLBACK)) {
		this_cpu_inc(fsi->faults->fallback);
	}
}

static __always_inline bool famfs_shared_write(const struct vm_fault *vmf)
{
	return (vmf->flags & FAULT_FLAG_WRITE) &&
	       (vmf->vma->vm_flags & VM_SHARED);
}

/*
 * mtime comes from a clock that moves with the tick, so one write fault per
 * tick is enough to keep it. famfs_setattr() forgets the tick.
 */
static __always_inline void famfs_modified(struct file *file)
{
	struct famfs_map *map = famfs_inode_map(file_inode(file));
	unsigned long now = READ_ONCE(jiffies);

	if (likely(READ_ONCE(map->touched) == now))
		return;
	WRITE_ONCE(map->touched, now);
	file_update_time(file);
}

/* The page that failed is told apart from what is only out of reach. */
static noinline vm_fault_t famfs_refuse_fault(struct vm_fault *vmf,
					      unsigned int order, int err)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct famfs_sb *fsi = famfs_sb(inode->i_sb);
	const struct famfs_map *map = famfs_inode_map(inode);

	this_cpu_inc(fsi->faults->refused);
	trace_famfs_fault_refused(inode->i_sb->s_dev, inode->i_ino,
				  vmf->address, vmf->pgoff, order,
				  famfs_shared_write(vmf), err);
	if (err == -ENODEV && map &&
	    !(fsi->error.flags & MF_MEM_PRE_REMOVE) &&
	    famfs_map_holds(map, (u64)vmf->pgoff << PAGE_SHIFT, &fsi->error))
		return VM_FAULT_HWPOISON;
	return VM_FAULT_SIGBUS;
}

/*
 * No sb_start_pagefault(): famfs has nothing to freeze, its memory is written
 * by every host that maps it. The freeze ioctl and a suspend leave alone what
 * has no ->freeze_fs.
 */
static __always_inline vm_fault_t famfs_serve(struct vm_fault *vmf,
					      unsigned int order, bool write)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret;
	int err;

	if (write)
		famfs_modified(vmf->vma->vm_file);
	/*
	 * Whoever disables access sets its flag first, then takes this lock for
	 * writing and unmaps: a fault is either refused or undone.
	 */
	filemap_invalidate_lock_shared(inode->i_mapping);
	err = famfs_data_error(inode);
	if (unlikely(err)) {
		ret = famfs_refuse_fault(vmf, order, err);
	} else {
		/* No pfn to finish later: our metadata is never dirty. */
		ret = dax_iomap_fault(vmf, order, NULL, NULL, &famfs_iomap_ops);
		famfs_count(famfs_sb(inode->i_sb), order, ret);
	}
	filemap_invalidate_unlock_shared(inode->i_mapping);
	trace_famfs_fault(inode->i_sb->s_dev, inode->i_ino, vmf->address,
			  vmf->pgoff, order, vmf->flags, ret);
	return ret;
}

static vm_fault_t famfs_fault(struct vm_fault *vmf)
{
	famfs_inject();
	return famfs_serve(vmf, 0, famfs_shared_write(vmf));
}

static vm_fault_t famfs_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	famfs_inject();
	/* fs-dax has no PUD mappings: mm comes again for a PMD at once. */
	if (order != PMD_ORDER) {
		struct inode *inode = file_inode(vmf->vma->vm_file);

		this_cpu_inc(famfs_sb(inode->i_sb)->faults->pud_try);
		return VM_FAULT_FALLBACK;
	}
	return famfs_serve(vmf, order, famfs_shared_write(vmf));
}

/* A page that is mapped for reading is written to for the first time. */
static vm_fault_t famfs_mkwrite(struct vm_fault *vmf)
{
	famfs_inject();
	return famfs_serve(vmf, 0, true);
}

/*
 * Nothing is ever mapped around a fault: there is no page cache to map, and
 * filemap_map_pages() would only walk over DAX entries to find that out. But
 * without the operation mm takes every fault twice, the second time with the
 * whole address space locked.
 */
static vm_fault_t famfs_map_pages(struct vm_fault *vmf, pgoff_t start,
				  pgoff_t end)
{
	return 0;
}

const struct vm_operations_struct famfs_vm_ops = {
	.fault		= famfs_fault,
	.map_pages	= famfs_map_pages,
	.huge_fault	= famfs_huge_fault,
	.page_mkwrite	= famfs_mkwrite,
	.pfn_mkwrite	= famfs_mkwrite,
};
