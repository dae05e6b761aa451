/* msg: the envelope, what processes say to each other. Flat and copied; on the wire a fixed header and the fields of
 * msg_fields.def that are present, every length checked, trailing bytes an error. */
#pragma once

#include "common/slice.h"

struct arena;
struct buf;

enum msg_kind {
    MSG_REQUEST = 1, /* an AWS call; answered by one MSG_REPLY */
    MSG_REPLY = 2,
    MSG_CANCEL = 3, /* nobody waits any more for the reply to call_id */
    MSG_EVENT = 4,  /* something that happened or shall be done; answered by a MSG_REPLY once it is stored */
    MSG_HELLO = 5,  /* first on each connection: request_id holds the build id */
};

enum {
    MSG_FLAG_READONLY = 1, /* request: may be repeated when the worker dies */
    MSG_FLAG_GROWING = 2,  /* reply: body_file is still being written and is to be followed from its beginning: its
                            * writer holds a lock on it (flock) and makes it read-only when all is said; a file that
                            * loses its writer before ends early */
};

struct msg {
    uint8_t kind;
    uint8_t flags;
    uint16_t status;     /* replies: HTTP status */
    uint64_t call_id;    /* given by the sender's bus */
    int64_t deadline_ms; /* time_mono_ms of this machine; 0: none */
    int64_t file_offset;
    int64_t file_length;
#define MSG_FIELD(member) slice member;
#include "proto/msg_fields.def"
#undef MSG_FIELD
};

/* Bytes the envelope takes. */
size_t msg_size(const struct msg *msg);

/* Appends the envelope's bytes to buf. */
void msg_write(struct buf *buf, const struct msg *msg);

/* Reads one envelope from the front of *bytes and advances it. Fields borrow from the bytes. Answers 0 or
 * FAULT_MESSAGE. */
int msg_read(slice *bytes, struct msg *msg);

/* The value of a header line in msg->headers (name in lower case), or an absent slice. */
slice msg_header(const struct msg *msg, slice name);

/* What this build speaks: changes whenever the envelope does. */
slice msg_build_id(void);
