/* follow: inotify says when a file changes; size, mode and lock say what that means. */
#include "router/follow.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

struct watch {
    struct watch *next;
    int id;
    void *context;
};

struct follow {
    struct ev_loop *loop;
    ev_io io; /* fd -1: the kernel gave no inotify */
    struct watch *watches;
    void (*on_change)(void *context);
};

static void tell(struct follow *follow, int id)
{
    for (struct watch *one = follow->watches; one; one = one->next) {
        if (one->id == id || id < 0)
            follow->on_change(one->context);
    }
}

static void on_events(struct ev_loop *loop, ev_io *io, int events)
{
    struct follow *follow = io->data;
    char bytes[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    (void)loop;
    (void)events;
    ssize_t n = read(io->fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const void *)(bytes + at);
        /* When the queue overflows, nobody knows whose event was lost. */
        tell(follow, event->mask & IN_Q_OVERFLOW ? -1 : event->wd);
        at += (ssize_t)(sizeof *event + event->len);
    }
}

struct follow *follow_open(struct ev_loop *loop, void (*on_change)(void *context))
{
    struct follow *follow = calloc(1, sizeof *follow);
    if (!follow)
        abort();
    follow->loop = loop;
    follow->on_change = on_change;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ev_io_init(&follow->io, on_events, fd, EV_READ);
    follow->io.data = follow;
    if (fd >= 0)
        ev_io_start(loop, &follow->io);
    else
        log_warn("no inotify: streamed answers will be refused");
    return follow;
}

void follow_close(struct follow *follow)
{
    while (follow->watches)
        follow_remove(follow, follow->watches->id);
    ev_io_stop(follow->loop, &follow->io);
    if (follow->io.fd >= 0)
        close(follow->io.fd);
    free(follow);
}

int follow_add(struct follow *follow, int fd, void *context)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int id = inotify_add_watch(follow->io.fd, path, IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE);
    if (id < 0)
        return -errno;
    struct watch *watch = malloc(sizeof *watch);
    if (!watch)
        abort();
    *watch = (struct watch){.next = follow->watches, .id = id, .context = context};
    follow->watches = watch;
    return id;
}

void follow_remove(struct follow *follow, int id)
{
    struct watch **link = &follow->watches;
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    if (!*link)
        return;
    struct watch *watch = *link;
    *link = watch->next;
    free(watch);
    inotify_rm_watch(follow->io.fd, id);
}

/* What size and mode say. */
static enum follow_state look(int fd, int64_t known, int64_t *more)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return FOLLOW_BROKEN;
    *more = st.st_size - known;
    if (*more > 0)
        return FOLLOW_MORE;
    return st.st_mode & S_IWUSR ? FOLLOW_WAIT : FOLLOW_END;
}

enum follow_state follow_look(int fd, int64_t known, int64_t *more)
{
    enum follow_state state = look(fd, known, more);
    if (state != FOLLOW_WAIT || flock(fd, LOCK_SH | LOCK_NB) != 0)
        return state;
    /* The lock is free: the writer has gone, but may just have finished before. */
    state = look(fd, known, more);
    return state == FOLLOW_WAIT ? FOLLOW_BROKEN : state;
}
