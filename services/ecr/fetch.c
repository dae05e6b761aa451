/* fetch: see fetch.h. */
#include "services/ecr/fetch.h"

#include "common/buf.h"
#include "common/fdio.h"
#include "common/limits.h"
#include "common/loop_watch.h"
#include "services/worker/await.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_WAIT_MS = 1000 * 1000 };

static const long connect_timeout_ms = 10000, stalled_seconds = 30, max_redirects = 5;

/* The library's functions, by name. */
#define CURL_FUNCTIONS(F)                                                                                              \
    F(curl_global_init)                                                                                                \
    F(curl_easy_init)                                                                                                  \
    F(curl_easy_setopt)                                                                                                \
    F(curl_easy_getinfo)                                                                                               \
    F(curl_easy_cleanup)                                                                                               \
    F(curl_easy_strerror)                                                                                              \
    F(curl_slist_append)                                                                                               \
    F(curl_slist_free_all)                                                                                             \
    F(curl_multi_init)                                                                                                 \
    F(curl_multi_add_handle)                                                                                           \
    F(curl_multi_remove_handle)                                                                                        \
    F(curl_multi_perform)                                                                                              \
    F(curl_multi_poll)                                                                                                 \
    F(curl_multi_wakeup)                                                                                               \
    F(curl_multi_info_read)

/* curl.h wraps the functions with variable arguments in macros that only compilers' warnings need. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

static struct library {
#define MEMBER(name) __typeof__(&name) name;
    CURL_FUNCTIONS(MEMBER)
#undef MEMBER
} curl; /* the thread's */

struct transfer {
    struct transfer *next;
    struct await *await; /* the loop's; the thread only carries it */
    struct arena *arena;
    const char *url;
    slice authorization, accept;
    const char *file; /* NULL: the body is kept */
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    slice challenge;
    slice outcome;
    int fd; /* of the file, or -1 */
    char reason[CURL_ERROR_SIZE];
};

/* The thread that speaks with other registries, and what it shares with the loop. */
static struct fetcher {
    struct ev_loop *loop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct transfer *waiting; /* oldest first */
    struct transfer *over;
    bool ends;
    CURLM *multi; /* NULL until the library is there */
    ev_async woken;
} * fetcher; /* the process's; NULL until it is needed */

static void append(struct transfer **list, struct transfer *transfer)
{
    while (*list)
        list = &(*list)->next;
    transfer->next = NULL;
    *list = transfer;
}

/* On the thread */

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    slice part = {bytes, size * count};
    long status = 0;
    curl.curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->file && status == 200) {
        int result = transfer->fd < 0 ? transfer->fd : fdio_write_all(transfer->fd, part);
        if (result != 0)
            snprintf(transfer->reason, sizeof(transfer->reason), "%s: %s", transfer->file, strerror(-result));
        return result == 0 ? part.len : 0;
    }
    if (transfer->body.len + part.len > LIMIT_MANIFEST_BYTES)
        return 0;
    buf_add(&transfer->body, part);
    return part.len;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    slice line = {bytes, size * count}, name, value;
    if (slice_cut(line, ':', &name, &value) && slice_eq_nocase(name, S("www-authenticate")))
        transfer->challenge = slice_dup(transfer->arena, slice_trim(value));
    return line.len;
}

/* Status, media type, challenge and reason on a line each, the body behind them. None of them has line breaks: headers
 * cannot, and a reason ends where it had one. */
static void set_outcome(struct transfer *transfer, long status, const char *type, slice why)
{
    slice body = buf_slice(&transfer->body);
    struct buf text;
    buf_init(&text, transfer->arena);
    buf_printf(&text, "%ld\n%s\n%.*s\n%.*s\n", status, type ? type : "", SLICE_ARG(transfer->challenge),
               SLICE_ARG(slice_sub(why, 0, slice_index(why, '\n'))));
    buf_add(&text, body);
    transfer->outcome = buf_slice(&text);
}

