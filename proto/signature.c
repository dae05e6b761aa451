/* signature: see signature.h. */
#include "proto/signature.h"

#include "common/arena.h"
#include "common/base64.h"
#include "common/digest.h"
#include "common/hmac.h"

enum { LONGEST_SECRET = 256 };

static slice bytes_of(const uint8_t *bytes, size_t n)
{
    return (slice){(const char *)bytes, n};
}

void signature_key(slice secret, slice date, slice region, slice service, uint8_t key[SIGNATURE_KEY_BYTES])
{
    char first[LONGEST_SECRET + 4] = "AWS4";
    size_t n = secret.len < LONGEST_SECRET ? secret.len : LONGEST_SECRET;
    memcpy(first + 4, secret.ptr, n);
    hmac_sha256((slice){first, n + 4}, date, key);
    hmac_sha256(bytes_of(key, SIGNATURE_KEY_BYTES), region, key);
    hmac_sha256(bytes_of(key, SIGNATURE_KEY_BYTES), service, key);
    hmac_sha256(bytes_of(key, SIGNATURE_KEY_BYTES), S("aws4_request"), key);
}

static slice hex_of(struct arena *arena, const uint8_t hash[SIGNATURE_KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *hex = arena_alloc(arena, SIGNATURE_HEX_DIGITS);
    for (size_t i = 0; i < SIGNATURE_KEY_BYTES; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    return (slice){hex, SIGNATURE_HEX_DIGITS};
}

slice signature_v4(struct arena *arena, const uint8_t key[SIGNATURE_KEY_BYTES], slice text)
{
    uint8_t mac[HMAC_SHA256_BYTES];
    hmac_sha256(bytes_of(key, SIGNATURE_KEY_BYTES), text, mac);
    return hex_of(arena, mac);
}

slice signature_hash(struct arena *arena, slice text)
{
    uint8_t hash[DIGEST_MAX_BYTES];
    digest_of(DIGEST_SHA256, text, hash);
    return hex_of(arena, hash);
}

slice signature_v2(struct arena *arena, slice secret, slice text)
{
    uint8_t mac[HMAC_SHA1_BYTES];
    hmac_sha1(secret, text, mac);
    return base64_encode(arena, bytes_of(mac, sizeof(mac)));
}

bool signature_equal(slice a, slice b)
{
    unsigned char difference = 0;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
    return difference == 0;
}
