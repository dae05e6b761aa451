/* reserve: see reserve.h. */
#include "common/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { ASK_EVERY_MS = 10, STEP_BYTES = 1024 * 1024 };

struct reserve {
    char *path;
    int fd;
    int64_t held; /* bytes; 0 also when there is no room */
    int64_t wanted;
    bool needed;
    int64_t ask_again_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int64_t reserve_free_bytes(const char *path)
{
    struct statvfs st;
    return statvfs(path, &st) == 0 ? (int64_t)st.f_bavail * (int64_t)st.f_frsize : -1;
}

bool reserve_is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

/* A file system that cannot set space aside has none in reserve. */
static bool take(struct reserve *reserve)
{
    if (reserve->fd < 0 || reserve->held >= reserve->wanted)
        return true;
    if (fallocate(reserve->fd, 0, 0, reserve->wanted) != 0 && reserve_is_full(errno))
        return false;
    reserve->held = reserve->wanted;
    return true;
}

struct reserve *reserve_open(const char *path)
{
    struct reserve *made = calloc(1, sizeof(*made));
    if (!made || !(made->path = strdup(path)))
        abort();
    made->wanted = RESERVE_BYTES;
    made->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    take(made);
    return made;
}

void reserve_hold(struct reserve *reserve, int64_t bytes)
{
    int64_t wanted = RESERVE_BYTES + (bytes + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
    if (wanted == reserve->wanted)
        return;
    reserve->wanted = wanted;
    if (reserve->held > wanted && ftruncate(reserve->fd, wanted) == 0)
        reserve->held = wanted;
    else if (!reserve->needed && !take(reserve))
        reserve->needed = true;
}

void reserve_release(struct reserve *reserve)
{
    /* Whoever meets with it again and again does not put off the question whether it is over. */
    if (!reserve->needed)
        reserve->ask_again_ms = now_ms() + ASK_EVERY_MS;
    reserve->needed = true;
    reserve->held = 0;
    if (reserve->fd >= 0 && ftruncate(reserve->fd, 0) != 0)
        unlink(reserve->path);
}

bool reserve_is_needed(struct reserve *reserve)
{
    int64_t now = now_ms();
    if (now < reserve->ask_again_ms)
        return reserve->needed;
    reserve->ask_again_ms = now + ASK_EVERY_MS;
    int64_t left = reserve_free_bytes(reserve->path);
    reserve->needed = left >= 0 && (left < RESERVE_FULL_BYTES || !take(reserve));
    return reserve->needed;
}

void reserve_close(struct reserve *reserve)
{
    if (!reserve)
        return;
    if (reserve->fd >= 0)
        close(reserve->fd);
    unlink(reserve->path);
    free(reserve->path);
    free(reserve);
}
