/* probe: tries, inside a container, what it should not be able to do. `probe CALL…` makes system calls and prints a
 * line `NAME RESULT` for each, the result being 0 or the error's name; `probe forks N` starts N processes at once and
 * prints how many it could; `probe ids` prints its real and its effective user. Linked statically, for images without
 * libraries. */
#include <errno.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_YET_A_CALL = 600, ADDRESSES_ARE_FIXED = 0x0040000, MAX_FORKS = 100000 };

static const char missing[] = "/missing";

static const struct attempt {
    const char *name;
    long number;
    long arguments[6];
} attempts[] = {
    {"mount", SYS_mount, {(long)missing, (long)missing, (long)missing, MS_BIND}},
    {"umount", SYS_umount2, {(long)missing}},
    {"open_tree", SYS_open_tree, {-1, (long)missing}},
    {"pivot_root", SYS_pivot_root, {(long)missing, (long)missing}},
    {"unshare_user", SYS_unshare, {CLONE_NEWUSER}},
    {"unshare_mounts", SYS_unshare, {CLONE_NEWNS}},
    {"clone_user", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
    {"clone3", SYS_clone3, {0, 0}},
    {"setns", SYS_setns, {-1, 0}},
    {"keyctl", SYS_keyctl, {KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_SESSION_KEYRING, 0}},
    {"add_key", SYS_add_key, {(long)missing, (long)missing, 0, 0, 0}},
    {"bpf", SYS_bpf, {-1, 0, 0}},
    {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}},
    {"kexec_load", SYS_kexec_load, {0, 0, 0, 0}},
    {"init_module", SYS_init_module, {0, 0, 0}},
    {"reboot", SYS_reboot, {0, 0, 0, 0}},
    {"swapon", SYS_swapon, {(long)missing, 0}},
    {"acct", SYS_acct, {(long)missing}},
    {"userfaultfd", SYS_userfaultfd, {-1}},
    {"io_uring_setup", SYS_io_uring_setup, {0, 0}},
    {"open_by_handle_at", SYS_open_by_handle_at, {-1, 0, 0}},
    {"settimeofday", SYS_settimeofday, {0, 0}},
    {"kcmp", SYS_kcmp, {0, 0, -1, 0, 0}},
    {"mbind", SYS_mbind, {0, 0, -1, 0, 0, 0}},
    {"personality", SYS_personality, {ADDRESSES_ARE_FIXED}},
    {"personality_query", SYS_personality, {0xffffffff}},
    {"vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
    {"af_alg", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}},
    {"inet", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
    {"unix", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
    {"chroot", SYS_chroot, {(long)"."}},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0}},
    {"future", NOT_YET_A_CALL, {0}},
};

enum { N_ATTEMPTS = sizeof(attempts) / sizeof(*attempts) };

#ifdef __x86_64__
/* The way of 32-bit programs, whose calls have numbers of their own. */
static long call_i386(long number)
{
    long result = number;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(0L), "c"(0L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static int try_i386(void)
{
    enum { I386_KEYCTL = 288, I386_GETPID = 20 };
    long found = call_i386(I386_KEYCTL);
    printf("i386_keyctl %s\n", found < 0 ? strerrorname_np((int)-found) : "0");
    return call_i386(I386_GETPID) > 0 ? 0 : 1;
}
#else
static int try_i386(void)
{
    printf("i386_keyctl EPERM\n");
    return 0;
}
#endif

static int try_call(const char *name)
{
    for (size_t i = 0; i < N_ATTEMPTS; i++) {
        const struct attempt *one = &attempts[i];
        const long *a = one->arguments;
        if (strcmp(one->name, name) != 0)
            continue;
        long result = syscall(one->number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (result == 0 && one->number == SYS_clone)
            _exit(0);
        printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "0");
        return 0;
    }
    fprintf(stderr, "there is no attempt %s\n", name);
    return 1;
}

static int try_forks(int wanted)
{
    int made = 0;
    pid_t *children = calloc((size_t)wanted, sizeof(*children));
    for (; children && made < wanted; made++) {
        children[made] = fork();
        if (children[made] == 0) {
            pause();
            _exit(0);
        }
        if (children[made] < 0)
            break;
    }
    printf("forks %d %s\n", made, made < wanted ? strerrorname_np(errno) : "0");
    fflush(stdout);
    for (int i = 0; i < made; i++)
        kill(children[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
    free(children);
    return 0;
}

int main(int argc, char *argv[])
{
    int failed = argc < 2;
    if (argc == 3 && strcmp(argv[1], "forks") == 0) {
        long wanted = strtol(argv[2], NULL, 10);
        return wanted > 0 && wanted <= MAX_FORKS ? try_forks((int)wanted) : 2;
    }
    if (argc == 2 && strcmp(argv[1], "ids") == 0)
        return printf("ids %u %u\n", getuid(), geteuid()) > 0 ? 0 : 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++)
        failed |= strcmp(argv[i], "i386") == 0 ? try_i386() : try_call(argv[i]);
    return failed;
}
