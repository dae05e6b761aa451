/* syscall_filter: see syscall_filter.h. */
#include "runner/stub/syscall_filter.h"

#include "runner/stub/syscall_compile.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner/syscall_programs.h"

static int install(const struct sock_filter *program, size_t count)
{
    struct sock_fprog whole = {(unsigned short)count, (struct sock_filter *)(uintptr_t)program};
    /* Like runc: a filter alone is no reason to slow the processor's speculation down. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &whole) == 0)
        return 0;
    return errno == EINVAL ? (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &whole) : -1;
}

int syscall_filter_install(uint64_t capabilities)
{
    uint64_t key = syscall_compile_key(capabilities);
    for (size_t i = 0; i < sizeof(built_in) / sizeof(*built_in); i++) {
        if (built_in[i].key == key)
            return install(built_in[i].program, built_in[i].count);
    }
    size_t count = 0;
    const struct sock_filter *program =
        syscall_compile(key, &count); /* kept until the command takes this process over */
    return program ? install(program, count) : -1;
}
