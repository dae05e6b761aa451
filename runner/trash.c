/* trash: see trash.h. */
#include "runner/trash.h"

#include "common/arena.h"
#include "common/fdio.h"
#include "common/ids.h"
#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trash {
    struct arena *arena;
    const char *folder;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool full; /* something has been put there since the thread looked */
    bool ends;
};

static bool is_ending(struct trash *trash)
{
    pthread_mutex_lock(&trash->lock);
    bool ends = trash->ends;
    pthread_mutex_unlock(&trash->lock);
    return ends;
}

/* One entry after the other, so that an end is noticed between them. */
static void empty(struct trash *trash)
{
    struct arena *arena = arena_open();
    DIR *folder = opendir(trash->folder);
    for (struct dirent *entry = folder ? readdir(folder) : NULL; entry && !is_ending(trash); entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        const char *path = arena_printf(arena, "%s/%s", trash->folder, entry->d_name).ptr;
        int result = fdio_remove_tree(path);
        if (result != 0)
            log_warn("cannot remove %s: %s", path, strerror(-result));
        arena_reset(arena);
    }
    if (folder)
        closedir(folder);
    arena_close(arena);
}

static void *serve(void *context)
{
    struct trash *trash = context;
    pthread_mutex_lock(&trash->lock);
    while (!trash->ends) {
        if (!trash->full) {
            pthread_cond_wait(&trash->changed, &trash->lock);
            continue;
        }
        trash->full = false;
        pthread_mutex_unlock(&trash->lock);
        empty(trash);
        pthread_mutex_lock(&trash->lock);
    }
    pthread_mutex_unlock(&trash->lock);
    return NULL;
}

/* Signals are for the loop's thread. */
static void start_thread(struct trash *trash)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&trash->thread, NULL, serve, trash) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct trash *trash_open(slice folder)
{
    struct arena *arena = arena_open();
    struct trash *trash = arena_alloc(arena, sizeof(*trash));
    trash->arena = arena;
    trash->folder = slice_cstr(arena, folder);
    trash->full = true; /* what a former process left */
    pthread_mutex_init(&trash->lock, NULL);
    pthread_cond_init(&trash->changed, NULL);
    int result = fdio_mkdirs(trash->folder, 0700);
    if (result != 0)
        log_warn("cannot make %s: %s", trash->folder, strerror(-result));
    start_thread(trash);
    return trash;
}

void trash_put(struct trash *trash, const char *path)
{
    struct arena *arena = arena_open();
    const char *aside = arena_printf(arena, "%s/%.*s", trash->folder, SLICE_ARG(ids_hex(arena, 16))).ptr;
    bool renamed = rename(path, aside) == 0;
    if (!renamed && errno != ENOENT)
        fdio_remove_tree(path);
    arena_close(arena);
    if (!renamed)
        return;
    pthread_mutex_lock(&trash->lock);
    trash->full = true;
    pthread_cond_signal(&trash->changed);
    pthread_mutex_unlock(&trash->lock);
}

void trash_close(struct trash *trash)
{
    pthread_mutex_lock(&trash->lock);
    trash->ends = true;
    pthread_cond_signal(&trash->changed);
    pthread_mutex_unlock(&trash->lock);
    pthread_join(trash->thread, NULL);
    pthread_cond_destroy(&trash->changed);
    pthread_mutex_destroy(&trash->lock);
    arena_close(trash->arena);
}
