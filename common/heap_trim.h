/* heap_trim: gives memory back to the system after a peak. The C library keeps what has been freed for later; a process
 * that has once handled something large would stay large for good. While there is work nothing happens; when it has
 * become quiet, and the process has grown since the last time, its caches are emptied and free pages returned, within
 * some seconds. A process that has nothing to do is not woken for it. One loop a process. */
#pragma once

#include <stddef.h>

struct ev_loop;

/* First thing in main: what is large is mapped by itself, and so given back at once. */
void heap_trim_init(void);

/* From the thread that runs the loop. release (or NULL) frees what is only kept for the next use. */
void heap_trim_begin(struct ev_loop *loop, void (*release)(void *context), void *context);
void heap_trim_end(void);
