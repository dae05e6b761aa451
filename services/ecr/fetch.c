/* fetch: see fetch.h. */
#include "services/ecr/fetch.h"

#include "common/base64.h"
#include "common/buf.h"
#include "common/fdio.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/loop_watch.h"
#include "services/worker/await.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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
    F(curl_multi_setopt)                                                                                               \
    F(curl_multi_add_handle)                                                                                           \
    F(curl_multi_assign)                                                                                               \
    F(curl_multi_remove_handle)                                                                                        \
    F(curl_multi_socket_action)                                                                                        \
    F(curl_multi_info_read)

/* curl.h wraps the functions with variable arguments in macros that only compilers' warnings need. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

static struct library {
#define MEMBER(name) __typeof__(&name) name;
    CURL_FUNCTIONS(MEMBER)
#undef MEMBER
    CURLM *multi;
    struct ev_loop *loop;
    ev_timer timer;
} * curl; /* the process's; NULL until it is needed */

struct transfer {
    struct await *await;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    slice challenge;
    int fd; /* of the body's file, or -1 */
    int error;
    char reason[CURL_ERROR_SIZE];
};

struct watch {
    ev_io io;
    curl_socket_t socket;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    slice part = {bytes, size * count};
    long status = 0;
    curl->curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->fd >= 0 && status == 200) {
        transfer->error = fdio_write_all(transfer->fd, part);
        return transfer->error == 0 ? part.len : 0;
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
        transfer->challenge = slice_dup(transfer->await->arena, slice_trim(value));
    return line.len;
}

/* The outcome as text: await hands on nothing else. */
static slice outcome(struct transfer *transfer, CURLcode code)
{
    struct json_writer *w = json_writer_open(transfer->await->arena);
    long status = 0;
    const char *type = NULL;
    curl->curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl->curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    json_object_begin(w);
    json_key(w, S("status"));
    json_int(w, code == CURLE_OK ? status : 0);
    json_key(w, S("type"));
    json_string(w, slice_of(type));
    json_key(w, S("challenge"));
    json_string(w, transfer->challenge);
    json_key(w, S("body"));
    json_blob(w, buf_slice(&transfer->body));
    json_key(w, S("why"));
    json_string(w, slice_of(transfer->reason[0] ? transfer->reason : curl->curl_easy_strerror(code)));
    json_object_end(w);
    return json_writer_close(w);
}

static void finish(struct transfer *transfer, CURLcode code)
{
    struct await *await = transfer->await;
    await->output = outcome(transfer, code);
    curl->curl_multi_remove_handle(curl->multi, transfer->easy);
    curl->curl_easy_cleanup(transfer->easy);
    curl->curl_slist_free_all(transfer->headers);
    fdio_cleanup(&transfer->fd);
    free(transfer);
    await_done(await, 0);
}

static void finish_all(void)
{
    int left;
    CURLMsg *message;
    while ((message = curl->curl_multi_info_read(curl->multi, &left))) {
        void *transfer = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl->curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(transfer, code);
    }
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct watch *watch = (struct watch *)io;
    int action = (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0), running;
    (void)loop;
    curl->curl_multi_socket_action(curl->multi, watch->socket, action, &running);
    finish_all();
    loop_watch_did(S("fetching from a registry"));
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    int running;
    (void)loop;
    (void)timer;
    (void)events;
    curl->curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_all();
    loop_watch_did(S("fetching from a registry"));
}

