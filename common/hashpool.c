/* hashpool: see hashpool.h. A job has two lanes, MD5 and all the rest, so that the slowest hash has a thread for
 * itself. A lane is queued while bytes wait for it and goes to the queue's end after each turn: large files share the
 * threads. */
#include "common/hashpool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/digest.h"

enum { THREADS = 2, LANES = 2, PIECE_BYTES = 256 * 1024, TURN_BYTES = 8 * 1024 * 1024, LARGE_BYTES = 4 * 1024 * 1024 };

struct lane {
    struct hashjob *job;
    struct lane *next;
    struct digest digest;
    uint64_t at; /* what of the file it has seen */
    bool busy;   /* queued or in a thread's hands */
    bool done;
};

struct hashjob {
    struct hashpool *pool;
    struct hashjob *next_done;
    void *owner;
    uint64_t size;
    int fd;
    int error;
    bool final;
    bool dropped;
    struct lane lanes[LANES];
    size_t text_len;
    char text[DIGEST_TEXT_BYTES];
};

/* A descriptor to close. */
struct disposal {
    struct disposal *next;
    int fd;
};

struct hashpool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct lane *first;
    struct lane *last;
    struct hashjob *done;
    struct disposal *disposals;
    int event;
    bool stopping;
    size_t n_threads;
    pthread_t threads[THREADS];
};

static void enqueue(struct hashpool *pool, struct lane *lane)
{
    lane->busy = true;
    lane->next = NULL;
    if (pool->last)
        pool->last->next = lane;
    else
        pool->first = lane;
    pool->last = lane;
    pthread_cond_signal(&pool->work);
}

/* With the lock given up meanwhile. */
static void dispose_all(struct hashpool *pool)
{
    struct disposal *one;
    while ((one = pool->disposals)) {
        pool->disposals = one->next;
        pthread_mutex_unlock(&pool->lock);
        close(one->fd);
        free(one);
        pthread_mutex_lock(&pool->lock);
    }
}

static struct lane *dequeue(struct hashpool *pool)
{
    dispose_all(pool);
    while (!pool->first && !pool->stopping) {
        pthread_cond_wait(&pool->work, &pool->lock);
        dispose_all(pool);
    }
    struct lane *lane = pool->stopping ? NULL : pool->first;
    if (lane) {
        pool->first = lane->next;
        if (!pool->first)
            pool->last = NULL;
    }
    return lane;
}

static bool is_large(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size > LARGE_BYTES;
}

static void dispose(struct hashpool *pool, int fd)
{
    struct disposal *one = is_large(fd) ? malloc(sizeof *one) : NULL;
    if (!one) {
        close(fd);
        return;
    }
    *one = (struct disposal){pool->disposals, fd};
    pool->disposals = one;
    pthread_cond_signal(&pool->work);
}

static bool is_busy(const struct hashjob *job)
{
    return job->lanes[0].busy || job->lanes[1].busy;
}

static bool is_done(const struct hashjob *job)
{
    return job->lanes[0].done && job->lanes[1].done;
}

/* With the lock held: whoever frees it may be the loop. */
static void free_job(struct hashjob *job)
{
    dispose(job->pool, job->fd);
    free(job);
}

