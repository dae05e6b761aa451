/* Tests of reading and removing the events of many streams: order, pages, and that the cost follows what is answered.
 */
#include "services/logs/test_logs.h"

#include "services/logs/store.h"

enum { STREAMS = 2000 };

/* How many steps sqlite has made. */
static int count_steps(struct call *c, void *context)
{
    *(int64_t *)context = db_test_steps(c->db);
    return 0;
}

static int64_t steps(void)
{
    int64_t n = 0;
    assert_int_equal(worker_run(worker, count_steps, &n), 0);
    return n;
}

/* What appends to streams below the level of requests, which would take longer. */
struct append {
    slice stream;
    const int64_t *ms;
    size_t n;
    size_t padding; /* of each message */
    int number;     /* of the first event */
};

static int append(struct call *c, void *context)
{
    const struct append *a = context;
    struct log_group group;
    struct log_stream stream;
    struct event_list events = {0};
    c->operation = NULL;
    TRY(group_get(c, S("/g"), &group));
    TRY(stream_get(c, group.id, a->stream, &stream));
    for (size_t i = 0; i < a->n; i++) {
        slice text = arena_printf(c->arena, "%d %*s", a->number + (int)i, (int)a->padding, "");
        *list_add(c->arena, &events) = (struct event){.ms = a->ms[i], .message = text};
    }
    store_append(c, &stream, &events);
    return 0;
}

static void append_to(const char *stream, const int64_t *ms, size_t n, size_t padding, int number)
{
    struct append a = {slice_of(stream), ms, n, padding, number};
    assert_int_equal(worker_run(worker, append, &a), 0);
}

static void append_one(int stream, int64_t ms, int number)
{
    append_to(arena_printf(arena, "s%05d", stream).ptr, &ms, 1, 0, number);
}

static int make_streams(struct call *c, void *context)
{
    struct log_group group;
    TRY(group_get(c, S("/g"), &group));
    for (int i = 0; i < *(int *)context; i++)
        db_run(c->db, LOGS_SQL_STREAM_INSERT, "iti", group.id, arena_printf(c->arena, "s%05d", i), c->now_ms);
    return 0;
}

static void make_group(int streams)
{
    ok("CreateLogGroup", "{\"logGroupName\": \"/g\"}");
    assert_int_equal(worker_run(worker, make_streams, &streams), 0);
}

static const struct val *filter(const char *more, slice token)
{
    slice page = token.ptr ? arena_printf(arena, ", \"nextToken\": \"%.*s\"", SLICE_ARG(token)) : S("");
    const struct val *answer =
        call("FilterLogEvents", arena_printf(arena, "{\"logGroupName\": \"/g\"%s%.*s}", more, SLICE_ARG(page)));
    assert_int_equal(reply.status, 200);
    return answer;
}

static slice token_in(const struct val *page)
{
    const struct val *token = val_get(page, S("nextToken"));
    return token ? slice_dup(arena, token->string) : (slice){NULL, 0};
}

static int number_at(const struct val *page, size_t i)
{
    return atoi(slice_cstr(arena, message_at(page, i)));
}

/* One event in each of many streams: a page costs what it shows, wherever it begins. */
static void test_cost(void **state)
{
    make_group(STREAMS);
    for (int i = 0; i < STREAMS; i++)
        append_one(i, now + i, i);
    const char *const questions[] = {
        ", \"limit\": 10",
        ", \"limit\": 10, \"startTime\": 1700000001000",
        ", \"limit\": 10, \"startTime\": 1700000001000, \"endTime\": 1700000001004",
        ", \"endTime\": 1699999999999",
        ", \"startTime\": 1700000002000",
        ", \"limit\": 10, \"logStreamNames\": [\"s00001\", \"s01999\"]",
        ", \"limit\": 10, \"logStreamNamePrefix\": \"s0199\"",
        ", \"limit\": 10, \"logStreamNamePrefix\": \"s0\"",
    };
    const size_t found[] = {10, 10, 5, 0, 0, 2, 10, 10};
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
        int64_t before = steps();
        const struct val *page = filter(questions[i], (slice){NULL, 0});
        int64_t cost = steps() - before;
        assert_int_equal(count(page, "events"), found[i]);
        if (cost > 4000)
            fail_msg("%s: %lld steps", questions[i], (long long)cost);
    }
    int64_t before = steps();
    slice token = token_in(filter(", \"limit\": 1900", (slice){NULL, 0}));
    int64_t large = steps() - before;
    before = steps();
    const struct val *page = filter(", \"limit\": 19", token);
    assert_int_equal(number_at(page, 0), 1900);
    assert_true(steps() - before < large / 20);
}

