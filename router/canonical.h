/* canonical: the texts that AWS's signatures are computed over, from the request as it came. Pure functions. */
#pragma once

#include "common/slice.h"

struct arena;
struct http1_request;

struct canonical_wanted {
    const struct http1_request *head;
    slice signed_headers; /* "host;x-amz-date", as the client named them */
    slice payload;        /* the hash of the body, or the word in its place */
    bool s3;              /* the path is neither normalized nor encoded a second time */
};

/* Version 4's canonical request. A presigned URL's own signature is left out of the query. */
slice canonical_request(struct arena *arena, const struct canonical_wanted *wanted);

/* Version 2's text to sign of a request for S3. resource: "/bucket/key", still encoded; expires: a presigned URL's
 * Expires, in place of the date, or absent. */
slice canonical_v2(struct arena *arena, const struct http1_request *head, slice resource, slice expires);

/* The first header of that name (in lower case), or absent. */
slice canonical_header(const struct http1_request *head, slice name);
