/* content_clean: contents that nobody has any more: their rows and files go by the timer, some at a time, the files by
 * the helper thread. What a content is made of outlives it as long as somebody else has it or reads it. */
#include "services/s3/s3.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/fdio.h"
#include "services/worker/await.h"

enum {
    GRACE_MS = 10 * 1000,  /* an answer on its way to the router may name a file */
    LEASED_MS = 1000,      /* until a list that is being read is looked at again */
    HANDED_MS = 60 * 1000, /* until a removal that has not been heard of is begun again */
    SWEEP_NAMES = 300,     /* looked at in one go */
};

#define EVERY_FILE S("*")

void content_drop(struct call *c, slice name)
{
    if (!name.ptr)
        return;
    db_run(c->db, S3_SQL_FILE_DEAD, "ti", name, c->now_ms + GRACE_MS);
    call_timer_changed(c);
}

bool content_is_known(struct call *c, slice name)
{
    struct db_rows rows = db_query(c->db, S3_SQL_FILE_KNOWN, "t", name);
    bool known = db_next(&rows) && db_int(&rows, 0) != 0;
    db_done(&rows);
    return known;
}

/* Whether somebody reads the list: the router holds a lock for it. */
static bool is_leased(struct call *c, slice list)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = content_lease(list), .l_len = 1};
    __attribute__((cleanup(fdio_cleanup))) int fd = open(content_path(c, S(CONTENT_LEASE)).ptr, O_RDWR | O_CLOEXEC);
    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Some segments of a list that nobody has; their files may be dead now. False when it has none: it is a file. */
static bool bury_segments(struct call *c, slice list)
{
    struct slice_list files = {0};
    int64_t last = 0;
    struct db_rows rows = db_query(c->db, S3_SQL_SEGMENT_SOME, "t", list);
    while (db_next(&rows)) {
        last = db_int(&rows, 0);
        *list_add(c->arena, &files) = db_text(&rows, 1);
    }
    if (files.len == 0)
        return false;
    if (is_leased(c, list)) {
        db_run(c->db, S3_SQL_FILE_LATER, "it", c->now_ms + LEASED_MS, list);
        return true;
    }
    db_run(c->db, S3_SQL_SEGMENTS_DELETE, "ti", list, last);
    list_foreach (file, &files) {
        if (!content_is_known(c, *file))
            db_run(c->db, S3_SQL_FILE_DEAD, "ti", *file, c->now_ms);
    }
    return true;
}

static void clean_one(struct call *c, slice name, struct buf *files)
{
    if (slice_eq(name, EVERY_FILE)) {
        call_background(c, S("SweepFiles"), S(""));
        db_run(c->db, S3_SQL_FILE_FORGET, "t", name);
    } else if (content_is_known(c, name)) {
        db_run(c->db, S3_SQL_FILE_FORGET, "t", name);
    } else if (!bury_segments(c, name)) {
        buf_printf(files, "%.*s\n", SLICE_ARG(name));
        db_run(c->db, S3_SQL_FILE_LATER, "it", c->now_ms + HANDED_MS, name);
    }
}

int64_t content_clean(struct call *c)
{
    struct slice_list names = {0};
    struct buf files;
    buf_init(&files, c->arena);
    struct db_rows rows = db_query(c->db, S3_SQL_FILE_DUE, "i", c->now_ms);
    while (db_next(&rows))
        *list_add(c->arena, &names) = db_text(&rows, 0);
    list_foreach (name, &names)
        clean_one(c, *name, &files);
    if (files.len > 0)
        call_background(c, S("RemoveFiles"), buf_slice(&files));
    rows = db_query(c->db, S3_SQL_FILE_NEXT, "");
    int64_t next = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return next;
}

/* The helper thread's part: paths, one a line. */
static int remove_files(struct await *await)
{
    slice path, rest = await->input;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &path, &rest);
        unlink(slice_cstr(await->arena, path));
    }
    return 0;
}

/* The event RemoveFiles: names of files, one a line, that no row names, nor can any more. */
int content_remove_run(struct call *c, slice names)
{
    struct buf paths;
    slice name, none, rest = names;
    buf_init(&paths, c->arena);
    while (rest.len > 0) {
        slice_cut(rest, '\n', &name, &rest);
        buf_printf(&paths, "%.*s\n", SLICE_ARG(content_path(c, name)));
    }
    TRY(await_work(c, S("remove"), remove_files, buf_slice(&paths), &none));
    for (rest = names; rest.len > 0;) {
        slice_cut(rest, '\n', &name, &rest);
        db_run(c->db, S3_SQL_FILE_FORGET, "t", name);
    }
    return 0;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* The helper thread's part: the names of the folder's files that are older than the lease file. */
static int list_files(struct await *await)
{
    struct stat since, st;
    struct buf names;
    DIR *folder = opendir(slice_cstr(await->arena, await->input));
    if (!folder)
        return errno == ENOENT ? 0 : -errno;
    buf_init(&names, await->arena);
    bool known = fstatat(dirfd(folder), CONTENT_LEASE, &since, 0) == 0;
    for (struct dirent *entry = readdir(folder); known && entry; entry = readdir(folder)) {
        if (entry->d_name[0] != '.' && fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            is_before(&st.st_mtim, &since.st_mtim))
            buf_printf(&names, "%s\n", entry->d_name);
    }
    closedir(folder);
    await->output = buf_slice(&names);
    return 0;
}

/* The event SweepFiles, at each start and reset: names of files, one a line, to be compared with the rows; without any,
 * those of the folder that were there before. */
int content_sweep_run(struct call *c, slice names)
{
    slice name, rest = names;
    if (rest.len == 0)
        TRY(await_work(c, S("list"), list_files, content_path(c, S("")), &rest));
    for (int n = 0; n < SWEEP_NAMES && rest.len > 0; n++) {
        slice_cut(rest, '\n', &name, &rest);
        if (!content_is_known(c, name))
            db_run(c->db, S3_SQL_FILE_DEAD, "ti", name, c->now_ms);
    }
    if (rest.len > 0)
        call_background(c, S("SweepFiles"), rest);
    call_timer_changed(c);
    return 0;
}

int content_start(struct call *c)
{
    slice folder = content_path(c, S(""));
    if (mkdir(folder.ptr, 0700) != 0 && errno != EEXIST)
        return errno == ENOENT ? 0 : -errno; /* a database in memory has no folder beside it */
    /* Its time tells files that were there before from those that are made from now on. */
    __attribute__((cleanup(fdio_cleanup))) int lease =
        open(content_path(c, S(CONTENT_LEASE)).ptr, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (lease < 0 || futimens(lease, NULL) != 0)
        return -errno;
    db_run(c->db, S3_SQL_FILE_DEAD, "ti", EVERY_FILE, (int64_t)0);
    call_timer_changed(c);
    return 0;
}