static void test_describe_cost(void **state)
{
    make_group(STREAMS);
    for (int i = 0; i < STREAMS; i++)
        append_one(i, now + (STREAMS - i) * 100, i);
    append_one(4, now + 1, 0); /* older than what it has */
    static const struct {
        const char *more;
        const char *first;
        const char *second;
    } cases[] = {
        {"\"orderBy\": \"LastEventTime\", \"descending\": true", "s00000", "s00001"},
        {"\"orderBy\": \"LastEventTime\"", "s01999", "s01998"},
        {"\"descending\": true", "s01999", "s01998"},
        {"\"descending\": true, \"logStreamNamePrefix\": \"s001\"", "s00199", "s00198"},
        {"\"logStreamNamePrefix\": \"s0199\"", "s01990", "s01991"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *ask = arena_printf(arena, "{\"logGroupName\": \"/g\", \"limit\": 1, %s", cases[i].more).ptr;
        int64_t before = steps();
        const struct val *page = call("DescribeLogStreams", arena_printf(arena, "%s}", ask));
        assert_true(
            slice_eq(val_get_string(item(page, "logStreams", 0), S("logStreamName")), slice_of(cases[i].first)));
        page = call("DescribeLogStreams",
                    arena_printf(arena, "%s, \"nextToken\": \"%.*s\"}", ask, SLICE_ARG(token_in(page))));
        assert_true(
            slice_eq(val_get_string(item(page, "logStreams", 0), S("logStreamName")), slice_of(cases[i].second)));
        if (steps() - before > 1000)
            fail_msg("%s: %lld steps", cases[i].more, (long long)(steps() - before));
    }
    /* All of them, in both orders, in pages. */
    for (int down = 0; down < 2; down++) {
        slice token = {NULL, 0};
        int64_t last_ms = down ? INT64_MAX : -1;
        size_t n = 0;
        do {
            slice more = token.ptr ? arena_printf(arena, ", \"nextToken\": \"%.*s\"", SLICE_ARG(token)) : S("");
            const struct val *page =
                call("DescribeLogStreams",
                     arena_printf(arena,
                                  "{\"logGroupName\": \"/g\", \"orderBy\": \"LastEventTime\", \"limit\": 37, "
                                  "\"descending\": %s%.*s}",
                                  down ? "true" : "false", SLICE_ARG(more)));
            for (size_t i = 0; i < count(page, "logStreams"); i++, n++) {
                int64_t ms = val_get_int(item(page, "logStreams", i), S("lastEventTimestamp"), 0);
                assert_true(down ? ms <= last_ms : ms >= last_ms);
                last_ms = ms;
            }
            token = token_in(page);
        } while (token.ptr);
        assert_int_equal(n, STREAMS);
    }
    const struct val *page = ok("DescribeLogStreams", "{\"logGroupName\": \"/g\", \"descending\": true, "
                                                      "\"logStreamNamePrefix\": \"s0199\"}");
    assert_int_equal(count(page, "logStreams"), 10);
}

/* Every event once, in order of time, however the pages fall; streams' own events in the order of their arrival. */
static void walk_pages(const char *more, size_t expected, int streams, int later)
{
    int64_t last_ms = 0;
    size_t n = 0;
    slice token = {NULL, 0};
    char *seen = arena_alloc(arena, expected + 1);
    memset(seen, 0, expected + 1);
    do {
        const struct val *page = filter(more, token);
        for (size_t i = 0; i < count(page, "events"); i++, n++) {
            int64_t ms = val_get_int(item(page, "events", i), S("timestamp"), -1);
            int number = number_at(page, i);
            assert_true(ms >= last_ms && number >= 0 && (size_t)number < expected && !seen[number]);
            seen[number] = 1;
            last_ms = ms;
        }
        if (later > 0 && n > 0) { /* what comes later, later in time too, is found by the pages behind */
            append_one((int)(n % (size_t)streams), last_ms + later, (int)expected - later);
            later--;
        }
        token = token_in(page);
    } while (token.ptr);
    assert_int_equal(n, expected);
}

static void test_order(void **state)
{
    enum { BLOCKS = 600, FEW = 7 };
    int total = 0;
    unsigned seed = 12345;
    make_group(150);
    for (int b = 0; b < BLOCKS; b++) {
        int64_t ms[40], at = now + (seed = seed * 1103515245 + 12345) % 5000;
        size_t n = (seed >> 16) % 40 + 1;
        for (size_t i = 0; i < n; i++)
            ms[i] = at += (seed >> (i % 16)) % (b % 3 == 0 ? 2 : b % 3 == 1 ? 60 : 1400);
        /* Some are too large to be kept. */
        append_to(arena_printf(arena, "s%05d", b % 150).ptr, ms, n, b % 50 == 0 ? 6000 : 0, total);
        total += (int)n;
    }
    walk_pages(", \"limit\": 10000", (size_t)total, 150, 0);
    walk_pages(", \"limit\": 97", (size_t)total, 150, 0);
    walk_pages(", \"limit\": 89, \"logStreamNamePrefix\": \"s00\"", (size_t)total, 150, 0);
    walk_pages(", \"limit\": 500", (size_t)total + FEW, 150, FEW);
}

/* Names that few have: pages may be empty, but they come to an end, and nothing is left out. */
static void test_passed_over(void **state)
{
    enum { OTHERS = 45000 };
    int64_t *ms = arena_array(arena, OTHERS, sizeof(*ms));
    make_group(300);
    ok("CreateLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"other\"}");
    for (int i = 0; i < OTHERS; i++) {
        ms[0] = now + i;
        append_to("other", ms, 1, 0, -1);
    }
    for (int i = 0; i < 300; i++)
        append_one(i, now + i * 149, i);
    walk_pages(", \"logStreamNamePrefix\": \"s\"", 300, 300, 0);
}

static int count_rows(struct call *c, void *context)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_LEFT, "");
    *(int64_t *)context = db_next(&rows) ? db_int(&rows, 0) : -1;
    db_done(&rows);
    return 0;
}

