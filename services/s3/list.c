/* list: ListObjects and ListObjectsV2. A common prefix is jumped over, never walked through. */
#include "services/s3/list.h"

#include "common/page.h"
#include "common/buf.h"
#include "common/uri.h"

enum { MAX_KEYS = 1000 };

slice list_successor(struct call *c, slice prefix)
{
    size_t len = prefix.len;
    while (len > 0 && (unsigned char)prefix.ptr[len - 1] == 0xff)
        len--;
    if (len == 0)
        return S("\xff");
    char *text = arena_copy(c->arena, prefix.ptr, len);
    text[len - 1]++;
    return (slice){text, len};
}

slice list_common_prefix(slice key, slice prefix, slice delimiter)
{
    if (slice_empty(delimiter))
        return (slice){NULL, 0};
    ssize_t at = slice_find(slice_sub(key, prefix.len, key.len), delimiter);
    return at < 0 ? (slice){NULL, 0} : slice_sub(key, 0, prefix.len + (size_t)at + delimiter.len);
}

slice list_encode(struct call *c, slice encoding_type, slice text)
{
    if (!text.ptr || !encoding_type.ptr)
        return text;
    slice encoded = uri_encode(c->arena, text, true);
    if (slice_find(encoded, S("%20")) < 0)
        return encoded;
    struct buf out; /* as in forms, a space is a plus */
    buf_init(&out, c->arena);
    for (size_t i = 0; i < encoded.len; i++) {
        bool space = slice_starts(slice_sub(encoded, i, encoded.len), S("%20"));
        buf_add_char(&out, space ? '+' : encoded.ptr[i]);
        i += space ? 2 : 0;
    }
    return buf_slice(&out);
}

int list_check_encoding(struct call *c, slice encoding_type)
{
    if (!encoding_type.ptr || slice_eq(encoding_type, S("url")))
        return 0;
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("ArgumentName"), val_string(S("encoding-type")));
    val_set(c->arena, extra, S("ArgumentValue"), val_string(encoding_type));
    return fail_with(c, &s3_invalid_argument, extra, "Invalid Encoding Method specified in Request");
}

int list_check_max(struct call *c, struct opt_int given, const char *name, int64_t *max)
{
    *max = opt_int_or(given, MAX_KEYS);
    if (*max < 0)
        return fail(c, &s3_invalid_argument, "Argument %s must be an integer between 0 and 2147483647", name);
    if (*max > MAX_KEYS)
        *max = MAX_KEYS;
    return 0;
}

slice list_start(struct call *c, slice prefix, slice delimiter, slice after)
{
    if (slice_empty(after) || slice_cmp(after, prefix) < 0)
        return prefix.ptr ? prefix : S("");
    slice common = slice_starts(after, prefix) ? list_common_prefix(after, prefix, delimiter) : (slice){NULL, 0};
    if (common.ptr && common.len == after.len)
        return list_successor(c, after);
    return arena_concat(c->arena, after, (slice){"", 1}); /* the next text in byte order */
}

/* "CRC32" when the attributes have such a checksum. */
static void add_algorithms(struct call *c, slice attributes, struct s3_checksum_algorithm_list *algorithms, slice *type)
{
    if (slice_find(attributes, S("\"Checksum")) < 0)
        return;
    for (unsigned algorithm = 1; algorithm <= DIGEST_ALL; algorithm <<= 1) {
        slice word = checksum_word(algorithm);
        if (slice_find(attributes, arena_printf(c->arena, "\"Checksum%.*s\"", SLICE_ARG(word))) >= 0)
            *list_add(c->arena, algorithms) = word;
    }
    if (algorithms->len > 0)
        *type = slice_find(attributes, S("\"COMPOSITE\"")) >= 0 ? S("COMPOSITE") : S("FULL_OBJECT");
}

struct walk {
    const struct bucket *bucket;
    slice prefix;
    slice delimiter;
    slice after;
    slice encoding_type;
    int64_t max;
    bool owner;
    struct s3_object_list contents;
    struct s3_common_prefix_list prefixes;
    bool truncated;
    slice last; /* key or common prefix given out last */
};

static void add_object(struct call *c, struct walk *walk, const struct version *version)
{
    struct s3_object *object = list_add(c->arena, &walk->contents);
    object->key = list_encode(c, walk->encoding_type, version->key);
    object->last_modified = opt_int(version->modified_ms);
    object->e_tag = version->etag;
    object->size = opt_int(version->size);
    object->storage_class = version->storage_class;
    add_algorithms(c, version->attributes, &object->checksum_algorithm, &object->checksum_type);
    if (walk->owner)
        object->owner = bucket_owner(c, walk->bucket);
    walk->last = version->key;
}

static bool is_full(struct walk *walk)
{
    bool full = (int64_t)(walk->contents.len + walk->prefixes.len) == walk->max;
    walk->truncated = full && walk->max > 0;
    return full;
}

/* Answers where to go on behind it. */
static slice add_prefix(struct call *c, struct walk *walk, slice common)
{
    list_add(c->arena, &walk->prefixes)->prefix = list_encode(c, walk->encoding_type, common);
    walk->last = common;
    return list_successor(c, common);
}

