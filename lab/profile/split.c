// SPDX-License-Identifier: Apache-2.0 OR MIT
/*
 * A QEMU TCG plugin that says whose the instructions of whole commands are:
 * user space's or the kernel's, and of which block of code.
 *
 * famfs-bench marks where a window opens and closes (bench/src/runtime/mark.rs).
 * Whatever runs meanwhile belongs to it: the guest has one processor and
 * nothing else to do.
 *
 * Output, to the file named by out=:
 *
 *	window NUMBER USER KERNEL	instructions
 *	ADDRESS INSTRUCTIONS		one line for each block that ran in it
 */
#include "qemu.h"

#define MARK_OPEN	0x400
#define MARK_CLOSE	0x500

EXPORT int qemu_plugin_version = PLUGIN_API;

/* Translated again, a block counts again: its lines are added up by the reader. */
struct block {
	uint64_t address, runs;
	uint32_t insns;
	struct block *next;
};

static struct block *blocks;
static FILE *out;
static bool active;
static uint32_t window;

static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;

	if (active)
		block->runs++;
}

static void close_window(void)
{
	uint64_t user = 0, kernel = 0;
	struct block *block;

	for (block = blocks; block; block = block->next) {
		uint64_t insns = block->runs * block->insns;

		if (block->address < KERNEL_BEGIN)
			user += insns;
		else
			kernel += insns;
	}
	fprintf(out, "window %u %llu %llu\n", window, (unsigned long long)user,
		(unsigned long long)kernel);
	for (block = blocks; block; block = block->next) {
		if (block->runs)
			fprintf(out, "%llx %llu\n",
				(unsigned long long)block->address,
				(unsigned long long)block->runs * block->insns);
		block->runs = 0;
	}
}

static void marked(unsigned int cpu, void *data)
{
	uint32_t mark = (uintptr_t)data;

	if ((mark & ~MARK_NUMBER) == MARK_OPEN) {
		window = mark & MARK_NUMBER;
		active = true;
	} else if (mark == MARK_CLOSE && active) {
		active = false;
		close_window();
	}
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	struct block *block = malloc(sizeof(*block));

	if (!block) {
		fprintf(stderr, "split: out of memory\n");
		exit(1);
	}
	*block = (struct block){
		.address = qemu_plugin_tb_vaddr(tb),
		.insns = qemu_plugin_tb_n_insns(tb),
		.next = blocks,
	};
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, CB_NO_REGS, block);
	if (block->address < KERNEL_BEGIN)
		watch_marks(tb, marked);
}

static void finish(plugin_id id, void *data)
{
	if (fclose(out))
		perror("split: cannot write");
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info,
			       int argc, char **argv)
{
	const char *path = out_option(argc, argv);

	if (!path)
		return -1;
	out = fopen(path, "w");
	if (!out) {
		perror(path);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
