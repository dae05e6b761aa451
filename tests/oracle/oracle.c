/* oracle: runs the codecs for oracle.py, which judges them with botocore. Commands come on standard input, answers go
 * to standard output; both are a count and that many texts, count and lengths being 32-bit numbers in network order:
 *   decode SERVICE METHOD PATH QUERY HEADERS CONTENT-TYPE BODY   → ok OPERATION JSON | bad WHY
 *   validate (the same)                                     → ok | reply… of the failure | bad WHY
 *   encode SERVICE OPERATION JSON                           → reply STATUS CONTENT-TYPE HEADERS BODY
 *   error SERVICE OPERATION ERROR MESSAGE JSON              → reply…
 *   stream SERVICE OPERATION JSON EVENT EXCEPTION MESSAGE   → ok and the bytes of that answer's stream
 *   patterns SERVICE                                        → ok and the patterns that cannot be compiled
 * What is right and wrong it leaves to oracle.py. */
#include "common/arena.h"
#include "common/buf.h"
#include "common/json.h"
#include "common/list.h"
#include "common/map.h"
#include "proto/codec.h"
#include "proto/constraint.h"
#include "proto/eventstream.h"
#include "tests/oracle/services.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define DECLARE(name) extern const struct api_service name##_api;
ORACLE_SERVICES(DECLARE)
#undef DECLARE

#define ADDRESS(name) &name##_api,
static const struct api_service *const services[] = {ORACLE_SERVICES(ADDRESS)};
#undef ADDRESS

static const slice request_id = S("01234567-89ab-cdef-0123-456789abcdef");

enum { FIELDS_MAX = 8, FIELD_BYTES_MAX = 64 * 1024 * 1024 };

struct command {
    struct arena *arena;
    slice fields[FIELDS_MAX]; /* those not sent are absent */
    const struct api_service *service;
    const struct codec *codec;
    struct slice_list answer;
};

static void give_up(const char *why)
{
    fprintf(stderr, "oracle: %s\n", why);
    exit(2);
}

static bool read_number(uint32_t *number)
{
    if (fread(number, sizeof(*number), 1, stdin) != 1)
        return false;
    *number = ntohl(*number);
    return true;
}

static bool read_command(struct command *command)
{
    uint32_t count, len;
    if (!read_number(&count))
        return false;
    if (count > FIELDS_MAX)
        give_up("too many fields");
    for (uint32_t i = 0; i < count; i++) {
        if (!read_number(&len) || len > FIELD_BYTES_MAX)
            give_up("bad length");
        /* Its own allocation, so that a sanitizer sees reads past the end. */
        char *text = arena_alloc(command->arena, len);
        if (len && fread(text, len, 1, stdin) != 1)
            give_up("cut short");
        command->fields[i] = (slice){text, len};
    }
    return true;
}

static void answer(struct command *command, slice text)
{
    *list_add(command->arena, &command->answer) = text;
}

static void write_number(size_t number)
{
    uint32_t wire = htonl((uint32_t)number);
    fwrite(&wire, sizeof(wire), 1, stdout);
}

static void write_answer(const struct command *command)
{
    write_number(command->answer.len);
    list_foreach (text, &command->answer) {
        write_number(text->len);
        fwrite(text->ptr ? text->ptr : "", 1, text->len, stdout);
    }
    fflush(stdout);
}

static void answer_bad(struct command *command, slice why)
{
    answer(command, S("bad"));
    answer(command, why);
}

static void answer_reply(struct command *command, const struct msg *reply)
{
    answer(command, S("reply"));
    answer(command, arena_printf(command->arena, "%u", reply->status));
    answer(command, reply->content_type);
    answer(command, reply->headers);
    answer(command, reply->body);
}

/* Decodes the HTTP request of a command; NULL when that fails, which is answered. */
static const struct api_operation *decode(struct command *command, void **in)
{
    struct msg request = {.kind = MSG_REQUEST,
                          .method = command->fields[2],
                          .path = command->fields[3],
                          .query = command->fields[4],
                          .headers = command->fields[5],
                          .content_type = command->fields[6],
                          .body = command->fields[7]};
    slice name, why = S("");
    const struct api_operation *operation =
        command->codec->operation(command->arena, command->service, &request, &name);
    if (!operation) {
        answer_bad(command, arena_concat(command->arena, S("unknown operation "), name));
        return NULL;
    }
    *in = arena_alloc(command->arena, operation->in ? operation->in->size : 0);
    if (command->codec->decode(command->arena, command->service, operation, &request, *in, &why) == 0)
        return operation;
    answer_bad(command, why);
    return NULL;
}

static void run_decode(struct command *command)
{
    void *in;
    const struct api_operation *operation = decode(command, &in);
    if (!operation)
        return;
    slice json = S("{}");
    if (operation->in) {
        void *copy = arena_alloc(command->arena, operation->in->size);
        api_copy(command->arena, operation->in, in, copy);
        json = api_to_json(command->arena, operation->in, in);
        if (!slice_eq(json, api_to_json(command->arena, operation->in, copy))) {
            answer_bad(command, S("a copy differs"));
            return;
        }
    }
    answer(command, S("ok"));
    answer(command, operation->name);
    answer(command, json);
}

