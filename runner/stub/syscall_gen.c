/* syscall_gen: writes, when awssim is built, the compiled filters of the usual sets of capabilities as C. */
#include "runner/stub/syscall_compile.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>

static int write_program(int i, uint64_t capabilities)
{
    size_t count = 0;
    struct sock_filter *program = syscall_compile(capabilities, &count);
    if (!program) {
        perror("syscall_compile");
        return -1;
    }
    printf("static const struct sock_filter program_%d[] = {", i);
    for (size_t k = 0; k < count; k++)
        printf("%s{%u, %u, %u, %u},", k % 4 ? " " : "\n    ", program[k].code, program[k].jt, program[k].jf,
               program[k].k);
    printf("\n};\n\n");
    free(program);
    return 0;
}

/* Docker's default set, the same with what Fargate lets be added, and none at all. */
int main(void)
{
    static const uint64_t sets[] = {1ULL << CAP_SYS_CHROOT, 1ULL << CAP_SYS_CHROOT | 1ULL << CAP_SYS_PTRACE, 0};
    enum { N_SETS = sizeof(sets) / sizeof(*sets) };
    printf("/* Made by syscall_gen. */\n");
    for (int i = 0; i < N_SETS; i++) {
        if (write_program(i, sets[i]) != 0)
            return 1;
    }
    printf("static const struct built_in {\n    uint64_t key;\n    const struct sock_filter *program;\n"
           "    size_t count;\n} built_in[] = {\n");
    for (int i = 0; i < N_SETS; i++)
        printf("    {%lluULL, program_%d, sizeof(program_%d) / sizeof(*program_%d)},\n",
               (unsigned long long)syscall_compile_key(sets[i]), i, i, i);
    printf("};\n");
    return 0;
}
