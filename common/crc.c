/* crc: see crc.h. All are reflected and inverted before and after. CRC32C has an instruction; the others go sixteen
 * bytes a step through tables, which a 32-bit polynomial shares with the 64-bit one by standing in the low half. */
#include "common/crc.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { STEP = 16 };

struct table {
    uint64_t polynomial; /* reflected */
    uint64_t of[STEP][256];
};

static struct table crc32_table = {.polynomial = 0xedb88320};
static struct table crc32c_table = {.polynomial = 0x82f63b78};
static struct table crc64_table = {.polynomial = 0x9a6c9329ac4bc9b5};
static pthread_once_t made = PTHREAD_ONCE_INIT;
static bool has_instruction;

static void make(struct table *table)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ table->polynomial : value >> 1;
        table->of[0][byte] = value;
    }
    for (int step = 1; step < STEP; step++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t before = table->of[step - 1][byte];
            table->of[step][byte] = before >> 8 ^ table->of[0][before & 255];
        }
    }
}

static void make_all(void)
{
    make(&crc32_table);
    make(&crc32c_table);
    make(&crc64_table);
#ifdef __x86_64__
    has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

static uint64_t eight(const struct table *table, int from, uint64_t word)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++, word >>= 8)
        value ^= table->of[from - i][word & 255];
    return value;
}

static uint64_t run(const struct table *table, uint64_t value, const unsigned char *at, size_t len)
{
    for (; len >= STEP; at += STEP, len -= STEP) {
        uint64_t first, second;
        memcpy(&first, at, 8);
        memcpy(&second, at + 8, 8);
        value = eight(table, STEP - 1, first ^ value) ^ eight(table, 7, second);
    }
    for (; len > 0; at++, len--)
        value = value >> 8 ^ table->of[0][(value ^ *at) & 255];
    return value;
}

uint32_t crc_32(uint32_t so_far, const void *bytes, size_t len)
{
    pthread_once(&made, make_all);
    return ~(uint32_t)run(&crc32_table, ~so_far, bytes, len);
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t run_instruction(uint64_t value, const unsigned char *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        value = __builtin_ia32_crc32di(value, word);
    }
    for (; len > 0; at++, len--)
        value = __builtin_ia32_crc32qi((uint32_t)value, *at);
    return (uint32_t)value;
}
#endif

uint32_t crc_32c(uint32_t so_far, const void *bytes, size_t len)
{
    pthread_once(&made, make_all);
#ifdef __x86_64__
    if (has_instruction)
        return ~run_instruction((uint32_t)~so_far, bytes, len);
#endif
    return ~(uint32_t)run(&crc32c_table, (uint32_t)~so_far, bytes, len);
}

uint64_t crc_64nvme(uint64_t so_far, const void *bytes, size_t len)
{
    pthread_once(&made, make_all);
    return ~run(&crc64_table, ~so_far, bytes, len);
}

/* a times b modulo the polynomial; the highest bit is x^0. */
static uint64_t multiply(uint64_t polynomial, unsigned bits, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = (uint64_t)1 << (bits - 1); bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? b >> 1 ^ polynomial : b >> 1;
    }
    return product;
}

/* Appending len_b bytes multiplies what stood before them by x^(8 len_b). */
static uint64_t join(uint64_t polynomial, unsigned bits, uint64_t a, uint64_t b, uint64_t len_b)
{
    uint64_t shift = (uint64_t)1 << (bits - 1), power = shift >> 8;
    for (; len_b > 0; len_b >>= 1) {
        if (len_b & 1)
            shift = multiply(polynomial, bits, shift, power);
        power = multiply(polynomial, bits, power, power);
    }
    return multiply(polynomial, bits, shift, a) ^ b;
}

uint32_t crc_32_join(uint32_t a, uint32_t b, uint64_t len_b)
{
    return (uint32_t)join(crc32_table.polynomial, 32, a, b, len_b);
}

uint32_t crc_32c_join(uint32_t a, uint32_t b, uint64_t len_b)
{
    return (uint32_t)join(crc32c_table.polynomial, 32, a, b, len_b);
}

uint64_t crc_64nvme_join(uint64_t a, uint64_t b, uint64_t len_b)
{
    return join(crc64_table.polynomial, 64, a, b, len_b);
}
