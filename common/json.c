/* json: see json.h. */
#include "common/json.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/list.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

static void *arena_malloc(void *arena, size_t size)
{
    size_t *memory = arena_alloc(arena, size + 16);
    memory[0] = size;
    return (char *)memory + 16;
}

static void *arena_realloc(void *arena, void *old, size_t size)
{
    if (!old)
        return arena_malloc(arena, size);
    size_t old_size = *(size_t *)(void *)((char *)old - 16);
    if (size <= old_size)
        return old;
    char *memory = arena_grow(arena, (char *)old - 16, old_size + 16, size + 16);
    *(size_t *)(void *)memory = size;
    return memory + 16;
}

static void arena_free(void *arena, void *old)
{
    (void)arena;
    (void)old;
}

/* What is being built: the chain of open containers, and the key waiting for its value. */
struct builder {
    struct arena *arena;
    slice text;
    struct val *stack[LIMIT_JSON_DEPTH];
    size_t depth;
    slice key;
    struct val *root;
    bool too_deep;
    bool too_large;
};

/* yajl hands out pointers into the text for strings without escapes, and into its own buffer for others. */
static slice keep(struct builder *b, const unsigned char *bytes, size_t len)
{
    const char *p = (const char *)bytes;
    if (p >= b->text.ptr && p + len <= b->text.ptr + b->text.len)
        return (slice){p, len};
    return (slice){arena_copy(b->arena, p, len), len};
}

static struct val *add(struct builder *b, struct val value)
{
    if (b->depth == 0) {
        *b->root = value;
        return b->root;
    }
    struct val *container = b->stack[b->depth - 1];
    return container->type == VAL_ARRAY ? val_push(b->arena, container, value)
                                        : val_set(b->arena, container, b->key, value);
}

static int open_container(struct builder *b, struct val value)
{
    if (b->depth == LIMIT_JSON_DEPTH) {
        b->too_deep = true;
        return 0;
    }
    b->stack[b->depth] = add(b, value);
    b->depth++;
    return 1;
}

static int on_null(void *b)
{
    add(b, val_null());
    return 1;
}

static int on_boolean(void *b, int value)
{
    add(b, val_bool(value != 0));
    return 1;
}

static int on_number(void *b, const char *text, size_t len)
{
    int64_t integer;
    slice digits = {text, len};
    if (slice_to_int64(digits, &integer)) {
        add(b, val_int(integer));
        return 1;
    }
    struct builder *builder = b;
    char *copy = arena_alloc(builder->arena, len + 1);
    memcpy(copy, text, len);
    double number = strtod(copy, NULL);
    builder->too_large = !isfinite(number);
    add(b, val_double(number));
    return !builder->too_large;
}

static int on_string(void *b, const unsigned char *bytes, size_t len)
{
    add(b, val_string(keep(b, bytes, len)));
    return 1;
}

static int on_start_map(void *b)
{
    return open_container(b, val_object());
}

static int on_map_key(void *b, const unsigned char *bytes, size_t len)
{
    ((struct builder *)b)->key = keep(b, bytes, len);
    return 1;
}

static int on_start_array(void *b)
{
    return open_container(b, val_array());
}

static int on_end(void *b)
{
    ((struct builder *)b)->depth--;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

static slice reason(struct arena *arena, yajl_handle parser, const struct builder *b, slice text)
{
    if (b->too_deep)
        return arena_printf(arena, "nested deeper than %d levels", LIMIT_JSON_DEPTH);
    if (b->too_large)
        return S("number out of range");
    unsigned char *said = yajl_get_error(parser, 0, (const unsigned char *)text.ptr, text.len);
    slice line = slice_trim(slice_of((const char *)said));
    slice copy = slice_dup(arena, slice_sub(line, 0, slice_index(line, '\n')));
    yajl_free_error(parser, said);
    return copy;
}

int json_parse(struct arena *arena, slice text, struct val *out, slice *why)
{
    /* yajl takes overlong forms and surrogates. */
    if (!slice_is_utf8(text)) {
        *why = S("invalid UTF-8");
        return BAD_INPUT;
    }
    struct builder b = {.arena = arena, .text = text, .root = out};
    yajl_alloc_funcs alloc = {arena_malloc, arena_realloc, arena_free, arena};
    yajl_handle parser = yajl_alloc(&callbacks, &alloc, &b);
    yajl_config(parser, yajl_dont_validate_strings, 1);
    const char *bytes = text.ptr ? text.ptr : "";
    yajl_status status = yajl_parse(parser, (const unsigned char *)bytes, text.len);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status != yajl_status_ok)
        *why = reason(arena, parser, &b, text.ptr ? text : S(""));
    yajl_free(parser);
    return status == yajl_status_ok ? 0 : BAD_INPUT;
}