static void run_validate(struct command *command)
{
    void *in;
    struct violation_list violations = {0};
    struct msg reply = {.kind = MSG_REPLY};
    const struct api_operation *operation = decode(command, &in);
    if (!operation)
        return;
    codec_validate(command->arena, command->service, operation->in, in, &violations);
    if (violations.len == 0) {
        answer(command, S("ok"));
        return;
    }
    struct codec_failure failure = codec_violations_failure(command->arena, command->service, &violations);
    command->codec->encode_error(command->arena, command->service, operation, request_id, &failure, &reply);
    answer_reply(command, &reply);
}

static const struct api_operation *operation_of(struct command *command)
{
    const struct api_operation *operation = api_find_operation(command->service, command->fields[2]);
    if (!operation)
        answer_bad(command, S("unknown operation"));
    return operation;
}

static void run_encode(struct command *command)
{
    struct msg reply = {.kind = MSG_REPLY};
    const struct api_operation *operation = operation_of(command);
    if (!operation)
        return;
    void *out = arena_alloc(command->arena, operation->out ? operation->out->size : 0);
    if (operation->out && api_from_json(command->arena, operation->out, command->fields[3], out) != 0) {
        answer_bad(command, S("the JSON form cannot be read"));
        return;
    }
    command->codec->encode(command->arena, command->service, operation, request_id, out, &reply);
    answer_reply(command, &reply);
}

static void run_error(struct command *command)
{
    struct msg reply = {.kind = MSG_REPLY};
    struct codec_failure failure = {.message = command->fields[4]};
    struct val extra;
    slice why;
    const struct api_operation *operation = operation_of(command);
    if (!operation)
        return;
    for (size_t i = 0; i < command->service->n_errors; i++) {
        if (slice_eq(command->service->errors[i]->name, command->fields[3]))
            failure.error = command->service->errors[i];
    }
    if (!failure.error || json_parse(command->arena, command->fields[5], &extra, &why) != 0) {
        answer_bad(command, S("unknown error, or extra members that cannot be read"));
        return;
    }
    failure.extra = &extra;
    command->codec->encode_error(command->arena, command->service, operation, request_id, &failure, &reply);
    answer_reply(command, &reply);
}

/* The members of an answer that are beside its stream, an event (the JSON form of the stream with one member), and an
 * error at the end. */
static void run_stream(struct command *command)
{
    const struct api_operation *operation = operation_of(command);
    const struct api_shape *shape = NULL;
    struct buf stream;
    if (!operation)
        return;
    for (size_t i = 0; i < operation->out->n_members; i++) {
        if (operation->out->members[i].shape->flags & API_EVENTSTREAM)
            shape = operation->out->members[i].shape;
    }
    void *out = arena_alloc(command->arena, operation->out->size);
    void *event = arena_alloc(command->arena, shape ? shape->size : 0);
    if (!shape || api_from_json(command->arena, operation->out, command->fields[3], out) != 0 ||
        api_from_json(command->arena, shape, command->fields[4], event) != 0) {
        answer_bad(command, S("no stream, or the JSON forms cannot be read"));
        return;
    }
    buf_init(&stream, command->arena);
    eventstream_initial(command->arena, &stream, operation, out);
    eventstream_event(command->arena, &stream, command->service, shape, event);
    eventstream_failure(command->arena, &stream, shape, command->fields[5], command->fields[6]);
    answer(command, S("ok"));
    answer(command, buf_slice(&stream));
}

static void collect_patterns(struct command *command, const struct api_shape *shape, struct map *seen)
{
    if (!shape || map_get(seen, shape->name))
        return;
    map_set(seen, shape->name, command);
    if (shape->constraint && shape->constraint->pattern.ptr && !constraint_readable(shape->constraint->pattern))
        answer(command, shape->constraint->pattern);
    for (size_t i = 0; i < shape->n_members; i++)
        collect_patterns(command, shape->members[i].shape, seen);
}

static void run_patterns(struct command *command)
{
    struct map *seen = map_open();
    answer(command, S("ok"));
    for (size_t i = 0; i < command->service->n_operations; i++) {
        collect_patterns(command, command->service->operations[i].in, seen);
        collect_patterns(command, command->service->operations[i].out, seen);
    }
    map_close(seen);
}

static void run(struct command *command)
{
    static const struct {
        slice word;
        void (*run)(struct command *command);
    } kinds[] = {{S("decode"), run_decode}, {S("validate"), run_validate}, {S("encode"), run_encode},
                 {S("error"), run_error},   {S("stream"), run_stream},     {S("patterns"), run_patterns}};
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
        if (slice_eq(services[i]->name, command->fields[1]))
            command->service = services[i];
    }
    command->codec = command->service ? codec_for(command->service->protocol) : NULL;
    if (!command->codec) {
        answer_bad(command, S("unknown service, or its protocol has no codec"));
        return;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (slice_eq(kinds[i].word, command->fields[0])) {
            kinds[i].run(command);
            return;
        }
    }
    give_up("unknown command");
}

int main(void)
{
    bool more = true;
    while (more) {
        struct command command = {.arena = arena_open()};
        more = read_command(&command);
        if (more) {
            run(&command);
            write_answer(&command);
        }
        arena_close(command.arena);
    }
    return 0;
}