static slice next_key(struct call *c, const struct walk *walk, slice from)
{
    struct db_rows rows = db_query(c->db, S3_SQL_OBJECT_NEXT, "it", walk->bucket->id, from);
    slice key = db_next(&rows) ? db_text(&rows, 0) : (slice){NULL, 0};
    db_done(&rows);
    return key;
}

/* Jumps from one common prefix to the next, with the index alone. Answers the next key that has none; absent: no more.
 */
static slice jump(struct call *c, struct walk *walk, slice from)
{
    while (from.ptr) {
        slice key = next_key(c, walk, from);
        if (!key.ptr || !slice_starts(key, walk->prefix) || is_full(walk))
            return (slice){NULL, 0};
        slice common = list_common_prefix(key, walk->prefix, walk->delimiter);
        if (!common.ptr)
            return key;
        from = add_prefix(c, walk, common);
    }
    return from;
}

/* One query's rows, until a common prefix, the limit or the end. Answers where to go on; absent: nowhere. */
static slice walk_on(struct call *c, struct walk *walk, slice from)
{
    struct version version;
    slice next = {NULL, 0};
    struct db_rows rows = db_query(c->db, S3_SQL_OBJECT_LIST, "it", walk->bucket->id, from);
    while (db_next(&rows)) {
        version_read(&rows, &version);
        if (!slice_starts(version.key, walk->prefix) || is_full(walk))
            break;
        slice common = list_common_prefix(version.key, walk->prefix, walk->delimiter);
        if (common.ptr) {
            next = add_prefix(c, walk, common);
            break;
        }
        add_object(c, walk, &version);
    }
    db_done(&rows);
    return next;
}

static void run(struct call *c, struct walk *walk)
{
    if (slice_empty(walk->delimiter))
        walk->delimiter = (slice){NULL, 0};
    slice from = list_start(c, walk->prefix, walk->delimiter, walk->after);
    while (from.ptr) {
        if (walk->delimiter.ptr)
            from = jump(c, walk, from);
        if (from.ptr)
            from = walk_on(c, walk, from);
    }
}

int s3_list_objects_v2(struct call *c, const struct s3_list_objects_v2_in *in, struct s3_list_objects_v2_out *out)
{
    struct bucket bucket;
    struct walk walk = {.bucket = &bucket,
                        .prefix = in->prefix,
                        .delimiter = in->delimiter,
                        .after = in->start_after,
                        .encoding_type = in->encoding_type,
                        .owner = opt_bool_or(in->fetch_owner, false)};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(list_check_encoding(c, in->encoding_type));
    TRY(list_check_max(c, in->max_keys, "maxKeys", &walk.max));
    if (in->continuation_token.ptr &&
        (page_key(c->arena, S("ListObjectsV2"), in->continuation_token, &walk.after) != 0))
        return fail(c, &s3_invalid_argument, "The continuation token provided is incorrect");
    run(c, &walk);
    out->is_truncated = opt_bool(walk.truncated);
    out->contents = walk.contents;
    out->common_prefixes = walk.prefixes;
    out->name = bucket.name;
    out->prefix = list_encode(c, in->encoding_type, in->prefix.ptr ? in->prefix : S(""));
    out->delimiter = list_encode(c, in->encoding_type, in->delimiter);
    out->max_keys = opt_int(walk.max);
    out->encoding_type = in->encoding_type;
    out->key_count = opt_int((int64_t)(walk.contents.len + walk.prefixes.len));
    out->continuation_token = in->continuation_token;
    out->start_after = list_encode(c, in->encoding_type, in->start_after);
    if (walk.truncated)
        out->next_continuation_token = page_token(c->arena, S("ListObjectsV2"), walk.last);
    return 0;
}

int s3_list_objects(struct call *c, const struct s3_list_objects_in *in, struct s3_list_objects_out *out)
{
    struct bucket bucket;
    struct walk walk = {.bucket = &bucket,
                        .prefix = in->prefix,
                        .delimiter = in->delimiter,
                        .after = in->marker,
                        .encoding_type = in->encoding_type,
                        .owner = true};
    TRY(bucket_get(c, in->bucket, in->expected_bucket_owner, &bucket));
    TRY(list_check_encoding(c, in->encoding_type));
    TRY(list_check_max(c, in->max_keys, "max-keys", &walk.max));
    run(c, &walk);
    out->is_truncated = opt_bool(walk.truncated);
    out->contents = walk.contents;
    out->common_prefixes = walk.prefixes;
    out->name = bucket.name;
    out->prefix = list_encode(c, in->encoding_type, in->prefix.ptr ? in->prefix : S(""));
    out->marker = list_encode(c, in->encoding_type, in->marker.ptr ? in->marker : S(""));
    out->delimiter = list_encode(c, in->encoding_type, in->delimiter);
    out->max_keys = opt_int(walk.max);
    out->encoding_type = in->encoding_type;
    if (walk.truncated && !slice_empty(in->delimiter))
        out->next_marker = list_encode(c, in->encoding_type, walk.last);
    return 0;
}