const struct val *val_get(const struct val *object, slice key)
{
    if (!object || object->type != VAL_OBJECT)
        return NULL;
    for (size_t i = object->object.len; i-- > 0;) {
        if (slice_eq(object->object.items[i].key, key))
            return &object->object.items[i].value;
    }
    return NULL;
}

slice val_get_string(const struct val *object, slice key)
{
    const struct val *value = val_get(object, key);
    return value && value->type == VAL_STRING ? value->string : (slice){NULL, 0};
}

int64_t val_get_int(const struct val *object, slice key, int64_t otherwise)
{
    const struct val *value = val_get(object, key);
    return value && value->type == VAL_INT ? value->integer : otherwise;
}

bool val_get_bool(const struct val *object, slice key, bool otherwise)
{
    const struct val *value = val_get(object, key);
    return value && value->type == VAL_BOOL ? value->boolean : otherwise;
}

struct val val_null(void)
{
    return (struct val){.type = VAL_NULL};
}

struct val val_bool(bool b)
{
    return (struct val){.type = VAL_BOOL, .boolean = b};
}

struct val val_int(int64_t i)
{
    return (struct val){.type = VAL_INT, .integer = i};
}

struct val val_double(double d)
{
    return (struct val){.type = VAL_DOUBLE, .number = d};
}

struct val val_string(slice s)
{
    return (struct val){.type = VAL_STRING, .string = s};
}

struct val val_array(void)
{
    return (struct val){.type = VAL_ARRAY, .array = {.set = true}};
}

struct val val_object(void)
{
    return (struct val){.type = VAL_OBJECT, .object = {.set = true}};
}

struct val *val_set(struct arena *arena, struct val *object, slice key, struct val value)
{
    assert(object->type == VAL_OBJECT);
    struct val_field *field = list_add_raw(arena, (struct list *)(void *)&object->object, sizeof(*field));
    field->key = key;
    field->value = value;
    return &field->value;
}

struct val *val_push(struct arena *arena, struct val *array, struct val value)
{
    assert(array->type == VAL_ARRAY);
    struct val *item = list_add_raw(arena, (struct list *)(void *)&array->array, sizeof(*item));
    *item = value;
    return item;
}

struct json_writer {
    struct arena *arena;
    yajl_gen gen;
    yajl_alloc_funcs alloc;
};

/* begin and end calls that do not match are our own inconsistency, as is nesting deeper than yajl can. */
static void check(yajl_gen_status status)
{
    assert(status == yajl_gen_status_ok);
}

struct json_writer *json_writer_open(struct arena *arena)
{
    struct json_writer *w = arena_alloc(arena, sizeof(*w));
    w->arena = arena;
    w->alloc = (yajl_alloc_funcs){arena_malloc, arena_realloc, arena_free, arena};
    w->gen = yajl_gen_alloc(&w->alloc);
    return w;
}

void json_object_begin(struct json_writer *w)
{
    check(yajl_gen_map_open(w->gen));
}

void json_object_end(struct json_writer *w)
{
    check(yajl_gen_map_close(w->gen));
}

void json_array_begin(struct json_writer *w)
{
    check(yajl_gen_array_open(w->gen));
}

void json_array_end(struct json_writer *w)
{
    check(yajl_gen_array_close(w->gen));
}