static void hand_back(struct transfer *transfer)
{
    pthread_mutex_lock(&fetcher->lock);
    append(&fetcher->over, transfer);
    pthread_mutex_unlock(&fetcher->lock);
    ev_async_send(fetcher->loop, &fetcher->woken);
}

static void finish(struct transfer *transfer, CURLcode code)
{
    long status = 0;
    const char *type = NULL;
    curl.curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl.curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    slice why = slice_of(transfer->reason[0] ? transfer->reason : curl.curl_easy_strerror(code));
    set_outcome(transfer, code == CURLE_OK ? status : 0, type, why);
    curl.curl_multi_remove_handle(fetcher->multi, transfer->easy);
    curl.curl_easy_cleanup(transfer->easy);
    curl.curl_slist_free_all(transfer->headers);
    fdio_cleanup(&transfer->fd);
    hand_back(transfer);
}

static void finish_all(void)
{
    int left;
    CURLMsg *message;
    while ((message = curl.curl_multi_info_read(fetcher->multi, &left))) {
        void *transfer = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl.curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(transfer, code);
    }
}

static CURLM *load(void)
{
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    bool complete = handle != NULL;
#define FIND(name) complete = complete && (*(void **)&curl.name = dlsym(handle, #name)) != NULL;
    CURL_FUNCTIONS(FIND)
#undef FIND
    return complete && curl.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl.curl_multi_init() : NULL;
}

static void add_header(struct transfer *transfer, const char *name, slice value)
{
    if (value.len > 0)
        transfer->headers = curl.curl_slist_append(
            transfer->headers, arena_printf(transfer->arena, "%s: %.*s", name, SLICE_ARG(value)).ptr);
}

/* curl itself keeps the Authorization header from other hosts that a redirect leads to. */
static void set_up(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    curl.curl_easy_setopt(easy, CURLOPT_URL, transfer->url);
    curl.curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl.curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl.curl_easy_setopt(easy, CURLOPT_MAXREDIRS, max_redirects);
    curl.curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    curl.curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl.curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stalled_seconds);
    curl.curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl.curl_easy_setopt(easy, CURLOPT_USERAGENT, "awssim");
    curl.curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl.curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl.curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl.curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl.curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