/* Hashes [lane->at, to) in pieces. Answers 0 or -errno. */
static int hash_file(struct lane *lane, uint64_t to, char *piece)
{
    while (lane->at < to) {
        size_t want = to - lane->at < PIECE_BYTES ? (size_t)(to - lane->at) : PIECE_BYTES;
        ssize_t n = pread(lane->job->fd, piece, want, (off_t)lane->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        digest_add(&lane->digest, piece, (size_t)n);
        lane->at += (uint64_t)n;
    }
    return 0;
}

/* One lane's turn with the lock given up meanwhile. */
static void take_turn(struct hashpool *pool, struct lane *lane, char *piece)
{
    struct hashjob *job = lane->job;
    uint64_t from = lane->at;
    uint64_t to = job->size - from > TURN_BYTES ? from + TURN_BYTES : job->size;
    bool ends = job->final && to == job->size;
    bool syncs = lane == &job->lanes[0];
    pthread_mutex_unlock(&pool->lock);
    int error = lane->digest.algorithms ? hash_file(lane, to, piece) : 0;
    lane->at = to;
    /* The disk begins to write early, so that the end has little to wait for. */
    if (syncs && error == 0)
        sync_file_range(job->fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
    if (syncs && ends && error == 0 && fdatasync(job->fd) != 0)
        error = -errno;
    pthread_mutex_lock(&pool->lock);
    if (error != 0)
        job->error = error;
    lane->done = error != 0 || ends;
}

static void settle(struct hashpool *pool, struct lane *lane)
{
    struct hashjob *job = lane->job;
    lane->busy = false;
    if (job->dropped) {
        if (!is_busy(job))
            free_job(job);
    } else if (lane->done && is_done(job)) {
        uint64_t one = 1;
        job->next_done = pool->done;
        pool->done = job;
        if (write(pool->event, &one, sizeof one) < 0)
            abort();
    } else if (!lane->done && (lane->at < job->size || job->final)) {
        enqueue(pool, lane);
    }
}

static void *thread_main(void *argument)
{
    struct hashpool *pool = argument;
    char *piece = malloc(PIECE_BYTES);
    if (!piece)
        abort();
    pthread_mutex_lock(&pool->lock);
    for (struct lane *lane = dequeue(pool); lane; lane = dequeue(pool)) {
        if (!lane->job->dropped)
            take_turn(pool, lane, piece);
        settle(pool, lane);
    }
    pthread_mutex_unlock(&pool->lock);
    free(piece);
    return NULL;
}

/* Signals belong to the loop's thread. */
static void start_threads(struct hashpool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->n_threads < THREADS)
        if (pthread_create(&pool->threads[pool->n_threads++], NULL, thread_main, pool) != 0)
            abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct hashpool *hashpool_open(void)
{
    struct hashpool *pool = calloc(1, sizeof *pool);
    if (!pool)
        abort();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->event < 0)
        abort();
    return pool;
}

void hashpool_close(struct hashpool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    for (struct lane *lane = pool->first, *next; lane; lane = next) {
        next = lane->next;
        settle(pool, lane);
    }
    pthread_mutex_lock(&pool->lock);
    dispose_all(pool);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->work);
    close(pool->event);
    free(pool);
}

int hashpool_fd(const struct hashpool *pool)
{
    return pool->event;
}

struct hashjob *hashpool_next(struct hashpool *pool)
{
    uint64_t count;
    pthread_mutex_lock(&pool->lock);
    struct hashjob *job = pool->done;
    if (job)
        pool->done = job->next_done;
    else if (read(pool->event, &count, sizeof count) < 0 && errno != EAGAIN)
        abort();
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; job && i < LANES; i++)
        job->text_len = digest_end(&job->lanes[i].digest, job->text, job->text_len);
    return job;
}

struct hashjob *hashpool_begin(struct hashpool *pool, int fd, unsigned algorithms, void *owner)
{
    struct hashjob *job = calloc(1, sizeof *job);
    if (!job)
        abort();
    job->pool = pool;
    job->owner = owner;
    job->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    job->lanes[0].job = job->lanes[1].job = job;
    digest_begin(&job->lanes[0].digest, algorithms & DIGEST_MD5);
    digest_begin(&job->lanes[1].digest, algorithms & ~(unsigned)DIGEST_MD5);
    if (pool->n_threads == 0)
        start_threads(pool);
    return job;
}

void hashpool_extend(struct hashjob *job, uint64_t size, bool final)
{
    struct hashpool *pool = job->pool;
    pthread_mutex_lock(&pool->lock);
    job->size = size;
    job->final = final;
    for (size_t i = 0; i < LANES; i++)
        if (!job->lanes[i].busy && !job->lanes[i].done)
            enqueue(pool, &job->lanes[i]);
    pthread_mutex_unlock(&pool->lock);
}

static void remove_done(struct hashpool *pool, const struct hashjob *job)
{
    for (struct hashjob **at = &pool->done; *at; at = &(*at)->next_done) {
        if (*at == job) {
            *at = job->next_done;
            return;
        }
    }
}

void hashpool_drop(struct hashjob *job)
{
    struct hashpool *pool = job->pool;
    pthread_mutex_lock(&pool->lock);
    job->dropped = true;
    remove_done(pool, job);
    bool idle = !is_busy(job);
    if (idle)
        free_job(job);
    pthread_mutex_unlock(&pool->lock);
}

void hashpool_dispose(struct hashpool *pool, int fd)
{
    if (pool->n_threads == 0 && is_large(fd))
        start_threads(pool);
    pthread_mutex_lock(&pool->lock);
    dispose(pool, fd);
    pthread_mutex_unlock(&pool->lock);
}

void *hashpool_owner(const struct hashjob *job)
{
    return job->owner;
}

slice hashpool_text(const struct hashjob *job, int *error)
{
    *error = job->error;
    return job->error == 0 ? (slice){job->text, job->text_len} : (slice){NULL, 0};
}