static int on_watch(CURL *easy, curl_socket_t socket, int what, void *context, void *known)
{
    struct watch *watch = known;
    (void)easy;
    (void)context;
    if (watch)
        ev_io_stop(curl->loop, &watch->io);
    if (what == CURL_POLL_REMOVE) {
        free(watch);
        return 0;
    }
    if (!watch && !(watch = calloc(1, sizeof(*watch))))
        abort();
    watch->socket = socket;
    ev_io_init(&watch->io, on_io, socket, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(curl->loop, &watch->io);
    return curl->curl_multi_assign(curl->multi, socket, watch) == CURLM_OK ? 0 : -1;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    (void)context;
    ev_timer_stop(curl->loop, &curl->timer);
    if (timeout_ms >= 0) {
        ev_timer_set(&curl->timer, (double)timeout_ms / 1000, 0);
        ev_timer_start(curl->loop, &curl->timer);
    }
    return 0;
}

static bool load(struct ev_loop *loop)
{
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    struct library *library = calloc(1, sizeof(*library));
    if (!library)
        abort();
    bool complete = handle != NULL;
#define FIND(name) complete = complete && (*(void **)&library->name = dlsym(handle, #name)) != NULL;
    CURL_FUNCTIONS(FIND)
#undef FIND
    if (!complete || library->curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !(library->multi = library->curl_multi_init())) {
        free(library);
        return false;
    }
    curl = library;
    curl->loop = loop;
    ev_init(&curl->timer, on_timer);
    curl->curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
    curl->curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    return true;
}

static void add_header(struct transfer *transfer, const char *name, slice value)
{
    if (value.len > 0)
        transfer->headers = curl->curl_slist_append(
            transfer->headers, arena_printf(transfer->await->arena, "%s: %.*s", name, SLICE_ARG(value)).ptr);
}

/* curl itself keeps the Authorization header from other hosts that a redirect leads to. */
static void set_up(struct transfer *transfer, const char *url)
{
    CURL *easy = transfer->easy;
    curl->curl_easy_setopt(easy, CURLOPT_URL, url);
    curl->curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl->curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl->curl_easy_setopt(easy, CURLOPT_MAXREDIRS, max_redirects);
    curl->curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    curl->curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl->curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stalled_seconds);
    curl->curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->curl_easy_setopt(easy, CURLOPT_USERAGENT, "awssim");
    curl->curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl->curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl->curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl->curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

static void fail_at_once(struct await *await, slice why)
{
    await->output = arena_concat(await->arena, S("!"), why);
    await->result = 0;
    await->done = true;
}

/* input: address, authorization, accept, file; one a line. */
static void begin(struct await *await)
{
    slice url, authorization, accept, file;
    if (!await->loop || (!curl && !load(await->loop))) {
        fail_at_once(await, S("libcurl.so.4 cannot be loaded"));
        return;
    }
    slice_cut(await->input, '\n', &url, &authorization);
    slice_cut(authorization, '\n', &authorization, &accept);
    slice_cut(accept, '\n', &accept, &file);
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (!transfer)
        abort();
    transfer->await = await;
    transfer->fd = -1;
    buf_init(&transfer->body, await->arena);
    if (file.len > 0)
        transfer->fd = open(slice_cstr(await->arena, file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    transfer->easy = curl->curl_easy_init();
    add_header(transfer, "Authorization", authorization);
    add_header(transfer, "Accept", accept);
    set_up(transfer, slice_cstr(await->arena, url));
    curl->curl_multi_add_handle(curl->multi, transfer->easy);
}

static void read_outcome(struct call *c, slice text, struct fetch_reply *reply)
{
    struct val value;
    slice why;
    if (slice_starts(text, S("!")) || json_parse(c->arena, text, &value, &why) != 0) {
        reply->why = slice_sub(text, 1, text.len);
        return;
    }
    reply->status = val_get_int(&value, S("status"), 0);
    reply->content_type = val_get_string(&value, S("type"));
    reply->challenge = val_get_string(&value, S("challenge"));
    reply->why = val_get_string(&value, S("why"));
    base64_decode(c->arena, val_get_string(&value, S("body")), &reply->body);
}

int fetch_get(struct call *c, const struct fetch_request *request, struct fetch_reply *reply)
{
    slice output;
    *reply = (struct fetch_reply){.why = S("")};
    slice input = arena_printf(c->arena, "%.*s\n%.*s\n%.*s\n%.*s", SLICE_ARG(request->url),
                               SLICE_ARG(request->authorization), SLICE_ARG(request->accept), SLICE_ARG(request->file));
    TRY(await_call(c, input, begin, input, &output));
    read_outcome(c, output, reply);
    return reply->status > 0 ? 0 : NOT_FOUND;
}
