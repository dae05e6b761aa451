/* exec_frame: see exec_frame.h. */
#include "common/exec_frame.h"

#include <string.h>

enum { BYTE = 8, SIZE_BYTES = 4, NUMBER_BYTES = 4 };

static const char kinds[] = {EXEC_START,   EXEC_INPUT,  EXEC_INPUT_END,    EXEC_SIZE, EXEC_SIGNAL,
                             EXEC_STARTED, EXEC_OUTPUT, EXEC_ERROR_OUTPUT, EXEC_EXIT, EXEC_REFUSED};

static uint32_t number_of(const char *bytes, size_t count)
{
    uint32_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = number << BYTE | (unsigned char)bytes[i];
    return number;
}

void exec_frame_head(char head[EXEC_HEAD_BYTES], enum exec_kind kind, size_t payload_bytes)
{
    head[0] = (char)kind;
    for (int i = 0; i < NUMBER_BYTES; i++)
        head[1 + i] = (char)(payload_bytes >> (BYTE * (NUMBER_BYTES - 1 - i)));
}

ssize_t exec_frame_parse(slice bytes, struct exec_frame *frame)
{
    if (bytes.len == 0)
        return 0;
    if (!memchr(kinds, bytes.ptr[0], sizeof(kinds)))
        return -1;
    if (bytes.len < EXEC_HEAD_BYTES)
        return 0;
    size_t length = number_of(bytes.ptr + 1, NUMBER_BYTES);
    if (length > EXEC_MAX_PAYLOAD)
        return -1;
    if (bytes.len < EXEC_HEAD_BYTES + length)
        return 0;
    frame->kind = (enum exec_kind)bytes.ptr[0];
    frame->payload = slice_sub(bytes, EXEC_HEAD_BYTES, EXEC_HEAD_BYTES + length);
    return (ssize_t)(EXEC_HEAD_BYTES + length);
}

int exec_frame_size(const struct exec_frame *frame, uint16_t *rows, uint16_t *columns)
{
    if (frame->payload.len != SIZE_BYTES)
        return -1;
    *rows = (uint16_t)number_of(frame->payload.ptr, 2);
    *columns = (uint16_t)number_of(frame->payload.ptr + 2, 2);
    return 0;
}

int exec_frame_number(const struct exec_frame *frame, uint32_t *number)
{
    if (frame->payload.len != NUMBER_BYTES)
        return -1;
    *number = number_of(frame->payload.ptr, NUMBER_BYTES);
    return 0;
}
