/* faults: see impl.h. Every service test is also a test of faults: it runs a second time with AWSSIM_TEST_FAULTS=1, and
 * what it expects of its last attempts shows too that those before have left nothing. The test programs are linked so
 * that the system calls below come here (--wrap). */
#include "services/worker/impl.h"

#include "common/json.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    TIMES = 3 /* requests of one kind that are tried so */,
    MAX_KINDS = 512,
    MAX_POINTS = 2000,
    TREE_DESCRIPTORS = 16
};
/* Files that the next attempt uses again, because they are named by their content or by what they belong to. */
enum { REUSED = 2 };

static struct {
    bool active; /* an attempt with a fault runs */
    bool answered;
    bool reached;
    bool cancelled;
    int nth;
    int left;
    int refused_with; /* 0, or what an attempt was refused with that may have been right: the next one will tell */
    uint64_t kinds[MAX_KINDS];
    int times[MAX_KINDS];
    size_t n_kinds;
    uint64_t digest; /* before */
    long files;
    int descriptors;
    size_t n_waiting;
    slice body;
    long points, requests, refused, tolerated, cancels;
} faults;

static void report(void)
{
    printf(
        "faults: %ld points of %ld requests and events of %zu kinds: %ld refused, %ld cancelled, %ld without effect\n",
        faults.points, faults.requests, faults.n_kinds, faults.refused, faults.cancels, faults.tolerated);
}

static bool wanted(void)
{
    static int known; /* 0: not asked yet */
    if (known == 0) {
        known = getenv("AWSSIM_TEST_FAULTS") ? 1 : -1;
        if (known > 0)
            atexit(report);
    }
    return known > 0;
}

/* Whether this is the point that is to fail. */
static bool is_hit(void)
{
    if (!faults.active || faults.reached || --faults.left > 0)
        return false;
    faults.reached = true;
    return true;
}

static int db_fails(enum db_point point)
{
    (void)point;
    return is_hit() ? FAULT_SQL : 0;
}

/* Timers and background calls are run again by themselves: one is let fail, and must be. */
bool faults_answered(void)
{
    faults.answered = !faults.reached;
    return !faults.active || !faults.reached;
}

bool faults_cancel(void)
{
    if (!is_hit())
        return false;
    faults.cancelled = true;
    return true;
}

/* System calls. */

static bool is_refused(int error)
{
    if (!is_hit())
        return false;
    errno = error;
    return true;
}

#define WRAP(name) __wrap_##name
#define REAL(name) __real_##name
#define WRAPPED(type, name, error, parameters, arguments)                                                              \
    type REAL(name) parameters;                                                                                        \
    type WRAP(name) parameters;                                                                                        \
    type WRAP(name) parameters                                                                                         \
    {                                                                                                                  \
        return is_refused(error) ? -1 : REAL(name) arguments;                                                          \
    }

