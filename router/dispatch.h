/* dispatch: what becomes of a whole request: an answer of the router's own, or a call to a worker. */
#pragma once

#include "common/slice.h"

struct admin;
struct body_plan;
struct conn_request;
struct dispatch;
struct exchange;
struct http1_request;
struct origin_rules;
struct secrets;
struct pending;
struct refuse_why;

/* secrets: signatures are verified with them; NULL: they are not. origins must outlive it. */
struct dispatch *dispatch_open(struct admin *admin, struct pending *pending, struct secrets *secrets,
                               const struct origin_rules *origins);
void dispatch_close(struct dispatch *dispatch);

/* The callbacks of conn.h; context is the struct dispatch. */
void dispatch_plan_body(void *context, const struct http1_request *head, struct body_plan *plan);
void dispatch_request(void *context, struct exchange *exchange, const struct conn_request *request);
/* What says how awssim is, and what its operator wants, is answered when nothing else is. */
bool dispatch_is_urgent(void *context, const struct http1_request *head);

void dispatch_refused(void *context, struct exchange *exchange, const struct http1_request *head,
                      const struct refuse_why *why);
