/* Tests of crc, digest and hashpool: known values, joined pieces, files hashed while they grow. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/crc.h"
#include "common/digest.h"
#include "common/fdio.h"
#include "common/hashpool.h"

static const char nine[] = "123456789";

static void test_crc_values(void **state)
{
    assert_int_equal(crc_32(0, nine, 9), 0xcbf43926);
    assert_int_equal(crc_32c(0, nine, 9), 0xe3069283);
    assert_true(crc_64nvme(0, nine, 9) == 0xae8b14860a799888);
    assert_int_equal(crc_32(0, "", 0), 0);
}

static void fill(char *bytes, size_t len)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (char)(seed >> 24);
    }
}

static void test_crc_pieces(void **state)
{
    static char bytes[1000];
    fill(bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= sizeof(bytes); cut += 37) {
        size_t rest = sizeof(bytes) - cut;
        assert_int_equal(crc_32(crc_32(0, bytes, cut), bytes + cut, rest), crc_32(0, bytes, sizeof(bytes)));
        assert_int_equal(crc_32_join(crc_32(0, bytes, cut), crc_32(0, bytes + cut, rest), rest),
                         crc_32(0, bytes, sizeof(bytes)));
        assert_int_equal(crc_32c_join(crc_32c(0, bytes, cut), crc_32c(0, bytes + cut, rest), rest),
                         crc_32c(0, bytes, sizeof(bytes)));
        assert_true(crc_64nvme_join(crc_64nvme(0, bytes, cut), crc_64nvme(0, bytes + cut, rest), rest) ==
                    crc_64nvme(0, bytes, sizeof(bytes)));
    }
}

static void test_digest_text(void **state)
{
    struct arena *arena = arena_open();
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];
    digest_begin(&digest, DIGEST_ALL);
    digest_add(&digest, "12345", 5);
    digest_add(&digest, "6789", 4);
    slice all = {text, digest_end(&digest, text, 0)};
    assert_true(
        slice_starts(all, S("md5 25f9e794323b453885f5181f1b624d0b\nsha1 f7c3bc1d808e04732adf679965ccc34ca7ae3441\n")));
    assert_true(slice_find(all, S("crc32 cbf43926\ncrc32c e3069283\ncrc64nvme ae8b14860a799888\n")) > 0);
    assert_true(slice_ends(
        all, S("xxhash64 8cb841db40e6ae83\nxxhash3 72dcb18b67a17dff\nxxhash128 33119477ede5dcd5e9716427681d5860\n")));
    assert_int_equal(digest_get(arena, all, DIGEST_SHA512).len, 64);
    assert_true(slice_eq(digest_get(arena, all, DIGEST_CRC32), S("\xcb\xf4\x39\x26")));
    assert_int_equal(digest_get(arena, all, DIGEST_SHA256).len, 32);
    assert_int_equal(digest_named(S("Crc32C")), DIGEST_CRC32C);
    assert_int_equal(digest_named(S("sha384")), 0);
    arena_close(arena);
}

static struct hashjob *wait_done(struct hashpool *pool)
{
    struct pollfd ready = {.fd = hashpool_fd(pool), .events = POLLIN};
    struct hashjob *job = NULL;
    while (!job && poll(&ready, 1, 10000) == 1)
        job = hashpool_next(pool);
    assert_non_null(job);
    return job;
}

static void test_growing_file(void **state)
{
    enum { PIECE = 700000, PIECES = 20 };
    static char bytes[PIECE];
    char path[] = "/tmp/awssim-hash-XXXXXX", text[DIGEST_TEXT_BYTES];
    int fd = mkstemp(path), error;
    struct hashpool *pool = hashpool_open();
    struct digest digest;
    digest_begin(&digest, DIGEST_ALL);
    fill(bytes, sizeof(bytes));
    struct hashjob *job = hashpool_begin(pool, fd, DIGEST_ALL, path);
    struct hashjob *dropped = hashpool_begin(pool, fd, DIGEST_ALL, NULL);
    for (int i = 1; i <= PIECES; i++) {
        assert_int_equal(fdio_write_all(fd, (slice){bytes, sizeof(bytes)}), 0);
        digest_add(&digest, bytes, sizeof(bytes));
        hashpool_extend(job, (uint64_t)i * PIECE, i == PIECES);
        hashpool_extend(dropped, (uint64_t)i * PIECE, false);
    }
    hashpool_drop(dropped);
    assert_ptr_equal(wait_done(pool), job);
    assert_ptr_equal(hashpool_owner(job), path);
    assert_true(slice_eq(hashpool_text(job, &error), (slice){text, digest_end(&digest, text, 0)}));
    assert_int_equal(error, 0);
    hashpool_drop(job);
    close(fd);
    unlink(path);
    hashpool_close(pool);
}

/* A file that is shorter than it is said to be. */
static void test_lying_file(void **state)
{
    char path[] = "/tmp/awssim-hash-XXXXXX";
    int fd = mkstemp(path), error;
    struct hashpool *pool = hashpool_open();
    struct hashjob *job = hashpool_begin(pool, fd, DIGEST_MD5 | DIGEST_CRC32, NULL);
    hashpool_extend(job, 1000, true);
    assert_ptr_equal(wait_done(pool), job);
    assert_null(hashpool_text(job, &error).ptr);
    assert_true(error < 0);
    hashpool_drop(job);
    close(fd);
    unlink(path);
    hashpool_close(pool);
}

/* What is gone is closed, the large one in a thread, and at the latest with the pool. */
static void test_dispose(void **state)
{
    struct hashpool *pool = hashpool_open();
    int small = memfd_create("small", MFD_CLOEXEC), large = memfd_create("large", MFD_CLOEXEC);
    int job_file = memfd_create("hashed", MFD_CLOEXEC);
    (void)state;
    assert_int_equal(ftruncate(large, 64 << 20), 0);
    assert_int_equal(ftruncate(job_file, 64 << 20), 0);
    hashpool_dispose(pool, small);
    assert_int_equal(fcntl(small, F_GETFD), -1);
    hashpool_dispose(pool, large);
    struct hashjob *job = hashpool_begin(pool, job_file, DIGEST_MD5, NULL);
    hashpool_dispose(pool, job_file);
    hashpool_drop(job);
    hashpool_close(pool);
    assert_int_equal(fcntl(large, F_GETFD), -1);
    assert_int_equal(fcntl(job_file, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_values),   cmocka_unit_test(test_crc_pieces), cmocka_unit_test(test_digest_text),
        cmocka_unit_test(test_growing_file), cmocka_unit_test(test_lying_file), cmocka_unit_test(test_dispose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
