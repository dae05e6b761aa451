/* work: the helper thread of await_work: started when there is first something to do, one piece of work at a time. */
#include "services/worker/impl.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct piece {
    struct piece *next;
    struct await *await;
    await_work_fn *run;
    int result;
};

struct work {
    struct ev_loop *loop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct piece *waiting; /* oldest first */
    struct piece *over;
    bool ends;
    ev_async woken;
};

static void append(struct piece **list, struct piece *piece)
{
    while (*list)
        list = &(*list)->next;
    piece->next = NULL;
    *list = piece;
}

static struct piece *take_waiting(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    while (!work->waiting && !work->ends)
        pthread_cond_wait(&work->changed, &work->lock);
    struct piece *piece = work->ends ? NULL : work->waiting;
    if (piece)
        work->waiting = piece->next;
    pthread_mutex_unlock(&work->lock);
    return piece;
}

static void *serve(void *context)
{
    struct work *work = context;
    for (struct piece *piece; (piece = take_waiting(work));) {
        piece->result = piece->run(piece->await);
        pthread_mutex_lock(&work->lock);
        append(&work->over, piece);
        pthread_mutex_unlock(&work->lock);
        ev_async_send(work->loop, &work->woken);
    }
    return NULL;
}

static void on_woken(struct ev_loop *loop, ev_async *woken, int events)
{
    struct work *work = woken->data;
    (void)loop;
    (void)events;
    pthread_mutex_lock(&work->lock);
    struct piece *piece = work->over;
    work->over = NULL;
    pthread_mutex_unlock(&work->lock);
    while (piece) {
        struct piece *next = piece->next;
        await_done(piece->await, piece->result);
        free(piece);
        piece = next;
    }
}

static struct work *open_work(struct worker *worker)
{
    struct work *work = calloc(1, sizeof(*work));
    sigset_t all, before;
    if (!work)
        abort();
    work->loop = worker->loop;
    pthread_mutex_init(&work->lock, NULL);
    pthread_cond_init(&work->changed, NULL);
    ev_async_init(&work->woken, on_woken);
    work->woken.data = work;
    ev_async_start(worker->loop, &work->woken);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&work->thread, NULL, serve, work) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return work;
}

void work_add(struct await *await, await_work_fn *run)
{
    struct worker *worker = await->worker;
    struct piece *piece = calloc(1, sizeof(*piece));
    if (!piece)
        abort();
    if (!worker->work)
        worker->work = open_work(worker);
    piece->await = await;
    piece->run = run;
    pthread_mutex_lock(&worker->work->lock);
    append(&worker->work->waiting, piece);
    pthread_cond_signal(&worker->work->changed);
    pthread_mutex_unlock(&worker->work->lock);
}

static void drop(struct piece *piece)
{
    while (piece) {
        struct piece *next = piece->next;
        await_free(piece->await);
        free(piece);
        piece = next;
    }
}

void work_close(struct work *work)
{
    if (!work)
        return;
    pthread_mutex_lock(&work->lock);
    work->ends = true;
    pthread_cond_signal(&work->changed);
    pthread_mutex_unlock(&work->lock);
    pthread_join(work->thread, NULL);
    ev_async_stop(work->loop, &work->woken);
    drop(work->waiting);
    drop(work->over);
    pthread_cond_destroy(&work->changed);
    pthread_mutex_destroy(&work->lock);
    free(work);
}
