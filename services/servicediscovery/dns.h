/* dns: DNS messages: a query's bytes to an answer's bytes. */
#pragma once

#include "services/worker/call.h"

enum { DNS_QUERY_BYTES = 4096 };

/* *reply is in the call's arena, or absent when the bytes deserve none (too short, or themselves an answer). Over UDP a
 * reply is at most 512 bytes, or what the query's EDNS allows up to 1232, and else cut with the TC bit set. Answers 0
 * or a fault. */
int dns_answer(struct call *c, slice query, bool udp, slice *reply);
