/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the plugins share: the part of QEMU's plugin interface that they use
 * (the header that holds it is not packaged everywhere), and the marks that
 * famfs-bench leaves in its instruction stream.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { CB_NO_REGS };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
	void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
	void (*cb)(unsigned int cpu, void *data), int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
	void (*cb)(unsigned int cpu, void *data), int flags, void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id id,
	void (*cb)(plugin_id id, void *data), void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn,
				    void *to, size_t len);

#define EXPORT __attribute__((visibility("default")))
#define PLUGIN_API 2

/* nop dword ptr [rax + 0x4fa3NNNN] */
static const uint8_t mark_code[] = { 0x0f, 0x1f, 0x80 };
#define MARK_SIGNATURE	0x4fa3
#define MARK_LEN	7
#define MARK_NUMBER	0xff

#define KERNEL_BEGIN	0xffff800000000000ull

/* Has @marked called with its number for every mark in a block of user code. */
static inline void watch_marks(struct qemu_plugin_tb *tb,
			       void (*marked)(unsigned int cpu, void *data))
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;

	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint8_t code[MARK_LEN + 1];
		uint32_t number;

		if (qemu_plugin_insn_data(insn, code, sizeof(code)) != MARK_LEN ||
		    memcmp(code, mark_code, sizeof(mark_code)))
			continue;
		memcpy(&number, code + sizeof(mark_code), sizeof(number));
		if (number >> 16 != MARK_SIGNATURE)
			continue;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, CB_NO_REGS,
				(void *)(uintptr_t)(number & 0xffff));
	}
}

/* Where the plugin writes to: what out= says. */
static inline const char *out_option(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			return strdup(argv[i] + 4);
	}
	fprintf(stderr, "profile: out=FILE is missing\n");
	return NULL;
}
