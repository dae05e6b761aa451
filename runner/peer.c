/* peer: see peer.h. */
#include "runner/peer.h"

#include "common/fdio.h"
#include "common/log.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_PROCESSES = 2048, MAX_DESCRIPTORS = 4096, PATH_BYTES = 64, ROUNDS = 2 };

/* The other end's socket. */
struct holder {
    unsigned long inode;
    uid_t uid;
};

struct ends {
    struct sockaddr_in ours, theirs;
};

static bool read_ends(int fd, struct ends *ends)
{
    socklen_t length = sizeof(ends->ours);
    if (getsockname(fd, (struct sockaddr *)&ends->ours, &length) != 0)
        return false;
    length = sizeof(ends->theirs);
    return getpeername(fd, (struct sockaddr *)&ends->theirs, &length) == 0 && ends->theirs.sin_family == AF_INET;
}

/* One question about one socket; the kernel answers while it is sent. Answers 0, or -errno: -ENOENT when there is no
 * such socket any more. */
static int ask_kernel(const struct ends *ends, struct holder *holder)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } question = {
        .head = {.nlmsg_len = sizeof(question), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
        .body = {.sdiag_family = AF_INET,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = ~0U,
                 .id = {.idiag_sport = ends->theirs.sin_port,
                        .idiag_dport = ends->ours.sin_port,
                        .idiag_src = {ends->theirs.sin_addr.s_addr},
                        .idiag_dst = {ends->ours.sin_addr.s_addr},
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } answer;
    __attribute__((cleanup(fdio_cleanup))) int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (link < 0 || send(link, &question, sizeof(question), 0) < 0)
        return -errno;
    ssize_t n = recv(link, &answer, sizeof(answer), MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    if (!NLMSG_OK(&answer.head, (size_t)n))
        return -EPROTO;
    if (answer.head.nlmsg_type == NLMSG_ERROR)
        return ((const struct nlmsgerr *)NLMSG_DATA(&answer.head))->error;
    if (answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return -EPROTO;
    const struct inet_diag_msg *found = NLMSG_DATA(&answer.head);
    *holder = (struct holder){found->idiag_inode, found->idiag_uid};
    return 0;
}

struct listed {
    unsigned address, port, remote_address, remote_port;
    struct holder holder;
};

/* A line of /proc/net/tcp, or of tcp6, where an IPv4 address is the end of one of IPv6. */
static bool read_line(const char *line, struct listed *listed)
{
    unsigned uid;
    int n = sscanf(line, " %*d: %8x:%4x %8x:%4x %*x %*x:%*x %*x:%*x %*x %u %*d %lu", &listed->address, &listed->port,
                   &listed->remote_address, &listed->remote_port, &uid, &listed->holder.inode);
    if (n != 6)
        n = sscanf(line,
                   " %*d: 0000000000000000FFFF0000%8x:%4x 0000000000000000FFFF0000%8x:%4x %*x %*x:%*x %*x:%*x %*x "
                   "%u %*d %lu",
                   &listed->address, &listed->port, &listed->remote_address, &listed->remote_port, &uid,
                   &listed->holder.inode);
    listed->holder.uid = uid;
    return n == 6;
}

/* The same from the lists of all sockets, for kernels without the question. */
static int read_list(const char *path, const struct ends *ends, struct holder *holder)
{
    char line[512];
    struct listed listed;
    FILE *list = fopen(path, "re");
    int result = list ? -ENOENT : -errno;
    while (list && result != 0 && fgets(line, sizeof(line), list)) {
        if (!read_line(line, &listed) || listed.address != ends->theirs.sin_addr.s_addr ||
            listed.port != ntohs(ends->theirs.sin_port) || listed.remote_address != ends->ours.sin_addr.s_addr ||
            listed.remote_port != ntohs(ends->ours.sin_port))
            continue;
        *holder = listed.holder;
        result = 0;
    }
    if (list)
        fclose(list);
    return result;
}

static int find_holder(const struct ends *ends, struct holder *holder)
{
    int result = ask_kernel(ends, holder);
    if (result == 0 || result == -ENOENT)
        return result;
    return read_list("/proc/net/tcp", ends, holder) == 0 ? 0 : read_list("/proc/net/tcp6", ends, holder);
}

struct search {
    struct holder holder;
    pid_t pids[MAX_PROCESSES];
    size_t n_pids;
    size_t left; /* descriptors that may still be looked at */
    bool blind;  /* a process of the other end's user does not show its descriptors */
};

/* The user of a process that hides its descriptors. */
static bool is_of_user(pid_t pid, uid_t uid)
{
    char path[PATH_BYTES];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    return stat(path, &st) == 0 && st.st_uid == uid && uid != geteuid();
}

static bool holds(struct search *search, pid_t pid)
{
    char path[PATH_BYTES], wanted[PATH_BYTES], target[PATH_BYTES];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", search->holder.inode);
    DIR *folder = opendir(path);
    bool hidden = !folder && errno == EACCES;
    for (struct dirent *entry = folder ? readdir(folder) : NULL; entry && !found && !hidden && search->left > 0;
         entry = readdir(folder)) {
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
        /* A root that may read every folder may not see through the links in it. */
        hidden = n < 0 && errno == EACCES;
        search->left--;
        found = n > 0 && (size_t)n == strlen(wanted) && memcmp(target, wanted, (size_t)n) == 0;
    }
    if (folder)
        closedir(folder);
    search->blind |= hidden && is_of_user(pid, search->holder.uid);
    return found;
}

/* The children of one thread. */
static void add_children_of(struct search *search, int tasks, const char *thread)
{
    char path[PATH_BYTES], text[8192];
    snprintf(path, sizeof(path), "%.20s/children", thread);
    __attribute__((cleanup(fdio_cleanup))) int fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return;
    text[n] = 0;
    char *end = text;
    for (long child = strtol(end, &end, 10); child > 0; child = strtol(end, &end, 10)) {
        if (search->n_pids < MAX_PROCESSES)
            search->pids[search->n_pids++] = (pid_t)child;
    }
}

static void add_children(struct search *search, pid_t pid)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry = tasks ? readdir(tasks) : NULL; entry; entry = readdir(tasks)) {
        if (entry->d_name[0] != '.')
            add_children_of(search, dirfd(tasks), entry->d_name);
    }
    if (tasks)
        closedir(tasks);
}

/* Nearest descendants first. */
static bool search_from(struct search *search, pid_t root)
{
    search->n_pids = 0;
    search->pids[search->n_pids++] = root;
    for (size_t i = 0; i < search->n_pids && search->left > 0; i++) {
        if (holds(search, search->pids[i]))
            return true;
        add_children(search, search->pids[i]);
    }
    return false;
}

static void say_blind(void)
{
    static bool said;
    if (!said)
        log_warn("the descriptors of functions' processes cannot be seen (CAP_SYS_PTRACE is missing): only by its user "
                 "a process is told from others at the Runtime API");
    said = true;
}

static enum peer judge(const struct ends *ends, pid_t root)
{
    struct search search = {.left = MAX_DESCRIPTORS};
    int result = find_holder(ends, &search.holder);
    if (result == -ENOENT || (result == 0 && search.holder.inode == 0))
        return PEER_GONE;
    if (result != 0)
        return PEER_FOREIGN;
    /* A list of children may leave one out while another ends: what is not found is searched for once more. */
    for (int round = 0; round < ROUNDS; round++) {
        if (search_from(&search, root))
            return PEER_BELOW;
    }
    if (search.blind)
        say_blind();
    return search.blind ? PEER_BELOW : PEER_FOREIGN;
}

enum peer peer_of(int fd, pid_t root)
{
    struct ends ends;
    if (root <= 0 || !read_ends(fd, &ends))
        return PEER_FOREIGN;
    return judge(&ends, root);
}

bool peer_listens(in_port_t port, pid_t root)
{
    const struct ends ends = {
        .ours = {.sin_family = AF_INET},
        .theirs = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    return root > 0 && judge(&ends, root) == PEER_BELOW;
}
