/* fuzz_msg: envelopes of the bus. What is read can be written and read again, and is the same. */
#include "tests/fuzz/fuzz.h"

#include "common/buf.h"
#include "proto/msg.h"

static bool same(const struct msg *a, const struct msg *b)
{
    bool equal = a->kind == b->kind && a->flags == b->flags && a->status == b->status && a->call_id == b->call_id &&
                 a->deadline_ms == b->deadline_ms && a->file_offset == b->file_offset &&
                 a->file_length == b->file_length;
#define MSG_FIELD(member) equal = equal && slice_eq(a->member, b->member);
#include "proto/msg_fields.def"
#undef MSG_FIELD
    return equal;
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    struct msg msg, again;
    while (bytes.len > 0) {
        size_t before = bytes.len;
        if (msg_read(&bytes, &msg) != 0)
            return;
        fuzz_check(bytes.len < before);
        msg_header(&msg, S("x-amz-target"));
        struct buf buf;
        buf_init(&buf, arena);
        msg_write(&buf, &msg);
        slice written = buf_slice(&buf);
        fuzz_check(written.len == msg_size(&msg));
        fuzz_check(msg_read(&written, &again) == 0 && written.len == 0 && same(&msg, &again));
    }
}
