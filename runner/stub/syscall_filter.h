/* syscall_filter: keeps a container from system calls that it does not need (syscalls.def). */
#pragma once

#include <stdint.h>

/* From now on, for this process and all that it starts. Needs CAP_SYS_ADMIN in its user namespace, or no_new_privs.
 * capabilities: what the container can have. 0, or -1 with errno. */
int syscall_filter_install(uint64_t capabilities);
