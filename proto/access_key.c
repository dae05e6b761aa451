/* access_key: see access_key.h. Behind the four letters are 80 bits in base 32; bits 1 to 40 are the account number. */
#include "proto/access_key.h"

#include "common/arena.h"
#include "common/ids.h"

#include <stdio.h>

enum { KEY_LENGTH = 20, PREFIX_LENGTH = 4 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static bool all_digits(slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return true;
}

bool access_key_account(slice key, char account[13])
{
    if (key.len == 12 && all_digits(key)) {
        memcpy(account, key.ptr, 12);
        account[12] = '\0';
        return true;
    }
    if (key.len != KEY_LENGTH || !(slice_starts(key, S("AKIA")) || slice_starts(key, S("ASIA"))))
        return false;
    uint64_t bits = 0; /* the first 50 of the 80 */
    for (size_t i = PREFIX_LENGTH; i < PREFIX_LENGTH + 10; i++) {
        const char *found = memchr(alphabet, key.ptr[i], sizeof(alphabet) - 1);
        if (!found)
            return false;
        bits = bits << 5 | (uint64_t)(found - alphabet);
    }
    uint64_t number = (bits >> 2 & 0x7fffffffff80) >> 7;
    if (number > 999999999999)
        return false;
    snprintf(account, 13, "%012llu", (unsigned long long)number);
    return true;
}

slice access_key_new(struct arena *arena, slice prefix, slice account)
{
    int64_t number = 0;
    uint64_t noise;
    slice_to_int64(account, &number);
    ids_bytes(&noise, sizeof(noise));
    uint64_t bits = ((uint64_t)number << 7 | (noise & 0x7f)) << 2 | (noise >> 8 & 3);
    char head[10];
    for (size_t i = sizeof(head); i-- > 0; bits >>= 5)
        head[i] = alphabet[bits & 31];
    slice tail = ids_base32(arena, 6);
    return arena_printf(arena, "%.*s%.10s%.*s", SLICE_ARG(prefix), head, SLICE_ARG(tail));
}

slice access_key_root_secret(slice root_keys, slice key)
{
    enum { ACCOUNT_DIGITS = 12 };
    bool account = key.len == ACCOUNT_DIGITS && all_digits(key);
    slice one, name, secret, first = {NULL, 0}, rest = root_keys;
    while (rest.len > 0) {
        slice_cut(rest, ',', &one, &rest);
        slice_cut(one, ':', &name, &secret);
        if (slice_eq(name, key))
            return secret;
        if (!first.ptr)
            first = secret;
    }
    return account ? first : (slice){NULL, 0};
}

enum access_key_kind access_key_kind(slice key)
{
    enum { LONGEST = 128 };
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
            return ACCESS_KEY_OTHER;
    }
    if (key.len > LONGEST)
        return ACCESS_KEY_OTHER;
    return slice_starts(key, S("ASIA"))   ? ACCESS_KEY_SESSION
           : slice_starts(key, S("AKIA")) ? ACCESS_KEY_USER
                                          : ACCESS_KEY_OTHER;
}
