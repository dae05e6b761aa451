/* response: what a function streams, as a file that grows in the spool folder while the router sends it on
 * (MSG_FLAG_GROWING): the bytes themselves, or events around them. */
#include "runner/functions/functions.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/fdio.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/time.h"
#include "proto/eventmessage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 40, MAX_PRELUDE_BYTES = 64 * 1024, UNCLAIMED_MS = 60000 };

static const char prefix[] = "stream-";
static const slice prelude_end = {"\0\0\0\0\0\0\0\0", 8};

struct response {
    int fd;
    char name[NAME_BYTES];
    const char *path; /* of it */
    bool events;      /* the file is a stream of events */
    bool told;        /* the lambda worker knows the file */
    slice type;       /* of the content */
    int64_t n_bytes;  /* of the function */
    struct buf start; /* the function's document in front of the body, while it is incomplete */
    struct buf out;   /* an event being made */
};

/* The router takes a file's name away when it opens it: what still has one after a while was for a client that left. */
static void sweep(const char *spool)
{
    DIR *entries = opendir(spool);
    struct stat st;
    if (!entries)
        return;
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0 &&
            fstatat(dirfd(entries), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (int64_t)st.st_mtim.tv_sec * 1000 < time_now_ms() - UNCLAIMED_MS)
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
}

/* A new file, locked for as long as it is open. Answers 0 or -errno. */
static int make_file(struct response *response, const struct runner *runner, struct arena *arena)
{
    const char *spool = arena_printf(arena, "%.*s/spool", SLICE_ARG(runner->root_dir)).ptr;
    int result = fdio_mkdirs(spool, 0700);
    if (result != 0)
        return result;
    sweep(spool);
    snprintf(response->name, NAME_BYTES, "%s%.*s", prefix, SLICE_ARG(ids_hex(arena, 32)));
    response->path = arena_printf(arena, "%s/%s", spool, response->name).ptr;
    response->fd = open(response->path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (response->fd >= 0 && flock(response->fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    result = -errno;
    fdio_cleanup(&response->fd);
    return result;
}

static void tell(struct invocation *invocation, slice document)
{
    struct response *response = invocation->response;
    response->told = true;
    pool_answer_stream(invocation, slice_of(response->name), response->type, document);
}

bool response_begin(struct invocation *invocation, slice content_type)
{
    const struct runner *runner = invocation->blueprint->functions->runner;
    struct response *response;
    if (!invocation->streams.ptr || invocation->response)
        return false;
    response = arena_alloc(invocation->arena, sizeof(*response));
    int made = make_file(response, runner, invocation->arena);
    if (made != 0) {
        log_error("cannot make a file for a streamed response: %s", strerror(-made));
        return false;
    }
    response->events = slice_eq(invocation->streams, S("events"));
    response->type = slice_dup(invocation->arena, content_type);
    invocation->response = response;
    if (response->events || !slice_starts(content_type, S("application/vnd.awslambda.http-integration-response")))
        tell(invocation, S(""));
    return true;
}

static int add_event(struct response *response, const char *type, slice content_type, slice payload)
{
    struct buf headers = {0};
    buf_clear(&response->out);
    eventmessage_event_headers(&headers, slice_of(type), content_type);
    eventmessage_add(&response->out, buf_slice(&headers), payload);
    buf_deinit(&headers);
    return fdio_write_all(response->fd, buf_slice(&response->out));
}

/* The document in front is the answer's head: with it the answer begins. Without its end it is no document. */
static int add_start(struct invocation *invocation, slice bytes)
{
    struct response *response = invocation->response;
    buf_add(&response->start, bytes);
    slice start = buf_slice(&response->start);
    ssize_t end = slice_find(start, prelude_end);
    if (end < 0 && start.len < MAX_PRELUDE_BYTES)
        return 0;
    size_t length = end < 0 ? 0 : (size_t)end;
    tell(invocation, slice_sub(start, 0, length));
    return fdio_write_all(response->fd, slice_sub(start, end < 0 ? 0 : length + prelude_end.len, start.len));
}

int response_add(struct invocation *invocation, slice bytes)
{
    struct response *response = invocation->response;
    response->n_bytes += (int64_t)bytes.len;
    if (response->n_bytes > LIMIT_LAMBDA_STREAM_BYTES)
        return RESPONSE_TOO_LARGE;
    if (!response->told)
        return add_start(invocation, bytes);
    if (response->events)
        return add_event(response, "PayloadChunk", S("application/octet-stream"), bytes);
    return fdio_write_all(response->fd, bytes);
}

static slice complete_document(struct arena *arena, const struct invocation *invocation, slice error, slice payload,
                               slice tail)
{
    struct val document = val_object(), said;
    slice why;
    if (error.len > 0) {
        bool known = json_parse(arena, payload, &said, &why) == 0 && val_get_string(&said, S("errorType")).ptr;
        val_set(arena, &document, S("ErrorCode"), val_string(known ? val_get_string(&said, S("errorType")) : error));
        val_set(arena, &document, S("ErrorDetails"), val_string(payload));
    }
    if (invocation->wants_tail)
        val_set(arena, &document, S("LogResult"), val_string(base64_encode(arena, tail)));
    return json_text(arena, &document);
}

bool response_is_told(const struct invocation *invocation)
{
    return invocation->response && invocation->response->told;
}

slice response_untold(const struct invocation *invocation, slice *content_type)
{
    *content_type = invocation->response->type;
    return buf_slice(&invocation->response->start);
}

void response_end(struct invocation *invocation, slice error, slice payload, slice tail)
{
    struct response *response = invocation->response;
    struct arena *arena = arena_open();
    bool whole = error.len == 0;
    if (response->events)
        whole = add_event(response, "InvokeComplete", S("application/json"),
                          complete_document(arena, invocation, error, payload, tail)) == 0;
    if (whole && fchmod(response->fd, 0400) != 0)
        log_error("cannot end a streamed response: %s", strerror(errno));
    arena_close(arena);
    response_drop(invocation);
}

void response_drop(struct invocation *invocation)
{
    struct response *response = invocation->response;
    if (!response)
        return;
    invocation->response = NULL;
    if (!response->told)
        unlink(response->path);
    fdio_cleanup(&response->fd);
    buf_deinit(&response->start);
    buf_deinit(&response->out);
}
