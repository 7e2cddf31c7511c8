// SPDX-License-Identifier: Apache-2.0 OR MIT
/*
 * A QEMU TCG plugin that counts the kernel's instructions of single faults.
 *
 * famfs-bench marks the begin and the end of each touch and of each munmap
 * (bench/src/workload/mark.rs). Between two marks every translated block of
 * kernel code that is executed is noted; windows of the same row and the same
 * length are added up, so that a window which a timer tick ran into stands
 * apart from those that show the fault alone.
 *
 * Output, one line each, to the file named by out=:
 *
 *	window TARGET ROW KIND INSTRUCTIONS COUNT	a length, how often it was seen
 *	ADDRESS INSTRUCTIONS				summed over its windows
 */
#include "qemu.h"

EXPORT int qemu_plugin_version = PLUGIN_API;

#define MARK_TOUCH	1
#define MARK_UNMAP	2
#define MARK_END	3
#define MARK_ROW	0x100
#define MARK_TARGET	0x200

struct block {
	uint64_t address;
	uint32_t insns;
	uint32_t id;
};

/* All windows of one row that took the same number of instructions. */
struct window {
	uint32_t target, row, kind;
	uint64_t insns, count;
	uint32_t *executed;		/* by block id */
	uint32_t blocks;
	struct window *next;
};

static const char *out_path;
static struct block **blocks;
static uint32_t nr_blocks, max_blocks;
static struct block **trail;
static size_t trail_len, trail_max;
static struct window *windows;
static bool active;
static uint32_t target, row, kind;
static uint64_t insns;

static void *grow(void *old, size_t *max, size_t item)
{
	size_t more = *max ? *max * 2 : 4096;
	void *new = realloc(old, more * item);

	if (!new) {
		fprintf(stderr, "profile: out of memory\n");
		exit(1);
	}
	*max = more;
	return new;
}

static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;

	if (!active)
		return;
	if (trail_len == trail_max)
		trail = grow(trail, &trail_max, sizeof(*trail));
	trail[trail_len++] = block;
	insns += block->insns;
}

static struct window *window_of(void)
{
	struct window *win;

	for (win = windows; win; win = win->next) {
		if (win->insns == insns && win->target == target &&
		    win->row == row && win->kind == kind)
			return win;
	}
	win = calloc(1, sizeof(*win));
	if (!win)
		exit(1);
	*win = (struct window){ .target = target, .row = row, .kind = kind,
				.insns = insns, .next = windows };
	windows = win;
	return win;
}

static void close_window(void)
{
	struct window *win = window_of();
	size_t i;

	if (win->blocks < nr_blocks) {
		uint32_t *more = realloc(win->executed,
					 nr_blocks * sizeof(*more));

		if (!more)
			exit(1);
		memset(more + win->blocks, 0,
		       (nr_blocks - win->blocks) * sizeof(*more));
		win->executed = more;
		win->blocks = nr_blocks;
	}
	for (i = 0; i < trail_len; i++)
		win->executed[trail[i]->id]++;
	win->count++;
}

static void marked(unsigned int cpu, void *data)
{
	uint32_t mark = (uintptr_t)data;

	if (mark == MARK_TOUCH || mark == MARK_UNMAP) {
		kind = mark;
		active = true;
		trail_len = 0;
		insns = 0;
	} else if (mark == MARK_END && active) {
		active = false;
		close_window();
	} else if ((mark & ~MARK_NUMBER) == MARK_ROW) {
		row = mark & MARK_NUMBER;
	} else if ((mark & ~MARK_NUMBER) == MARK_TARGET) {
		target = mark & MARK_NUMBER;
	}
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	struct block *block;

	if (address < KERNEL_BEGIN) {
		watch_marks(tb, marked);
		return;
	}
	if (nr_blocks == max_blocks) {
		size_t max = max_blocks;

		blocks = grow(blocks, &max, sizeof(*blocks));
		max_blocks = max;
	}
	block = malloc(sizeof(*block));
	if (!block)
		exit(1);
	*block = (struct block){ address, qemu_plugin_tb_n_insns(tb), nr_blocks };
	blocks[nr_blocks++] = block;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, CB_NO_REGS, block);
}

static void write_out(plugin_id id, void *data)
{
	FILE *out = fopen(out_path, "w");
	struct window *win;
	uint32_t i;

	if (!out) {
		perror(out_path);
		return;
	}
	for (win = windows; win; win = win->next) {
		fprintf(out, "window %u %u %u %llu %llu\n", win->target,
			win->row, win->kind, (unsigned long long)win->insns,
			(unsigned long long)win->count);
		for (i = 0; i < win->blocks; i++) {
			if (!win->executed[i])
				continue;
			fprintf(out, "%llx %llu\n",
				(unsigned long long)blocks[i]->address,
				(unsigned long long)win->executed[i] *
				blocks[i]->insns);
		}
	}
	if (fclose(out))
		perror(out_path);
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info,
			       int argc, char **argv)
{
	out_path = out_option(argc, argv);
	if (!out_path)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, write_out, NULL);
	return 0;
}
