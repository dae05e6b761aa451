/* capability: see capability.h. */
#include "runner/stub/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By number, as linux/capability.h has them. */
static const char *const names[] = {"CHOWN",
                                    "DAC_OVERRIDE",
                                    "DAC_READ_SEARCH",
                                    "FOWNER",
                                    "FSETID",
                                    "KILL",
                                    "SETGID",
                                    "SETUID",
                                    "SETPCAP",
                                    "LINUX_IMMUTABLE",
                                    "NET_BIND_SERVICE",
                                    "NET_BROADCAST",
                                    "NET_ADMIN",
                                    "NET_RAW",
                                    "IPC_LOCK",
                                    "IPC_OWNER",
                                    "SYS_MODULE",
                                    "SYS_RAWIO",
                                    "SYS_CHROOT",
                                    "SYS_PTRACE",
                                    "SYS_PACCT",
                                    "SYS_ADMIN",
                                    "SYS_BOOT",
                                    "SYS_NICE",
                                    "SYS_RESOURCE",
                                    "SYS_TIME",
                                    "SYS_TTY_CONFIG",
                                    "MKNOD",
                                    "LEASE",
                                    "AUDIT_WRITE",
                                    "AUDIT_CONTROL",
                                    "SETFCAP",
                                    "MAC_OVERRIDE",
                                    "MAC_ADMIN",
                                    "SYSLOG",
                                    "WAKE_ALARM",
                                    "BLOCK_SUSPEND",
                                    "AUDIT_READ",
                                    "PERFMON",
                                    "BPF",
                                    "CHECKPOINT_RESTORE"};

enum { N_NAMES = sizeof(names) / sizeof(*names) };

static const uint64_t usual = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER | 1ULL << CAP_FSETID |
                              1ULL << CAP_KILL | 1ULL << CAP_SETGID | 1ULL << CAP_SETUID | 1ULL << CAP_SETPCAP |
                              1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_NET_RAW | 1ULL << CAP_SYS_CHROOT |
                              1ULL << CAP_MKNOD | 1ULL << CAP_AUDIT_WRITE | 1ULL << CAP_SETFCAP;

static const uint64_t all = (1ULL << N_NAMES) - 1;

/* "sys_ptrace", "CAP_SYS_PTRACE", "ALL"; 0: there is none of that name. */
static uint64_t set_of(const char *name)
{
    if (strcasecmp(name, "ALL") == 0)
        return all;
    if (strncasecmp(name, "CAP_", 4) == 0)
        name += 4;
    for (int i = 0; i < N_NAMES; i++) {
        if (strcasecmp(names[i], name) == 0)
            return 1ULL << i;
    }
    return 0;
}

const char *capability_unknown(const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_capabilities; i++) {
        if (set_of(plan->capabilities[i].name) == 0)
            return plan->capabilities[i].name;
    }
    return NULL;
}

/* As docker does it: to add ALL leaves what is dropped, to drop ALL leaves what is added, else what is added counts. */
uint64_t capability_kept(const struct plan *plan)
{
    uint64_t added = 0, dropped = 0;
    for (size_t i = 0; i < plan->n_capabilities; i++)
        *(plan->capabilities[i].drop ? &dropped : &added) |= set_of(plan->capabilities[i].name);
    if (plan->privileged)
        return all;
    return added == all ? all & ~dropped : (usual & ~dropped) | added;
}

int capability_bound(const struct plan *plan)
{
    uint64_t kept = capability_kept(plan);
    for (int i = 0; prctl(PR_CAPBSET_READ, i) >= 0; i++) {
        if (!(kept >> i & 1) && prctl(PR_CAPBSET_DROP, i) != 0)
            return errno == EPERM && geteuid() != 0 ? 0 : -1;
    }
    return 0;
}

int capability_reduce(const struct plan *plan)
{
    uint64_t kept = capability_kept(plan);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        uint32_t half = (uint32_t)(kept >> (32 * i));
        data[i].effective &= half;
        data[i].permitted &= half;
        data[i].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &header, data);
}
