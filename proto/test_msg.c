/* Tests of msg: what is written is read back, and what was not written is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/err.h"
#include "proto/msg.h"
#include "proto/segments.h"

static const struct msg sample = {
    .kind = MSG_REQUEST,
    .flags = MSG_FLAG_READONLY,
    .status = 418,
    .call_id = 0x1122334455667788,
    .deadline_ms = 123456789,
    .file_offset = -1,
    .file_length = INT64_MAX,
    .request_id = {"6f1e", 4},
    .service = {"ecs", 3},
    .operation = {"", 0},
    .headers = {"host: a\nx-amz-date: 2026\nx-amz: b: c\n", 38},
    .body = {"\0\1\2", 3},
    .error = {"E", 1},
};

static void assert_slice(slice a, slice b)
{
    assert_int_equal(a.ptr == NULL, b.ptr == NULL);
    assert_true(slice_eq(a, b));
}

static void assert_msg(const struct msg *a, const struct msg *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->call_id, b->call_id);
    assert_int_equal(a->deadline_ms, b->deadline_ms);
    assert_int_equal(a->file_offset, b->file_offset);
    assert_int_equal(a->file_length, b->file_length);
#define MSG_FIELD(member) assert_slice(a->member, b->member);
#include "proto/msg_fields.def"
#undef MSG_FIELD
}

static void test_round_trip(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct msg empty = {.kind = MSG_REPLY};
    msg_write(&buf, &sample);
    assert_int_equal(buf.len, msg_size(&sample));
    msg_write(&buf, &empty);
    msg_write(&buf, &sample);
    slice bytes = buf_slice(&buf);
    struct msg msg;
    assert_int_equal(msg_read(&bytes, &msg), 0);
    assert_msg(&msg, &sample);
    assert_int_equal(msg_read(&bytes, &msg), 0);
    assert_msg(&msg, &empty);
    assert_int_equal(msg_read(&bytes, &msg), 0);
    assert_msg(&msg, &sample);
    assert_int_equal(bytes.len, 0);
    assert_int_equal(msg_read(&bytes, &msg), FAULT_MESSAGE);
    buf_deinit(&buf);
}

static void test_every_field(void **state)
{
    (void)state;
    struct msg all = {.kind = MSG_EVENT};
#define MSG_FIELD(member) all.member = S(#member);
#include "proto/msg_fields.def"
#undef MSG_FIELD
    struct buf buf = {0};
    msg_write(&buf, &all);
    slice bytes = buf_slice(&buf);
    struct msg msg;
    assert_int_equal(msg_read(&bytes, &msg), 0);
    assert_msg(&msg, &all);
    buf_deinit(&buf);
}

/* A copy of exactly these bytes on the heap, so that a sanitizer sees every read beyond them. */
static int read_copy(const char *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    slice s = {copy, length};
    struct msg msg;
    int result = msg_read(&s, &msg);
    if (result == 0) {
        size_t sum = 0;
#define MSG_FIELD(member)                                                                                              \
    for (size_t i = 0; i < msg.member.len; i++)                                                                        \
        sum += (unsigned char)msg.member.ptr[i];
#include "proto/msg_fields.def"
#undef MSG_FIELD
        assert_true(sum < SIZE_MAX && s.len < length);
    }
    free(copy);
    return result;
}

static void test_every_prefix(void **state)
{
    (void)state;
    struct buf buf = {0};
    msg_write(&buf, &sample);
    for (size_t n = 0; n < buf.len; n++)
        assert_int_equal(read_copy(buf.ptr, n), FAULT_MESSAGE);
    assert_int_equal(read_copy(buf.ptr, buf.len), 0);
    buf_deinit(&buf);
}

static void test_every_corrupt_byte(void **state)
{
    (void)state;
    struct buf buf = {0};
    msg_write(&buf, &sample);
    for (size_t i = 0; i < buf.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            buf.ptr[i] = (char)(buf.ptr[i] ^ 1 << bit);
            int result = read_copy(buf.ptr, buf.len);
            assert_true(result == 0 || result == FAULT_MESSAGE);
            if (i < 7) /* length, magic and version tell every change */
                assert_int_equal(result, FAULT_MESSAGE);
            buf.ptr[i] = (char)(buf.ptr[i] ^ 1 << bit);
        }
    }
    buf_deinit(&buf);
}

static void test_trailing_bytes(void **state)
{
    (void)state;
    struct buf buf = {0};
    msg_write(&buf, &sample);
    uint32_t length = (uint32_t)buf.len + 1;
    buf_add(&buf, S("x"));
    memcpy(buf.ptr, &length, sizeof length);
    assert_int_equal(read_copy(buf.ptr, buf.len), FAULT_MESSAGE);
    buf_deinit(&buf);
}

static void test_header(void **state)
{
    (void)state;
    assert_slice(msg_header(&sample, S("host")), S("a"));
    assert_slice(msg_header(&sample, S("x-amz-date")), S("2026"));
    assert_slice(msg_header(&sample, S("x-amz")), S("b: c"));
    assert_slice(msg_header(&sample, S("x-am")), (slice){NULL, 0});
    assert_slice(msg_header(&(struct msg){.headers = S("a:\nb:")}, S("b")), S(""));
    assert_slice(msg_header(&(struct msg){.headers = S("a:\nb:")}, S("a")), S(""));
    assert_slice(msg_header(&(struct msg){.headers = S("a")}, S("a")), (slice){NULL, 0});
    assert_slice(msg_header(&(struct msg){0}, S("a")), (slice){NULL, 0});
}

static void test_build_id(void **state)
{
    (void)state;
    assert_true(slice_find(msg_build_id(), S(" request_id")) > 0);
    assert_true(slice_ends(msg_build_id(), S(" lease")));
}

static void test_segments(void **state)
{
    (void)state;
    struct buf text = {0};
    struct segment segment = {S("../s3/one"), 7, 100}, read;
    int64_t number;
    slice rest, name;
    segments_add(&text, &segment);
    segments_add(&text, &(struct segment){S("two"), 0, 1});
    rest = buf_slice(&text);
    assert_int_equal(segments_length(rest), 101);
    assert_true(segments_next(&rest, &read));
    assert_true(slice_eq(read.name, segment.name) && read.offset == 7 && read.length == 100);
    assert_true(segments_next(&rest, &read) && read.offset == 0);
    assert_false(segments_next(&rest, &read));
    assert_int_equal(rest.len, 0);
    buf_deinit(&text);
    static const char *const broken[] = {"0 1 a",  "0 0 a\n", "-1 1 a\n",  "1 a\n",
                                         "0 1 \n", "x 1 a\n", "0 1 a\n\n", "0 9223372036854775807 a\n0 1 b\n"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_int_equal(segments_length(slice_of(broken[i])), -1);
    assert_true(segments_lease(S("5 ../s3/x y"), &number, &name) && number == 5 && slice_eq(name, S("../s3/x y")));
    assert_false(segments_lease(S("5"), &number, &name));
    assert_false(segments_lease(S("-5 a"), &number, &name));
    assert_false(segments_lease(S(""), &number, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_every_prefix),   cmocka_unit_test(test_every_corrupt_byte),
        cmocka_unit_test(test_trailing_bytes), cmocka_unit_test(test_header),
        cmocka_unit_test(test_build_id),       cmocka_unit_test(test_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
