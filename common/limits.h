/* limits: every limit a client could hit, in one place. Bytes, milliseconds or counts, as the name says. */
#pragma once

enum {
    LIMIT_HTTP_HEAD_BYTES = 64 * 1024,
    LIMIT_HTTP_HEADERS = 128,
    LIMIT_HTTP_URI_BYTES = 32 * 1024,
    LIMIT_HTTP_HEAD_TIMEOUT_MS = 30 * 1000, /* a TLS handshake must be over and a request head must arrive within */
    LIMIT_HTTP_PACE_MS = 60 * 1000,         /* so many … */
    LIMIT_HTTP_PACE_BYTES = 16 * 1024, /* … bytes of a body or an answer, or all that is left of it, must move within */
    LIMIT_HTTP_IDLE_TIMEOUT_MS = 120 * 1000, /* between two requests of one connection */
    LIMIT_HTTP_CONNECTIONS = 8192,
    LIMIT_DESCRIPTORS = 128,                           /* below, awssim does not start */
    LIMIT_HTTP_PIPELINE = 64,                          /* requests of one connection in flight before reading pauses */
    LIMIT_HTTP_HELD_BYTES = 128 * 1024 * 1024,         /* for all clients that are slow to send or to read */
    LIMIT_BODY_BYTES = 16 * 1024 * 1024,               /* of services whose bodies are AWS inputs */
    LIMIT_BODY_INLINE_BYTES = 256 * 1024,              /* larger ones go through a spool file */
    LIMIT_LAYER_PART_BYTES = 20971520,                 /* in one UploadLayerPart */
    LIMIT_LAYER_PART_REQUEST_BYTES = 29 * 1024 * 1024, /* that as base64, and the rest of the request */
    LIMIT_MANIFEST_BYTES = 4 * 1024 * 1024,            /* of a container image */
    LIMIT_GZIP_RATIO = 200,
    LIMIT_JSON_DEPTH = 64,
    LIMIT_POST_FIELDS_BYTES = 20 * 1024, /* of a browser's form, before its file */
    LIMIT_FORM_PARAMS = 20000,
    LIMIT_XML_DEPTH = 64,
    LIMIT_XML_ELEMENTS = 500000,
    LIMIT_MESSAGE_BYTES = 32 * 1024 * 1024, /* one message of the bus: many envelopes */
    LIMIT_BATCH_BYTES = 4 * 1024 * 1024,    /* a batch is closed when it has grown to this */
    LIMIT_CALL_DEADLINE_MS = 60 * 1000,
    LIMIT_OBJECT_SEGMENTS = 50000,                         /* of one object */
    LIMIT_LAMBDA_REQUEST_BYTES = 70167211,                 /* a function's code inline, as base64 */
    LIMIT_READ_REQUEST_BYTES = LIMIT_LAMBDA_REQUEST_BYTES, /* the largest body that a worker reads into memory */
    LIMIT_LAMBDA_ZIPPED_BYTES = 52428800,                  /* uploaded directly */
    LIMIT_LAMBDA_UNZIPPED_BYTES = 262144000,               /* code and layers */
    LIMIT_LAMBDA_FILES = 100000,                           /* in one archive */
    LIMIT_LAMBDA_PAYLOAD_BYTES = 6291556,                  /* of a synchronous invocation and of any response */
    LIMIT_LAMBDA_STREAM_BYTES = 209715200,                 /* of a response that is streamed */
    LIMIT_LAMBDA_CLIENT_CONTEXT_BYTES = 3583,              /* as base64 */
    LIMIT_LAMBDA_ASYNC_PAYLOAD_BYTES = 1048576,
    LIMIT_LOG_EVENT_BYTES = 256 * 1024,
};

/* Bodies that are stored as they come; beyond what an int holds. */
enum {
    LIMIT_OBJECT_BYTES = 5LL * 1024 * 1024 * 1024,           /* PutObject, UploadPart */
    LIMIT_LAYER_BYTES = 10LL * 1024 * 1024 * 1024,           /* the registry below /v2/ */
    LIMIT_FUNCTION_BYTES = 70167211,                         /* Lambda's own figure */
    LIMIT_UNPACKED_LAYERS_BYTES = 20LL * 1024 * 1024 * 1024, /* kept for images that do not run */
};
