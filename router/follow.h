/* follow: files that are still being written (MSG_FLAG_GROWING): what of them is there, whether that is all, and when
 * there is more. */
#pragma once

#include <stdint.h>

struct ev_loop;
struct follow;

enum follow_state {
    FOLLOW_MORE,   /* there are bytes behind what is known */
    FOLLOW_WAIT,   /* not yet: on_change will be called */
    FOLLOW_END,    /* all is said */
    FOLLOW_BROKEN, /* the writer has gone before */
};

/* on_change is called with the context of a watched file whenever it may have got to another state. */
struct follow *follow_open(struct ev_loop *loop, void (*on_change)(void *context));
void follow_close(struct follow *follow);

/* Watches the open file. Answers the watch, or -errno (the kernel limits how many there are). */
int follow_add(struct follow *follow, int fd, void *context);
void follow_remove(struct follow *follow, int watch);

/* What there is behind the first `known` bytes; *more is how much, with FOLLOW_MORE. */
enum follow_state follow_look(int fd, int64_t known, int64_t *more);
