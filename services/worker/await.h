/* await: answers that a call waits for and that come from neither another service nor this database: work of a helper
 * thread, a transfer over the network. */
#pragma once

#include "services/worker/call.h"

struct ev_loop;
struct later;

/* One thing under way. It has memory of its own and outlives the call, should nobody wait any more. */
struct await {
    struct worker *worker;
    struct ev_loop *loop; /* NULL in service tests: begin must call await_done at once, or never */
    struct arena *arena;  /* its own */
    slice key;
    slice input;
    slice output;     /* set before await_done; in the await's arena */
    const char *file; /* removed with the await, if it is still there: its temporary file; NULL: none */
    int result;
    bool done;
    struct later *later; /* who waits; NULL: nobody any more */
    struct await *next;
};

/* Forgets one that nobody has to be told of. For the library. */
void await_free(struct await *await);

/* Starts what shall be awaited. */
typedef void await_begin_fn(struct await *await);

/* The first time: begins it, with a copy of input, and answers CALL_LATER; when it is done the handler runs again, and
 * the same key answers at once: await_done's result, with *output. Cancelled with the call: the work goes on, its
 * outcome is dropped. All awaits come before the first write. */
int await_call(struct call *c, slice key, await_begin_fn *begin, slice input, slice *output);

/* Whether an earlier run of the call has begun it. */
bool await_is_known(struct call *c, slice key);

/* Whether any call of this worker waits for something begun so. */
bool await_is_any(struct call *c);

/* It is over: the call runs again. From the loop only, not from within a handler. The await is gone or no longer the
 * caller's afterwards. */
void await_done(struct await *await, int result);

/* Work that would keep the loop for long (hashing, copying, syncing of big files): run happens on the library's one
 * helper thread; it may use the await's arena, input and output, and nothing else of the process. Its result is the
 * call's. */
typedef int await_work_fn(struct await *await);
int await_work(struct call *c, slice key, await_work_fn *run, slice input, slice *output);