static void start(struct transfer *transfer)
{
    if (!fetcher->multi) {
        set_outcome(transfer, 0, NULL, S("libcurl.so.4 cannot be loaded"));
        hand_back(transfer);
        return;
    }
    if (transfer->file && (transfer->fd = open(transfer->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
        transfer->fd = -errno;
    transfer->easy = curl.curl_easy_init();
    add_header(transfer, "Authorization", transfer->authorization);
    add_header(transfer, "Accept", transfer->accept);
    set_up(transfer);
    curl.curl_multi_add_handle(fetcher->multi, transfer->easy);
}

/* What has come meanwhile. With nothing under way it waits for something. False: it is to end. */
static bool take(int under_way, struct transfer **taken)
{
    pthread_mutex_lock(&fetcher->lock);
    while (!fetcher->waiting && !fetcher->ends && under_way == 0)
        pthread_cond_wait(&fetcher->changed, &fetcher->lock);
    *taken = fetcher->waiting;
    fetcher->waiting = NULL;
    bool goes_on = !fetcher->ends;
    pthread_mutex_unlock(&fetcher->lock);
    return goes_on;
}

/* Between taking and waiting a wake-up is not lost: curl keeps it. */
static void *serve(void *context)
{
    struct transfer *transfer;
    int under_way = 0;
    CURLM *multi = load();
    pthread_mutex_lock(&fetcher->lock);
    fetcher->multi = multi;
    pthread_mutex_unlock(&fetcher->lock);
    while (take(under_way, &transfer)) {
        for (struct transfer *next; transfer; transfer = next) {
            next = transfer->next;
            start(transfer);
        }
        if (!multi)
            continue;
        curl.curl_multi_perform(multi, &under_way);
        finish_all();
        if (under_way > 0)
            curl.curl_multi_poll(multi, NULL, 0, LONGEST_WAIT_MS, NULL);
    }
    return context;
}

/* In the loop */

static void on_woken(struct ev_loop *loop, ev_async *woken, int events)
{
    pthread_mutex_lock(&fetcher->lock);
    struct transfer *transfer = fetcher->over;
    fetcher->over = NULL;
    pthread_mutex_unlock(&fetcher->lock);
    for (struct transfer *next; transfer; transfer = next) {
        next = transfer->next;
        struct await *await = transfer->await;
        await->output = slice_dup(await->arena, transfer->outcome);
        arena_close(transfer->arena);
        await_done(await, 0);
    }
    loop_watch_did(S("what was fetched from a registry"));
}

static void open_fetcher(struct ev_loop *loop)
{
    sigset_t all, before;
    fetcher = calloc(1, sizeof(*fetcher));
    if (!fetcher)
        abort();
    fetcher->loop = loop;
    pthread_mutex_init(&fetcher->lock, NULL);
    pthread_cond_init(&fetcher->changed, NULL);
    ev_async_init(&fetcher->woken, on_woken);
    ev_async_start(loop, &fetcher->woken);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&fetcher->thread, NULL, serve, NULL) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wake_thread(void)
{
    pthread_cond_signal(&fetcher->changed);
    if (fetcher->multi)
        curl.curl_multi_wakeup(fetcher->multi);
}

void fetch_close(void *opened)
{
    if (!fetcher)
        return;
    pthread_mutex_lock(&fetcher->lock);
    fetcher->ends = true;
    wake_thread();
    pthread_mutex_unlock(&fetcher->lock);
    pthread_join(fetcher->thread, NULL);
    ev_async_stop(fetcher->loop, &fetcher->woken);
}

/* There is nothing to fetch yet. */
void *fetch_open(struct worker *worker, struct ev_loop *loop, const struct conf *conf)
{
    return NULL;
}

static struct transfer *new_transfer(struct await *await)
{
    slice url, authorization, accept, file;
    struct arena *arena = arena_open();
    struct transfer *transfer = arena_alloc(arena, sizeof(*transfer));
    slice_cut(slice_dup(arena, await->input), '\n', &url, &authorization);
    slice_cut(authorization, '\n', &authorization, &accept);
    slice_cut(accept, '\n', &accept, &file);
    *transfer = (struct transfer){
        .await = await,
        .arena = arena,
        .url = slice_cstr(arena, url),
        .authorization = authorization,
        .accept = accept,
        .file = file.len > 0 ? slice_cstr(arena, file) : NULL,
        .fd = -1,
    };
    buf_init(&transfer->body, arena);
    if (transfer->file)
        await->file = slice_cstr(await->arena, file);
    return transfer;
}

/* input: address, authorization, accept, file; one a line. */
static void begin(struct await *await)
{
    if (!await->loop) {
        await->output = S("0\n\n\nthere is no loop\n");
        await->result = 0;
        await->done = true;
        return;
    }
    if (!fetcher)
        open_fetcher(await->loop);
    pthread_mutex_lock(&fetcher->lock);
    append(&fetcher->waiting, new_transfer(await));
    wake_thread();
    pthread_mutex_unlock(&fetcher->lock);
}

static void read_outcome(slice text, struct fetch_reply *reply)
{
    slice status;
    slice_cut(text, '\n', &status, &text);
    slice_cut(text, '\n', &reply->content_type, &text);
    slice_cut(text, '\n', &reply->challenge, &text);
    slice_cut(text, '\n', &reply->why, &reply->body);
    slice_to_int64(status, &reply->status);
}

int fetch_get(struct call *c, const struct fetch_request *request, struct fetch_reply *reply)
{
    slice output;
    *reply = (struct fetch_reply){.why = S("")};
    slice input = arena_printf(c->arena, "%.*s\n%.*s\n%.*s\n%.*s", SLICE_ARG(request->url),
                               SLICE_ARG(request->authorization), SLICE_ARG(request->accept), SLICE_ARG(request->file));
    TRY(await_call(c, input, begin, input, &output));
    read_outcome(output, reply);
    return reply->status > 0 ? 0 : NOT_FOUND;
}
