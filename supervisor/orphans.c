/* orphans: see orphans.h. Leaves waiting for the dead to supervisor.c. */
#include "supervisor/orphans.h"

#include "common/arena.h"
#include "common/fdio.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LIST_BYTES = 1024 * 1024 };

/* The kernel's list of our children, "12 345 "; empty where the kernel does not have it. */
static slice children(struct arena *arena)
{
    slice list = S(""), path = arena_printf(arena, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    fdio_read_file(arena, path.ptr, LIST_BYTES, &list);
    return list;
}

static bool is_listed(slice list, int64_t pid)
{
    slice word;
    int64_t listed = 0;
    while (slice_cut(list, ' ', &word, &list)) {
        if (slice_to_int64(word, &listed) && listed == pid)
            return true;
    }
    return false;
}

void orphans_open(struct orphans *orphans)
{
    *orphans = (struct orphans){0};
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct arena *arena = arena_open();
    buf_add(&orphans->spared, children(arena));
    arena_close(arena);
}

void orphans_close(struct orphans *orphans)
{
    buf_deinit(&orphans->spared);
}

bool orphans_kill(const struct orphans *orphans, bool (*is_ours)(const void *owner, pid_t pid), const void *owner)
{
    bool found = false;
    struct arena *arena = arena_open();
    slice list = children(arena), word;
    int64_t pid = 0;
    while (slice_cut(list, ' ', &word, &list)) {
        if (!slice_to_int64(word, &pid) || is_ours(owner, (pid_t)pid) || is_listed(buf_slice(&orphans->spared), pid))
            continue;
        kill((pid_t)pid, SIGKILL);
        found = true;
    }
    arena_close(arena);
    return found;
}
