/* rest: see rest.h. */
#include "proto/rest.h"

#include "common/buf.h"
#include "common/err.h"
#include "common/uri.h"
#include "proto/walk.h"

/* What each agreement is worth: more literals in the path win before anything else. */
enum { SCORE_SEGMENT = 1000, SCORE_QUERY = 100, SCORE_MEMBER = 10, SCORE_MISSING = -11, SCORE_NONE = -1000000 };

static slice without_last_slash(slice path)
{
    return path.len > 1 && path.ptr[path.len - 1] == '/' ? slice_sub(path, 0, path.len - 1) : path;
}

static bool is_label(slice segment)
{
    return segment.len > 2 && segment.ptr[0] == '{';
}

static bool is_greedy(slice segment)
{
    return segment.ptr[segment.len - 2] == '+';
}

static slice label_name(slice segment)
{
    return slice_sub(segment, 1, segment.len - (is_greedy(segment) ? 2 : 1));
}

/* Walks template and path side by side; labels receives (name, raw value) when not NULL. Answers the number of literal
 * segments, or -1 when they do not fit. */
static int match_path(struct arena *arena, slice template, slice path, struct pair_list *labels)
{
    int literals = 0;
    template = without_last_slash(template);
    path = slice_sub(path, path.len > 0, path.len);
    for (template = slice_sub(template, 1, template.len); template.ptr;) {
        slice wanted, given;
        slice_cut(template, '/', &wanted, &template);
        if (is_label(wanted) && is_greedy(wanted)) {
            given = path;
            path = (slice){NULL, 0};
        } else if (!path.ptr) {
            return -1;
        } else {
            slice_cut(path, '/', &given, &path);
        }
        if (!is_label(wanted) && !slice_eq(wanted, given))
            return -1;
        if (is_label(wanted) && slice_empty(given))
            return -1;
        literals += !is_label(wanted);
        if (is_label(wanted) && labels)
            *list_add(arena, labels) = (struct pair){label_name(wanted), given};
    }
    return slice_empty(path) ? literals : -1; /* "/a/" is "/a" */
}

static bool query_has(const struct pair_list *query, slice key, slice value)
{
    list_foreach (pair, query) {
        if (slice_eq(pair->key, key) && (slice_empty(value) || slice_eq(pair->value, value)))
            return true;
    }
    return false;
}

static int score_literals(slice literals, const struct pair_list *query)
{
    int score = 0;
    while (literals.ptr) {
        slice one, key, value;
        slice_cut(literals, '&', &one, &literals);
        slice_cut(one, '=', &key, &value);
        if (!query_has(query, key, value))
            return SCORE_NONE;
        score += SCORE_QUERY;
    }
    return score;
}

static int score_members(const struct api_shape *shape, const struct msg *request, const struct pair_list *query)
{
    int score = 0;
    for (size_t i = 0; shape && i < shape->n_members; i++) {
        const struct api_member *member = &shape->members[i];
        if (!(member->flags & API_REQUIRED))
            continue;
        if (member->location == API_QUERYSTRING)
            score += query_has(query, member->wire, S("")) ? SCORE_MEMBER : SCORE_MISSING;
        else if (member->location == API_HEADER)
            score += msg_header(request, member->wire).ptr ? SCORE_MEMBER : SCORE_MISSING;
    }
    return score;
}

static int score(struct arena *arena, const struct api_operation *operation, const struct msg *request,
                 const struct pair_list *query)
{
    slice path, literals;
    slice_cut(operation->uri, '?', &path, &literals);
    if (!slice_eq(operation->method, request->method))
        return SCORE_NONE;
    int by_query = score_literals(literals, query); /* what most operations differ in */
    int segments = by_query < 0 ? SCORE_NONE : match_path(arena, path, request->path, NULL);
    return segments < 0 ? SCORE_NONE
                        : segments * SCORE_SEGMENT + by_query + score_members(operation->in, request, query);
}

static size_t count_segments(slice path)
{
    size_t segments = 1;
    path = without_last_slash(path);
    for (size_t i = 1; i < path.len; i++)
        segments += path.ptr[i] == '/';
    return segments;
}

static bool route_fits(const struct api_route *route, slice method, size_t segments)
{
    bool fits = route->greedy ? segments >= route->segments : segments == route->segments;
    return fits && slice_eq(route->method, method);
}

