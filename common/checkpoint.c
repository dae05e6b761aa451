/* checkpoint: see checkpoint.h. */
#include "common/checkpoint.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { STACK_BYTES = 256 * 1024, PAUSE_MS = 1000 /* after a pass that failed */ };

enum state { IDLE, ASKED, RUNNING, ENDING };

struct checkpoint {
    const char *path;
    sqlite3 *handle; /* the thread's */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum state state;
    bool cut;
    int copied;
    bool stale; /* what the running pass copies is no longer in the log */
    int64_t pause_until_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

struct checkpoint *checkpoint_open(const char *path)
{
    struct checkpoint *made = calloc(1, sizeof(*made));
    if (!made)
        abort();
    made->path = path;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    return made;
}

/* sqlite copies nothing over a connection that has not read yet. */
static bool connect_once(struct checkpoint *checkpoint)
{
    static const char first[] = "PRAGMA cache_size = -64; PRAGMA synchronous = NORMAL; PRAGMA user_version";
    if (checkpoint->handle)
        return true;
    if (sqlite3_open_v2(checkpoint->path, &checkpoint->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        CHECKPOINT_VFS) == SQLITE_OK &&
        sqlite3_exec(checkpoint->handle, first, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    sqlite3_close(checkpoint->handle);
    checkpoint->handle = NULL;
    return false;
}

/* Answers up to which page of the log it came, or -1. */
static int pass(struct checkpoint *checkpoint, bool cut)
{
    int pages = 0, copied = 0;
    if (!connect_once(checkpoint) ||
        sqlite3_wal_checkpoint_v2(checkpoint->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied) != SQLITE_OK)
        return -1;
    /* With everything copied this keeps a writer out for as long as it takes to shorten a file. */
    if (cut && pages == copied)
        sqlite3_wal_checkpoint_v2(checkpoint->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, &pages, NULL);
    return copied;
}

static void *serve(void *context)
{
    struct checkpoint *checkpoint = context;
    pthread_mutex_lock(&checkpoint->lock);
    while (checkpoint->state != ENDING) {
        if (checkpoint->state == IDLE) {
            pthread_cond_wait(&checkpoint->changed, &checkpoint->lock);
            continue;
        }
        checkpoint->state = RUNNING;
        checkpoint->stale = false;
        bool cut = checkpoint->cut;
        pthread_mutex_unlock(&checkpoint->lock);
        int copied = pass(checkpoint, cut);
        pthread_mutex_lock(&checkpoint->lock);
        checkpoint->copied = copied > 0 && !checkpoint->stale ? copied : 0;
        checkpoint->pause_until_ms = copied < 0 ? now_ms() + PAUSE_MS : 0;
        if (checkpoint->state == RUNNING)
            checkpoint->state = IDLE;
        pthread_cond_broadcast(&checkpoint->changed);
    }
    pthread_mutex_unlock(&checkpoint->lock);
    sqlite3_close(checkpoint->handle);
    return NULL;
}

static bool start_thread(struct checkpoint *checkpoint)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (checkpoint->has_thread)
        return true;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    checkpoint->has_thread = pthread_create(&checkpoint->thread, &attributes, serve, checkpoint) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return checkpoint->has_thread;
}

bool checkpoint_begin(struct checkpoint *checkpoint, bool cut)
{
    if (!start_thread(checkpoint))
        return false;
    pthread_mutex_lock(&checkpoint->lock);
    bool begins = checkpoint->state == IDLE && now_ms() >= checkpoint->pause_until_ms;
    if (begins) {
        checkpoint->state = ASKED;
        checkpoint->cut = cut;
        pthread_cond_broadcast(&checkpoint->changed);
    }
    pthread_mutex_unlock(&checkpoint->lock);
    return begins;
}

bool checkpoint_is_over(struct checkpoint *checkpoint, int *copied)
{
    pthread_mutex_lock(&checkpoint->lock);
    bool over = checkpoint->state == IDLE;
    *copied = checkpoint->copied;
    pthread_mutex_unlock(&checkpoint->lock);
    return over;
}

void checkpoint_wait(struct checkpoint *checkpoint)
{
    pthread_mutex_lock(&checkpoint->lock);
    while (checkpoint->state != IDLE)
        pthread_cond_wait(&checkpoint->changed, &checkpoint->lock);
    pthread_mutex_unlock(&checkpoint->lock);
}

void checkpoint_forget(struct checkpoint *checkpoint)
{
    pthread_mutex_lock(&checkpoint->lock);
    checkpoint->copied = 0;
    checkpoint->stale = true;
    pthread_mutex_unlock(&checkpoint->lock);
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    pthread_mutex_lock(&checkpoint->lock);
    checkpoint->state = ENDING;
    pthread_cond_broadcast(&checkpoint->changed);
    pthread_mutex_unlock(&checkpoint->lock);
    if (checkpoint->has_thread)
        pthread_join(checkpoint->thread, NULL);
    pthread_mutex_destroy(&checkpoint->lock);
    pthread_cond_destroy(&checkpoint->changed);
    free(checkpoint);
}