/* The text with every byte that is not part of well-formed UTF-8 replaced. */
static slice repaired(struct arena *arena, slice text)
{
    char *out = arena_alloc(arena, text.len * 3 + 1), *p = out;
    while (text.len > 0) {
        size_t n = 4 < text.len ? 4 : text.len;
        while (n > 0 && !(slice_is_utf8(slice_sub(text, 0, n)) && slice_utf8_len(slice_sub(text, 0, n)) == 1))
            n--;
        if (n > 0)
            p = mempcpy(p, text.ptr, n);
        else
            p = mempcpy(p, "\xef\xbf\xbd", 3);
        text = slice_sub(text, n > 0 ? n : 1, text.len);
    }
    return (slice){out, (size_t)(p - out)};
}

static void add_string(struct json_writer *w, slice text)
{
    if (!slice_is_utf8(text))
        text = repaired(w->arena, text);
    check(yajl_gen_string(w->gen, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len));
}

void json_key(struct json_writer *w, slice key)
{
    add_string(w, key);
}

void json_string(struct json_writer *w, slice text)
{
    if (!text.ptr)
        check(yajl_gen_null(w->gen));
    else
        add_string(w, text);
}

void json_int(struct json_writer *w, int64_t value)
{
    check(yajl_gen_integer(w->gen, value));
}

/* The shortest form that reads back as the same number. */
static void add_shortest(struct json_writer *w, double value)
{
    char text[40];
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    check(yajl_gen_number(w->gen, text, (size_t)length));
}

void json_double(struct json_writer *w, double value)
{
    if (isnan(value))
        json_string(w, S("NaN"));
    else if (isinf(value))
        json_string(w, value > 0 ? S("Infinity") : S("-Infinity"));
    else
        add_shortest(w, value);
}

void json_epoch(struct json_writer *w, int64_t ms)
{
    char text[40];
    uint64_t magnitude = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    int length = snprintf(text, sizeof(text), "%s%llu.%03d", ms < 0 ? "-" : "", (unsigned long long)(magnitude / 1000),
                          (int)(magnitude % 1000));
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    check(yajl_gen_number(w->gen, text, (size_t)length));
}

void json_blob(struct json_writer *w, slice bytes)
{
    slice text = base64_encode(w->arena, bytes);
    check(yajl_gen_string(w->gen, (const unsigned char *)text.ptr, text.len));
}

void json_bool(struct json_writer *w, bool value)
{
    check(yajl_gen_bool(w->gen, value));
}

void json_null(struct json_writer *w)
{
    check(yajl_gen_null(w->gen));
}

static void add_array(struct json_writer *w, const struct val *value)
{
    json_array_begin(w);
    for (size_t i = 0; i < value->array.len; i++)
        json_val(w, &value->array.items[i]);
    json_array_end(w);
}

static void add_object(struct json_writer *w, const struct val *value)
{
    json_object_begin(w);
    for (size_t i = 0; i < value->object.len; i++) {
        json_key(w, value->object.items[i].key);
        json_val(w, &value->object.items[i].value);
    }
    json_object_end(w);
}

void json_val(struct json_writer *w, const struct val *value)
{
    switch (value->type) {
    case VAL_NULL:
        json_null(w);
        break;
    case VAL_BOOL:
        json_bool(w, value->boolean);
        break;
    case VAL_INT:
        json_int(w, value->integer);
        break;
    case VAL_DOUBLE:
        json_double(w, value->number);
        break;
    case VAL_STRING:
        json_string(w, value->string);
        break;
    case VAL_ARRAY:
        add_array(w, value);
        break;
    case VAL_OBJECT:
        add_object(w, value);
        break;
    }
}

slice json_writer_close(struct json_writer *w)
{
    const unsigned char *bytes;
    size_t length;
    yajl_gen_get_buf(w->gen, &bytes, &length);
    yajl_gen_free(w->gen);
    return (slice){(const char *)bytes, length};
}

slice json_text(struct arena *arena, const struct val *value)
{
    struct json_writer *w = json_writer_open(arena);
    json_val(w, value);
    return json_writer_close(w);
}
