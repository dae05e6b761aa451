/* limits: every limit a client could hit, in one place. Bytes, milliseconds or counts, as the name says. */
#pragma once

enum {
    LIMIT_HTTP_HEAD_BYTES = 64 * 1024,
    LIMIT_HTTP_HEADERS = 128,
    LIMIT_HTTP_URI_BYTES = 32 * 1024,
    LIMIT_HTTP_HEAD_TIMEOUT_MS = 30 * 1000,  /* a request head must arrive within */
    LIMIT_HTTP_BODY_TIMEOUT_MS = 60 * 1000,  /* silence in the middle of a body */
    LIMIT_HTTP_IDLE_TIMEOUT_MS = 120 * 1000, /* between two requests of one connection */
    LIMIT_HTTP_CONNECTIONS = 8192,
    LIMIT_HTTP_PIPELINE = 64,             /* requests of one connection in flight before reading pauses */
    LIMIT_BODY_BYTES = 16 * 1024 * 1024,  /* of services whose bodies are AWS inputs */
    LIMIT_BODY_INLINE_BYTES = 256 * 1024, /* larger ones go through a spool file */
    LIMIT_GZIP_RATIO = 200,
    LIMIT_JSON_DEPTH = 64,
    LIMIT_FORM_PARAMS = 20000,
    LIMIT_XML_DEPTH = 64,
    LIMIT_XML_ELEMENTS = 500000,
    LIMIT_MESSAGE_BYTES = 32 * 1024 * 1024, /* one message of the bus: many envelopes */
    LIMIT_BATCH_BYTES = 4 * 1024 * 1024,    /* a batch is closed when it has grown to this */
    LIMIT_CALL_DEADLINE_MS = 60 * 1000,
    LIMIT_LOG_EVENT_BYTES = 256 * 1024,
};
