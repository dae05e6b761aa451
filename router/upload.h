/* upload: what is to become of a request's body: how large it may be, what is undone of its encoding, and which digests
 * its service wants. */
#pragma once

#include "common/slice.h"

struct arena;
struct body_plan;
struct http1_request;
struct route_service;

/* Changes the plan, which is BODY_PLAN_PLAIN. service may be NULL: none is known. */
void upload_plan(const struct route_service *service, const struct http1_request *head, struct body_plan *plan);

/* A Content-Encoding without its aws-chunked. */
slice upload_without_chunks(struct arena *arena, slice encoding);
