/* respond: an answer as HTTP/1.1 bytes. */
#pragma once

#include "common/buf.h"
#include "proto/msg.h"

struct exchange;

/* How long content is that is not there yet: it comes in chunks, or to HTTP/1.0 until the connection's end. */
#define RESPOND_UNKNOWN_LENGTH UINT64_MAX

/* Appends status line and headers for the reply (its status, content_type and headers), announcing length bytes of
 * content. Length, connection, date and request id are the router's own. */
void respond_head(struct buf *out, const struct exchange *exchange, const struct msg *reply, uint64_t length);

/* Whether content may follow the head of this answer. */
bool respond_has_content(const struct exchange *exchange, const struct msg *reply);