const struct api_operation *rest_find(struct arena *arena, const struct api_service *service, const struct msg *request,
                                      slice *name)
{
    struct pair_list query = {0};
    const struct api_operation *best = NULL;
    int best_score = SCORE_NONE;
    bool readable = uri_parse_form(arena, request->query, &query) == 0;
    size_t segments = count_segments(request->path);
    for (size_t i = 0; readable && i < service->n_routes; i++) {
        const struct api_route *route = &service->routes[i];
        if (!route_fits(route, request->method, segments))
            continue;
        for (size_t j = 0; j < route->n_operations; j++) {
            const struct api_operation *operation = &service->operations[route->operations[j]];
            int found = score(arena, operation, request, &query);
            if (found > best_score) {
                best = operation;
                best_score = found;
            }
        }
    }
    *name = best ? best->name : arena_printf(arena, "%.*s %.*s", SLICE_ARG(request->method), SLICE_ARG(request->path));
    return best;
}

static int set_text(struct arena *arena, const struct api_member *member, slice text, void *place, slice *why)
{
    if (walk_set_text(arena, member->shape, text, place) == 0)
        return 0;
    *why = arena_printf(arena, "Value '%.*s' of '%.*s' is malformed", SLICE_ARG(text), SLICE_ARG(member->wire));
    return BAD_INPUT;
}

static int decode_query(struct arena *arena, const struct api_shape *shape, const struct api_member *member,
                        const struct pair_list *query, void *place, slice *why)
{
    list_foreach (pair, query) {
        if (!slice_eq(pair->key, member->wire))
            continue;
        if (member->shape->type != API_LIST)
            return set_text(arena, member, pair->value, place, why);
        struct list *list = place;
        list->set = true;
        TRY(set_text(arena, &member->shape->members[0], pair->value,
                     list_add_raw(arena, list, member->shape->entry_size), why));
    }
    return 0;
}

/* A list's elements stand between commas, in one line or in several. */
static int decode_header_list(struct arena *arena, const struct api_member *member, slice lines, struct list *list,
                              slice *why)
{
    while (!slice_empty(lines)) {
        slice line, name, text, one;
        slice_cut(lines, '\n', &line, &lines);
        slice_cut(line, ':', &name, &text);
        if (!slice_eq_nocase(name, member->wire))
            continue;
        list->set = true;
        while (text.len > 0) {
            slice_cut(text, ',', &one, &text);
            TRY(set_text(arena, &member->shape->members[0], slice_trim(one),
                         list_add_raw(arena, list, member->shape->entry_size), why));
        }
    }
    return 0;
}

/* A map of all headers that begin with the member's wire name. Their names arrive in lower case. */
static int decode_headers(struct arena *arena, const struct api_member *member, slice lines, void *place, slice *why)
{
    struct list *map = place;
    while (!slice_empty(lines)) {
        slice line, name, value;
        slice_cut(lines, '\n', &line, &lines);
        slice_cut(line, ':', &name, &value);
        if (name.len < member->wire.len || !slice_eq_nocase(slice_sub(name, 0, member->wire.len), member->wire))
            continue;
        char *entry = list_add_raw(arena, map, member->shape->entry_size);
        map->set = true;
        TRY(set_text(arena, &member->shape->members[0], slice_sub(name, member->wire.len, name.len), entry, why));
        TRY(set_text(arena, &member->shape->members[1], slice_trim(value), entry + member->shape->members[1].offset,
                     why));
    }
    return 0;
}

int rest_decode_raw(const struct api_member *member, slice body, void *place, slice *why)
{
    if (slice_empty(body))
        return 0;
    if (member->shape->type == API_STRING && !slice_is_utf8(body)) {
        *why = S("The request body is not valid UTF-8");
        return BAD_INPUT;
    }
    *(slice *)place = body;
    return 0;
}

static int decode_label(struct arena *arena, const struct api_member *member, const struct pair_list *labels,
                        void *place, slice *why)
{
    slice text = pair_get(labels, member->wire);
    if (uri_decode(arena, text, false, &text) != 0) {
        *why = arena_printf(arena, "'%.*s' has a broken escape", SLICE_ARG(member->wire));
        return BAD_INPUT;
    }
    return text.ptr ? set_text(arena, member, text, place, why) : 0;
}

static slice wire_lower(struct arena *arena, slice name)
{
    char *lower = arena_alloc(arena, name.len + 1);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
    return (slice){lower, name.len};
}

/* The envelope has a field of its own for the body's type. */
static slice header_of(struct arena *arena, const struct msg *request, slice wire)
{
    slice name = wire_lower(arena, wire), value = msg_header(request, name);
    return !value.ptr && slice_eq(name, S("content-type")) && request->content_type.len > 0 ? request->content_type
                                                                                            : value;
}

static int decode_header(struct arena *arena, const struct api_member *member, const struct msg *request, void *place,
                         slice *why)
{
    if (member->shape->type == API_LIST)
        return decode_header_list(arena, member, request->headers, place, why);
    slice text = header_of(arena, request, member->wire);
    return text.ptr ? set_text(arena, member, text, place, why) : 0;
}