static int64_t rows_left(void)
{
    int64_t n = 0;
    assert_int_equal(worker_run(worker, count_rows, &n), 0);
    return n;
}

/* Deleted groups and streams, and what has expired, go with all their rows, some at a time. */
static void test_removal(void **state)
{
    const int64_t day = 24 * 3600 * 1000LL;
    make_group(500);
    for (int i = 0; i < 1500; i++)
        append_one(i % 500, now + i, i);
    assert_true(rows_left() > 3000);
    ok("DeleteLogStream", "{\"logGroupName\": \"/g\", \"logStreamName\": \"s00007\"}");
    assert_int_equal(count(filter("", (slice){NULL, 0}), "events"), 1497);
    ok("DeleteLogGroup", "{\"logGroupName\": \"/g\"}");
    assert_int_equal(rows_left(), 0);
    make_group(300);
    assert_int_equal(count(filter("", (slice){NULL, 0}), "events"), 0);
    for (int i = 0; i < 900; i++)
        append_one(i % 300, i % 2 ? now : now + day, i);
    ok("PutRetentionPolicy", "{\"logGroupName\": \"/g\", \"retentionInDays\": 1}");
    worker_test_set_time(worker, now + day + 3600 * 1000);
    assert_int_equal(count(filter("", (slice){NULL, 0}), "events"), 450);
    ok("DeleteLogGroup", "{\"logGroupName\": \"/g\"}");
    assert_int_equal(rows_left(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_describe_cost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removal, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
