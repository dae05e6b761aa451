/* registry_path: what a path below /v2/ names. */
#pragma once

#include "common/slice.h"

enum registry_kind {
    REGISTRY_ROOT,
    REGISTRY_CATALOG,
    REGISTRY_TAGS,
    REGISTRY_BLOB,
    REGISTRY_UPLOADS,
    REGISTRY_UPLOAD,
    REGISTRY_MANIFEST,
    REGISTRY_REFERRERS,
    REGISTRY_N_KINDS,
};

struct registry_path {
    enum registry_kind kind;
    slice name;      /* of the repository; "" for root and catalog */
    slice reference; /* tag, digest or upload id; "" when the kind has none */
};

/* Reads a raw path. False when it names nothing of the registry; bad names and references are the reader's business. */
bool registry_path_parse(struct arena *arena, slice path, struct registry_path *out);

/* A repository's name as ECR allows it. */
bool registry_path_is_name(slice name);

/* One range of bytes, "bytes=first-last", "bytes=first-", "bytes=-length", within a body of that size. False when it
 * cannot be satisfied. */
bool registry_path_range(slice text, int64_t size, int64_t *first, int64_t *length);

/* Content-Range of a chunk: "first-last", also behind "bytes ". False when it is none. */
bool registry_path_chunk(slice text, int64_t *first, int64_t *last);
