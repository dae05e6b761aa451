/* fuzz_exec_frame: frames of exec sessions. What is accepted lies within the bytes, and needed all of them. */
#include "tests/fuzz/fuzz.h"

#include "common/exec_frame.h"

static void fuzz_one(struct arena *arena, slice bytes)
{
    struct exec_frame frame;
    char head[EXEC_HEAD_BYTES];
    uint16_t rows, columns;
    uint32_t number;
    (void)arena;
    for (;;) {
        ssize_t taken = exec_frame_parse(bytes, &frame);
        if (taken <= 0)
            return;
        fuzz_check((size_t)taken <= bytes.len && frame.payload.len == (size_t)taken - EXEC_HEAD_BYTES);
        fuzz_check(frame.payload.ptr == bytes.ptr + EXEC_HEAD_BYTES && frame.payload.len <= EXEC_MAX_PAYLOAD);
        exec_frame_head(head, frame.kind, frame.payload.len);
        fuzz_check(slice_eq((slice){head, sizeof(head)}, slice_sub(bytes, 0, sizeof(head))));
        fuzz_check(exec_frame_parse(slice_sub(bytes, 0, (size_t)taken - 1), &frame) == 0);
        exec_frame_parse(bytes, &frame);
        exec_frame_size(&frame, &rows, &columns);
        exec_frame_number(&frame, &number);
        bytes = slice_sub(bytes, (size_t)taken, bytes.len);
    }
}
