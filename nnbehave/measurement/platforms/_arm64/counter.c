/* A QEMU plugin (TCG, user mode) that counts how often each translation block is executed between two marks.
 *
 * The program that runs under QEMU marks by a system call that fails and that no program makes otherwise:
 * lseek(-1, MARK, 0) sets all counts to 0, lseek(-1, MARK + 1, 0) writes them to the file of the argument `out`: a line
 * for each block that was executed, with its address, its count and its instructions, all in hexadecimal. Blocks that
 * were translated twice are written twice.
 *
 * Distributions ship no header for QEMU's plugins, so what is used of version 1 of its interface is declared here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*qemu_plugin_vcpu_syscall_cb_t)(qemu_plugin_id_t, unsigned int, int64_t, uint64_t, uint64_t, uint64_t,
                                              uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_vcpu_tb_trans_cb_t);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, qemu_plugin_vcpu_syscall_cb_t);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

enum { LSEEK = 62, MARK = 0x6e6e6265 };

struct block {
    struct block *next;
    uint64_t address, count;
    size_t length;
    uint32_t instructions[];
};

static struct block *blocks;
static char *out;

static void *enough(void *memory)
{
    if (!memory) {
        fputs("counter: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t length = qemu_plugin_tb_n_insns(tb);
    struct block *block = enough(calloc(1, sizeof *block + length * sizeof *block->instructions));
    block->address = qemu_plugin_tb_vaddr(tb);
    block->length = length;
    for (size_t i = 0; i < length; i++)
        memcpy(&block->instructions[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), 4);
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->count, 1);
}

static void write_counts(void)
{
    FILE *file = fopen(out, "w");
    if (!file) {
        perror(out);
        exit(1);
    }
    for (struct block *block = blocks; block; block = block->next) {
        if (!block->count)
            continue;
        fprintf(file, "%" PRIx64 " %" PRIx64 " ", block->address, block->count);
        for (size_t i = 0; i < block->length; i++)
            fprintf(file, "%08" PRIx32, block->instructions[i]);
        fputc('\n', file);
    }
    fclose(file);
}

static void system_call(qemu_plugin_id_t id, unsigned int cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    if (number != LSEEK || (int32_t)a1 != -1)
        return;
    if (a2 == MARK)
        for (struct block *block = blocks; block; block = block->next)
            block->count = 0;
    if (a2 == MARK + 1)
        write_counts();
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (!strncmp(argv[i], "out=", 4))
            out = enough(strdup(argv[i] + 4));
    if (!out) {
        fputs("counter: the argument out=FILE is missing\n", stderr);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, system_call);
    return 0;
}