int rest_decode(struct arena *arena, const struct api_operation *operation, const struct msg *request, void *in,
                slice *why)
{
    struct pair_list query = {0}, labels = {0};
    slice path, literals;
    slice_cut(operation->uri, '?', &path, &literals);
    match_path(arena, path, request->path, &labels);
    if (uri_parse_form(arena, request->query, &query) != 0) {
        *why = S("The query string is malformed");
        return BAD_INPUT;
    }
    for (size_t i = 0; operation->in && i < operation->in->n_members; i++) {
        const struct api_member *member = &operation->in->members[i];
        void *place = (char *)in + member->offset;
        if (member->location == API_URI)
            TRY(decode_label(arena, member, &labels, place, why));
        else if (member->location == API_QUERYSTRING)
            TRY(decode_query(arena, operation->in, member, &query, place, why));
        else if (member->location == API_HEADER)
            TRY(decode_header(arena, member, request, place, why));
        else if (member->location == API_HEADERS)
            TRY(decode_headers(arena, member, request->headers, place, why));
    }
    return 0;
}

/* A header's value has no line breaks: they would end it. */
static void add_header(struct buf *headers, slice name, slice value)
{
    buf_add(headers, name);
    buf_add(headers, S(": "));
    for (size_t i = 0; i < value.len; i++)
        buf_add_char(headers, value.ptr[i] == '\n' || value.ptr[i] == '\r' ? ' ' : value.ptr[i]);
    buf_add_char(headers, '\n');
}

static void encode_header(struct arena *arena, struct buf *headers, const struct api_member *member, const void *place)
{
    enum api_timestamp format = member->timestamp ? member->timestamp : API_TIME_RFC1123;
    if (member->shape->type != API_LIST) {
        add_header(headers, member->wire, walk_text(arena, member->shape, place, format));
        return;
    }
    const struct list *list = place;
    struct buf joined;
    buf_init(&joined, arena);
    for (size_t i = 0; i < list->len; i++) {
        if (i > 0)
            buf_add(&joined, S(", "));
        const struct api_shape *element = member->shape->members[0].shape;
        buf_add(&joined, walk_text(arena, element, walk_entry(member->shape, list, i), format));
    }
    add_header(headers, member->wire, buf_slice(&joined));
}

static void encode_headers(struct arena *arena, struct buf *headers, const struct api_member *member,
                           const struct list *map)
{
    for (size_t i = 0; i < map->len; i++) {
        const char *entry = walk_entry(member->shape, map, i);
        add_header(headers, arena_concat(arena, member->wire, *(const slice *)(const void *)entry),
                   *(const slice *)(const void *)(entry + member->shape->members[1].offset));
    }
}

void rest_encode(struct arena *arena, const struct api_operation *operation, const void *out, struct msg *reply)
{
    struct buf headers;
    buf_init(&headers, arena);
    reply->status = operation->status;
    for (size_t i = 0; operation->out && i < operation->out->n_members; i++) {
        const struct api_member *member = &operation->out->members[i];
        const char *place = (const char *)out + member->offset;
        if (member->location == API_BODY || !walk_is_set(member->shape, place, false))
            continue;
        if (member->location == API_STATUS)
            reply->status = (uint16_t)((const struct opt_int *)(const void *)place)->v;
        else if (member->location == API_HEADERS)
            encode_headers(arena, &headers, member, (const struct list *)(const void *)place);
        else if (slice_eq_nocase(member->wire, S("Content-Type")))
            reply->content_type = *(const slice *)(const void *)place;
        else
            encode_header(arena, &headers, member, place);
    }
    if (headers.len > 0)
        reply->headers = buf_slice(&headers);
}

const struct api_member *rest_payload(const struct api_shape *shape)
{
    for (size_t i = 0; shape && i < shape->n_members; i++) {
        if (shape->members[i].flags & API_PAYLOAD)
            return &shape->members[i];
    }
    return NULL;
}

bool rest_is_raw(const struct api_member *member)
{
    return member->shape->type == API_BLOB || member->shape->type == API_STRING;
}

void rest_encode_raw(const struct api_member *member, const void *place, struct msg *reply)
{
    const slice *bytes = place;
    reply->body = bytes->ptr ? *bytes : S("");
    if (!reply->content_type.ptr)
        reply->content_type =
            member->shape->type == API_BLOB ? S("application/octet-stream") : S("text/plain; charset=utf-8");
}

bool rest_has_body(const struct api_shape *shape)
{
    for (size_t i = 0; shape && i < shape->n_members; i++) {
        if (shape->members[i].location == API_BODY)
            return true;
    }
    return false;
}
