/* msg: the envelope's bytes. How envelopes travel is bus's business, what they mean the receivers'.
 *
 * On the wire, in host byte order (both ends are on one machine): struct wire_head, then for each bit set in `present`,
 * lowest first, a uint32_t length and that many bytes. `length` counts everything, itself included, and must come out
 * exactly. */
#include <assert.h>

#include "common/buf.h"
#include "common/err.h"
#include "proto/msg.h"

enum { MSG_MAGIC = 0x5341, MSG_VERSION = 1 };

struct wire_head {
    uint32_t length;
    uint16_t magic;
    uint8_t version;
    uint8_t kind;
    uint8_t flags;
    uint8_t zero;
    uint16_t status;
    uint32_t present;
    uint64_t call_id;
    int64_t deadline_ms;
    int64_t file_offset;
    int64_t file_length;
};
static_assert(sizeof(struct wire_head) == 48, "no padding");

#define MSG_FIELD(member) offsetof(struct msg, member),
static const uint16_t fields[] = {
#include "proto/msg_fields.def"
};
#undef MSG_FIELD
enum { N_FIELDS = sizeof fields / sizeof fields[0] };
static_assert(N_FIELDS < 32, "one bit each");

static slice *field_of(struct msg *msg, size_t i)
{
    return (slice *)(void *)((char *)msg + fields[i]);
}

static slice field_value(const struct msg *msg, size_t i)
{
    slice value;
    memcpy(&value, (const char *)msg + fields[i], sizeof value);
    return value;
}

size_t msg_size(const struct msg *msg)
{
    size_t size = sizeof(struct wire_head);
    for (size_t i = 0; i < N_FIELDS; i++) {
        slice value = field_value(msg, i);
        if (value.ptr)
            size += sizeof(uint32_t) + value.len;
    }
    return size;
}

void msg_write(struct buf *buf, const struct msg *msg)
{
    size_t size = msg_size(msg);
    assert(size <= UINT32_MAX);
    char *start = buf_reserve(buf, size);
    char *p = start + sizeof(struct wire_head);
    struct wire_head head = {
        .length = (uint32_t)size,
        .magic = MSG_MAGIC,
        .version = MSG_VERSION,
        .kind = msg->kind,
        .flags = msg->flags,
        .status = msg->status,
        .call_id = msg->call_id,
        .deadline_ms = msg->deadline_ms,
        .file_offset = msg->file_offset,
        .file_length = msg->file_length,
    };
    for (size_t i = 0; i < N_FIELDS; i++) {
        slice value = field_value(msg, i);
        if (!value.ptr)
            continue;
        uint32_t length = (uint32_t)value.len;
        head.present |= 1u << i;
        memcpy(p, &length, sizeof length);
        memcpy(p + sizeof length, value.ptr, value.len);
        p += sizeof length + value.len;
    }
    memcpy(start, &head, sizeof head);
    buf->len += size;
}

static bool head_valid(const struct wire_head *head, size_t available)
{
    return head->magic == MSG_MAGIC && head->version == MSG_VERSION && head->length >= sizeof *head &&
           head->length <= available && head->kind >= MSG_REQUEST && head->kind <= MSG_HELLO && head->zero == 0 &&
           head->present >> N_FIELDS == 0;
}

/* The fields named in present fill [p, end) exactly. */
static int read_fields(const char *p, const char *end, uint32_t present, struct msg *msg)
{
    for (; present; present &= present - 1) {
        uint32_t length;
        if ((size_t)(end - p) < sizeof length)
            return FAULT_MESSAGE;
        memcpy(&length, p, sizeof length);
        p += sizeof length;
        if ((size_t)(end - p) < length)
            return FAULT_MESSAGE;
        *field_of(msg, (size_t)__builtin_ctz(present)) = (slice){p, length};
        p += length;
    }
    return p == end ? 0 : FAULT_MESSAGE;
}

int msg_read(slice *bytes, struct msg *msg)
{
    struct wire_head head;
    if (bytes->len < sizeof head)
        return FAULT_MESSAGE;
    memcpy(&head, bytes->ptr, sizeof head);
    if (!head_valid(&head, bytes->len))
        return FAULT_MESSAGE;
    *msg = (struct msg){
        .kind = head.kind,
        .flags = head.flags,
        .status = head.status,
        .call_id = head.call_id,
        .deadline_ms = head.deadline_ms,
        .file_offset = head.file_offset,
        .file_length = head.file_length,
    };
    TRY(read_fields(bytes->ptr + sizeof head, bytes->ptr + head.length, head.present, msg));
    *bytes = (slice){bytes->ptr + head.length, bytes->len - head.length};
    return 0;
}

slice msg_header(const struct msg *msg, slice name)
{
    const char *p = msg->headers.ptr;
    const char *end = p ? p + msg->headers.len : p;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        if ((size_t)(stop - p) > name.len && p[name.len] == ':' && memcmp(p, name.ptr, name.len) == 0) {
            const char *value = p + name.len + 1;
            if (value < stop && *value == ' ')
                value++;
            return (slice){value, (size_t)(stop - value)};
        }
        p = newline ? newline + 1 : end;
    }
    return (slice){NULL, 0};
}

#define MSG_FIELD(member) " " #member
static const char build_id[] = "awssim bus 1:"
#include "proto/msg_fields.def"
    ;
#undef MSG_FIELD

slice msg_build_id(void)
{
    return (slice){build_id, sizeof build_id - 1};
}
