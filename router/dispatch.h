/* dispatch: what becomes of a whole request: an answer of the router's own, or a call to a worker. */
#pragma once

#include "common/slice.h"

struct admin;
struct conn_request;
struct dispatch;
struct exchange;
struct http1_request;
struct pending;

struct dispatch *dispatch_open(struct admin *admin, struct pending *pending);
void dispatch_close(struct dispatch *dispatch);

/* The callbacks of conn.h; context is the struct dispatch. */
bool dispatch_decodes_body(void *context, const struct http1_request *head);
void dispatch_request(void *context, struct exchange *exchange, const struct conn_request *request);
void dispatch_refused(void *context, struct exchange *exchange, const struct http1_request *head, int status,
                      const char *why);
