/* syscall_compile: see syscall_compile.h. */
#include "runner/stub/syscall_compile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAMESPACE_FLAGS =
        CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS,
    NO_CAPABILITY = -1,
    /* Every libseccomp that there is knows the calls up to this one on all architectures. */
    BINARY_TREE = 2,
    LAST_EVERYWHERE = 450,
    PREFIX_PER_ARCH = 5,
    /* Calls of x32 are marked with a bit in the number. */
    NUMBER_MASK = ~0x40000000
};

enum kind { ALLOWED, HIDDEN, COMPARED };

static const struct row {
    const char *name;
    enum kind kind;
    int number;     /* of one whose name may be unknown */
    int capability; /* that it needs */
    struct scmp_arg_cmp argument;
} rows[] = {
#define CALL(name) {#name, ALLOWED, 0, NO_CAPABILITY, {0}},
#define NEWER(name, number) {#name, ALLOWED, number, NO_CAPABILITY, {0}},
#define CAPABLE(capability, name) {#name, ALLOWED, 0, CAP_##capability, {0}},
#define ABSENT(capability, name) {#name, HIDDEN, 0, CAP_##capability, {0}},
#define ARGUMENT(name, index, op, a, b) {#name, COMPARED, 0, NO_CAPABILITY, {index, op, a, b}},
#include "runner/stub/syscalls.def"
#undef CALL
#undef NEWER
#undef CAPABLE
#undef ABSENT
#undef ARGUMENT
};

enum { N_ROWS = sizeof(rows) / sizeof(*rows) };

/* The architectures whose programs the kernel can run beside the native one's. */
static const struct compat {
    uint32_t native, other, audit;
} compats[] = {
    {SCMP_ARCH_X86_64, SCMP_ARCH_X86, AUDIT_ARCH_I386},
    {SCMP_ARCH_X86_64, SCMP_ARCH_X32, AUDIT_ARCH_X86_64},
    {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, AUDIT_ARCH_ARM},
};

enum { N_COMPATS = sizeof(compats) / sizeof(*compats) };

uint64_t syscall_compile_key(uint64_t capabilities)
{
    uint64_t matter = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        if (rows[i].capability != NO_CAPABILITY)
            matter |= 1ULL << rows[i].capability;
    }
    return capabilities & matter;
}

static int add_row(scmp_filter_ctx context, const struct row *row, uint64_t capabilities, bool native)
{
    bool capable = row->capability == NO_CAPABILITY || (capabilities >> row->capability & 1);
    int number = seccomp_syscall_resolve_name(row->name);
    if (row->number > 0 && (!native || number == __NR_SCMP_ERROR))
        number = native ? row->number : __NR_SCMP_ERROR;
    if (number == __NR_SCMP_ERROR || capable == (row->kind == HIDDEN))
        return 0;
    if (row->kind == COMPARED)
        return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, 1, &row->argument);
    return seccomp_rule_add(context, row->kind == HIDDEN ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW, number, 0);
}

/* What has an argument that is compared in several rows is allowed by any of them. */
static int add_rows(scmp_filter_ctx context, uint64_t capabilities, bool native)
{
    int result = 0;
    for (size_t i = 0; i < N_ROWS && result == 0; i++)
        result = add_row(context, &rows[i], capabilities, native);
    return result;
}

/* The compatible architectures have a filter of their own that is merged into the native one's: newer calls cannot be
 * added to all at once when libseccomp does not know them. */
static int add_compats(scmp_filter_ctx native, uint64_t capabilities)
{
    int result = 0;
    scmp_filter_ctx other = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool any = false;
    for (size_t i = 0; i < N_COMPATS && result == 0; i++) {
        if (other && compats[i].native == seccomp_arch_native()) {
            result = seccomp_arch_add(other, compats[i].other);
            any = true;
        }
    }
    if (!other || !any) {
        seccomp_release(other);
        return other ? 0 : -ENOMEM;
    }
    if (result == 0)
        result = seccomp_arch_remove(other, seccomp_arch_native());
    if (result == 0)
        result = add_rows(other, capabilities, false);
    if (result == 0)
        result = seccomp_merge(native, other);
    if (result != 0)
        seccomp_release(other);
    return result;
}

static uint32_t native_audit(void)
{
    /* libseccomp's names of architectures are the kernel's, but for x32. */
    return seccomp_arch_native();
}

static int last_number(void)
{
    int last = LAST_EVERYWHERE;
    for (size_t i = 0; i < N_ROWS; i++)
        last = rows[i].number > last ? rows[i].number : last;
    return last;
}

/* Numbers above the last one of an architecture are calls that did not exist when the rows were written. */
static size_t write_prefix(struct sock_filter *out)
{
    struct {
        uint32_t audit;
        int last;
    } archs[N_COMPATS + 1] = {{native_audit(), last_number()}};
    size_t n = 1, count = 0;
    for (size_t i = 0; i < N_COMPATS; i++) {
        if (compats[i].native == native_audit() && compats[i].audit != native_audit()) {
            archs[n].audit = compats[i].audit;
            archs[n++].last = LAST_EVERYWHERE;
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct sock_filter part[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, archs[i].audit, 0, PREFIX_PER_ARCH - 1),
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (uint32_t)NUMBER_MASK),
            BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)archs[i].last, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        };
        memcpy(out + count, part, sizeof(part));
        count += sizeof(part) / sizeof(*part);
    }
    return count;
}

/* All jumps are relative, so what libseccomp has made stands as well behind something else. */
static struct sock_filter *export(scmp_filter_ctx context, size_t *count)
{
    struct stat st;
    struct sock_filter prefix[(N_COMPATS + 1) * (PREFIX_PER_ARCH + 1)], *program = NULL;
    size_t n_prefix = write_prefix(prefix);
    int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return NULL;
    int result = seccomp_export_bpf(context, fd);
    if (result == 0 && fstat(fd, &st) == 0 && (program = malloc(sizeof(*program) * n_prefix + (size_t)st.st_size))) {
        memcpy(program, prefix, sizeof(*program) * n_prefix);
        if (pread(fd, program + n_prefix, (size_t)st.st_size, 0) == st.st_size)
            *count = n_prefix + (size_t)st.st_size / sizeof(*program);
        else {
            free(program);
            program = NULL;
        }
    }
    close(fd);
    errno = result != 0 ? -result : errno;
    return program;
}

struct sock_filter *syscall_compile(uint64_t capabilities, size_t *count)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!context) {
        errno = ENOMEM;
        return NULL;
    }
    int result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    if (result == 0)
        result = add_rows(context, capabilities, true);
    if (result == 0)
        result = add_compats(context, capabilities);
    struct sock_filter *program = NULL;
    if (result == 0)
        program = export(context, count);
    else
        errno = -result;
    seccomp_release(context);
    return program;
}
