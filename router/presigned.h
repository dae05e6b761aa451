/* presigned: headers that stand in the query of a presigned URL. Whoever signs a URL decides with it what an upload is
 * called and how it is kept, and the SDKs put that into the query, so that the browser need not send it. */
#pragma once

#include "common/buf.h"

struct sigv4_scope;

/* When the query authenticates the request: adds those of its parameters that are headers to the header lines ("name:
 * value\n", names in lower case), but for those that the request has sent as headers. A content type is not added but
 * put into *content_type, if that is absent. */
void presigned_add_headers(struct arena *arena, const struct sigv4_scope *scope, slice query, struct buf *lines,
                           slice *content_type);
