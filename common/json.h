/* json: JSON texts as a tree of val in an arena (read by yajl's SAX parser) and as text (written by yajl's generator).
 * The tree is for free-form documents and as the codecs' intermediate form; nothing outside uses yajl. */
#pragma once

#include "common/slice.h"

struct arena;
struct buf;

enum val_type { VAL_NULL, VAL_BOOL, VAL_INT, VAL_DOUBLE, VAL_STRING, VAL_ARRAY, VAL_OBJECT };

struct val_field;

struct val {
    enum val_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        slice string;
        struct {
            struct val *items;
            size_t len;
            bool set;
        } array;
        struct {
            struct val_field *items; /* in order of appearance; duplicates kept, the last one counts */
            size_t len;
            bool set;
        } object;
    };
};

struct val_field {
    slice key;
    struct val value;
};

/* Parses one whole JSON text into the arena. Texts may borrow from `text`, which must outlive the tree. Answers 0, or
 * BAD_INPUT with a one-line reason in *why (bad syntax, bad UTF-8, deeper than LIMIT_JSON_DEPTH, trailing bytes). */
int json_parse(struct arena *arena, slice text, struct val *out, slice *why);

/* The text of a tree, compact, in the arena. */
slice json_text(struct arena *arena, const struct val *value);

/* The field's value, or NULL when absent or when object is NULL or no object. */
const struct val *val_get(const struct val *object, slice key);

/* A field's text (absent when missing or no string), or number. */
slice val_get_string(const struct val *object, slice key);
int64_t val_get_int(const struct val *object, slice key, int64_t otherwise);
bool val_get_bool(const struct val *object, slice key, bool otherwise);

/* Constructors; texts are borrowed. */
struct val val_null(void);
struct val val_bool(bool b);
struct val val_int(int64_t i);
struct val val_double(double d);
struct val val_string(slice s);
struct val val_array(void);
struct val val_object(void);

/* Appends to an object or array made in the same arena; the added value is copied shallowly and its place answered. */
struct val *val_set(struct arena *arena, struct val *object, slice key, struct val value);
struct val *val_push(struct arena *arena, struct val *array, struct val value);

/* Streaming generator. All begin/end calls must match; an absent text is written as null. */
struct json_writer;

struct json_writer *json_writer_open(struct arena *arena);
void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, slice key);
void json_string(struct json_writer *w, slice text); /* invalid UTF-8 is written as U+FFFD */
void json_int(struct json_writer *w, int64_t value);
void json_double(struct json_writer *w, double value); /* NaN and infinities as AWS's strings "NaN", "Infinity", … */
void json_blob(struct json_writer *w, slice bytes);    /* base64 */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_val(struct json_writer *w, const struct val *value);
/* Epoch seconds with up to three decimals, as AWS's JSON protocols write instants. */
void json_epoch(struct json_writer *w, int64_t ms);

/* The text; belongs to the arena. The writer is finished. */
slice json_writer_close(struct json_writer *w);
