/* fuzz_awschunk: S3's chunked framing. However the bytes are cut, content, trailers, marks and verdict are the same,
 * and content lies within the bytes. */
#include "tests/fuzz/fuzz.h"

#include "common/buf.h"
#include "router/awschunk.h"

struct outcome {
    struct buf content;
    struct awschunk chunks;
    int result;
};

static void run(struct outcome *outcome, struct arena *arena, slice bytes, size_t step)
{
    *outcome = (struct outcome){.chunks.keep_marks = true};
    buf_init(&outcome->content, arena);
    while (bytes.len > 0 && outcome->result == 0) {
        slice piece = slice_sub(bytes, 0, step), content;
        size_t used;
        outcome->result = awschunk_feed(&outcome->chunks, piece, &used, &content);
        fuzz_check(used <= piece.len && (outcome->result != 0 || used > 0));
        fuzz_check(content.len == 0 || (content.ptr >= piece.ptr && content.ptr + content.len <= piece.ptr + used));
        if (outcome->result == 0)
            buf_add(&outcome->content, content);
        bytes = slice_sub(bytes, used, bytes.len);
    }
}

static void fuzz_one(struct arena *arena, slice bytes)
{
    struct outcome whole, bytewise;
    run(&whole, arena, bytes, bytes.len);
    run(&bytewise, arena, bytes, 1);
    fuzz_check(whole.result == bytewise.result);
    fuzz_check(slice_eq(buf_slice(&whole.content), buf_slice(&bytewise.content)));
    fuzz_check(awschunk_complete(&whole.chunks) == awschunk_complete(&bytewise.chunks));
    fuzz_check(slice_eq(buf_slice(&whole.chunks.trailers), buf_slice(&bytewise.chunks.trailers)));
    fuzz_check(slice_eq(buf_slice(&whole.chunks.marks), buf_slice(&bytewise.chunks.marks)));
    awschunk_deinit(&whole.chunks);
    awschunk_deinit(&bytewise.chunks);
}