WRAPPED(int, open, EMFILE, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAPPED(int, open64, EMFILE, (const char *path, int flags, mode_t mode), (path, flags, mode))
WRAPPED(int, openat, EMFILE, (int folder, const char *path, int flags, mode_t mode), (folder, path, flags, mode))
WRAPPED(int, openat64, EMFILE, (int folder, const char *path, int flags, mode_t mode), (folder, path, flags, mode))
WRAPPED(int, socket, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
WRAPPED(int, pipe2, EMFILE, (int ends[2], int flags), (ends, flags))
WRAPPED(int, dup, EMFILE, (int fd), (fd))
WRAPPED(int, mkdir, ENOSPC, (const char *path, mode_t mode), (path, mode))
WRAPPED(int, mkdirat, ENOSPC, (int folder, const char *path, mode_t mode), (folder, path, mode))
WRAPPED(int, rename, ENOSPC, (const char *from, const char *to), (from, to))
WRAPPED(int, link, ENOSPC, (const char *from, const char *to), (from, to))
WRAPPED(int, fsync, EIO, (int fd), (fd))
WRAPPED(int, fdatasync, EIO, (int fd), (fd))

/* openat2 has no function of the C library. */
long REAL(syscall)(long number, ...);
long WRAP(syscall)(long number, ...);
long WRAP(syscall)(long number, ...)
{
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (size_t i = 0; i < sizeof(a) / sizeof(*a); i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    return is_refused(EMFILE) ? -1 : REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* What there is. */

static int count_descriptors(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static long n_files;

static int add_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)path;
    (void)st;
    (void)where;
    n_files += type == FTW_F;
    return 0;
}

static long count_files(const struct worker *worker)
{
    const char *folder = slice_cstr(worker->arena, worker->conf.state_dir);
    n_files = 0;
    if (folder && access(folder, F_OK) == 0)
        nftw(folder, add_file, TREE_DESCRIPTORS, FTW_PHYS);
    return n_files;
}

/* Bodies that came as files are given away by the first attempt that gets so far. */
static slice kept_body(struct worker *worker)
{
    return arena_printf(worker->arena, "%.*s/kept-body", SLICE_ARG(worker->conf.state_dir));
}

static slice body_path(struct worker *worker, const struct msg *request)
{
    return arena_printf(worker->arena, "%.*s/spool/%.*s", SLICE_ARG(worker->conf.state_dir),
                        SLICE_ARG(request->body_file));
}

static void keep_body(struct worker *worker, const struct msg *request)
{
    faults.body = (slice){NULL, 0};
    if (slice_empty(request->body_file))
        return;
    faults.body = kept_body(worker);
    unlink(faults.body.ptr);
    if (REAL(link)(body_path(worker, request).ptr, faults.body.ptr) != 0)
        faults.body = (slice){NULL, 0};
}

static void give_body_back(struct worker *worker, const struct msg *request)
{
    const char *path = faults.body.ptr ? body_path(worker, request).ptr : NULL;
    if (path && access(path, F_OK) != 0)
        assert(REAL(link)(faults.body.ptr, path) == 0);
}

/* Which requests. */

static uint64_t kind_of(const struct msg *request)
{
    const slice parts[] = {request->operation, request->method, request->path, request->query};
    bool rest = slice_empty(request->operation);
    uint64_t hash = request->kind;
    for (size_t i = 0; i < (rest ? 3 : 1); i++) {
        for (size_t j = 0; j < parts[i].len; j++)
            hash = (hash ^ (uint8_t)parts[i].ptr[j]) * 1099511628211ULL;
    }
    /* Forms name their operation in the body. */
    for (size_t j = 0; rest && j < request->body.len && j < 40; j++)
        hash = (hash ^ (uint8_t)request->body.ptr[j]) * 1099511628211ULL;
    return hash;
}

static bool is_chosen(const struct msg *request)
{
    uint64_t kind = kind_of(request);
    size_t i = 0;
    while (i < faults.n_kinds && faults.kinds[i] != kind)
        i++;
    if (i == MAX_KINDS)
        return false;
    if (i == faults.n_kinds)
        faults.kinds[faults.n_kinds++] = kind;
    return faults.times[i]++ < TIMES;
}

static void arm(struct worker *worker, int nth)
{
    db_test_fail(worker->db, db_fails);
    faults.active = true;
    faults.answered = faults.reached = faults.cancelled = false;
    faults.nth = faults.left = nth;
}

static void disarm(struct worker *worker)
{
    db_test_fail(worker->db, NULL);
    faults.active = false;
    if (faults.body.ptr)
        unlink(faults.body.ptr);
    faults.body = (slice){NULL, 0};
}

void faults_begin(struct worker *worker, const struct msg *request)
{
    if (!wanted() || !is_chosen(request))
        return;
    keep_body(worker, request);
    faults.digest = db_test_digest(worker->db);
    faults.files = count_files(worker);
    faults.descriptors = count_descriptors();
    faults.n_waiting = later_count(worker);
    faults.requests++;
    faults.refused_with = 0;
    arm(worker, 1);
}

/* The bodies of refusals. */
static bool is_well_formed(const struct worker *worker, const struct msg *request, const struct msg *reply)
{
    struct val document;
    slice why;
    if (request->kind == MSG_EVENT || slice_eq(request->method, S("HEAD")))
        return true;
    if (reply->body.len == 0)
        return false;
    if (reply->body.ptr[0] == '<')
        return slice_find(reply->body, S("<Code>")) > 0 && slice_find(reply->body, S("<Message>")) > 0;
    return json_parse(worker->batch, reply->body, &document, &why) == 0 && document.type == VAL_OBJECT;
}

static void check_nothing_left(struct worker *worker, const struct msg *request)
{
    const char *left = NULL;
    give_body_back(worker, request);
    if (db_test_digest(worker->db) != faults.digest)
        left = "rows";
    else if (count_files(worker) < faults.files || count_files(worker) > faults.files + REUSED)
        left = "files";
    else if (count_descriptors() != faults.descriptors)
        left = "descriptors";
    else if (worker->planned || worker->made.len > 0 || later_count(worker) != faults.n_waiting)
        left = "calls";
    if (!left)
        return;
    fprintf(stderr, "%.*s %.*s %.*s: %s are left or gone when point %d fails\n", SLICE_ARG(request->operation),
            SLICE_ARG(request->method), SLICE_ARG(request->path), left, faults.nth);
    abort();
}

static void complain(const struct msg *request, const struct msg *reply)
{
    fprintf(stderr, "%.*s %.*s %.*s answers %d when point %d fails, another time %d: %.*s\n",
            SLICE_ARG(request->operation), SLICE_ARG(request->method), SLICE_ARG(request->path), faults.refused_with,
            faults.nth, reply->status, SLICE_ARG(reply->body));
    abort();
}

/* Reads of a lost batch read again, and may be right to refuse. */
static bool may_be_right(const struct msg *request, const struct msg *reply)
{
    return request->kind == MSG_REQUEST && !faults.cancelled && reply->status >= 300 && reply->status < 500;
}

static void check_refusal(const struct worker *worker, const struct msg *request, const struct msg *reply)
{
    if ((reply->status >= 500 || may_be_right(request, reply)) && is_well_formed(worker, request, reply))
        return;
    complain(request, reply);
}

bool faults_try_again(struct worker *worker, const struct msg *request, const struct msg *reply)
{
    if (!faults.active)
        return false;
    faults.active = false; /* looking meets no faults */
    faults.points += faults.reached;
    if (faults.refused_with && faults.refused_with != reply->status)
        complain(request, reply);
    faults.refused_with = faults.reached && may_be_right(request, reply) ? reply->status : 0;
    bool over =
        !faults.reached || faults.answered || (!faults.cancelled && reply->status < 300) || faults.nth == MAX_POINTS;
    if (over) {
        faults.tolerated += faults.reached;
        disarm(worker);
        return false;
    }
    if (!faults.cancelled)
        check_refusal(worker, request, reply);
    check_nothing_left(worker, request);
    faults.cancels += faults.cancelled;
    faults.refused += !faults.cancelled;
    arm(worker, faults.refused_with ? INT_MAX : faults.nth + 1);
    return true;
}
