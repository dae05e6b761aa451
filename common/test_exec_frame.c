/* Tests of the frames of exec sessions. */
#include "common/exec_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_whole(void **state)
{
    char bytes[EXEC_HEAD_BYTES + 3 + EXEC_HEAD_BYTES];
    struct exec_frame frame;
    (void)state;
    exec_frame_head(bytes, EXEC_INPUT, 3);
    memcpy(bytes + EXEC_HEAD_BYTES, "abc", 3);
    exec_frame_head(bytes + EXEC_HEAD_BYTES + 3, EXEC_INPUT_END, 0);
    slice all = {bytes, sizeof(bytes)};
    assert_int_equal(exec_frame_parse(all, &frame), EXEC_HEAD_BYTES + 3);
    assert_int_equal(frame.kind, EXEC_INPUT);
    assert_true(slice_eq(frame.payload, S("abc")));
    assert_int_equal(exec_frame_parse(slice_sub(all, EXEC_HEAD_BYTES + 3, all.len), &frame), EXEC_HEAD_BYTES);
    assert_int_equal(frame.kind, EXEC_INPUT_END);
    assert_int_equal(frame.payload.len, 0);
    for (size_t n = 0; n < EXEC_HEAD_BYTES + 3; n++)
        assert_int_equal(exec_frame_parse(slice_sub(all, 0, n), &frame), 0);
}

static void test_limits(void **state)
{
    static char bytes[EXEC_HEAD_BYTES + EXEC_MAX_PAYLOAD + 1];
    struct exec_frame frame;
    (void)state;
    exec_frame_head(bytes, EXEC_OUTPUT, EXEC_MAX_PAYLOAD);
    assert_int_equal(exec_frame_parse((slice){bytes, sizeof(bytes)}, &frame), EXEC_HEAD_BYTES + EXEC_MAX_PAYLOAD);
    assert_int_equal(exec_frame_parse((slice){bytes, sizeof(bytes) - 2}, &frame), 0);
    exec_frame_head(bytes, EXEC_OUTPUT, EXEC_MAX_PAYLOAD + 1);
    assert_int_equal(exec_frame_parse((slice){bytes, EXEC_HEAD_BYTES}, &frame), -1);
    exec_frame_head(bytes, (enum exec_kind)'?', 0);
    assert_int_equal(exec_frame_parse((slice){bytes, 1}, &frame), -1);
    memset(bytes + 1, 0xff, 4);
    bytes[0] = EXEC_OUTPUT;
    assert_int_equal(exec_frame_parse((slice){bytes, sizeof(bytes)}, &frame), -1);
}

static void test_numbers(void **state)
{
    uint16_t rows = 0, columns = 0;
    uint32_t number = 0;
    (void)state;
    struct exec_frame frame = {EXEC_SIZE, {"\x01\x02\xff\xfe", 4}};
    assert_int_equal(exec_frame_size(&frame, &rows, &columns), 0);
    assert_int_equal(rows, 0x0102);
    assert_int_equal(columns, 0xfffe);
    assert_int_equal(exec_frame_number(&frame, &number), 0);
    assert_int_equal(number, 0x0102fffe);
    frame.payload.len = 3;
    assert_int_equal(exec_frame_size(&frame, &rows, &columns), -1);
    assert_int_equal(exec_frame_number(&frame, &number), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
