/* hmac: keyed hashes (RFC 2104) over SHA-256 and SHA-1, as AWS's signatures use them. */
#pragma once

#include "common/slice.h"

enum { HMAC_SHA256_BYTES = 32, HMAC_SHA1_BYTES = 20 };

void hmac_sha256(slice key, slice text, uint8_t out[HMAC_SHA256_BYTES]);
void hmac_sha1(slice key, slice text, uint8_t out[HMAC_SHA1_BYTES]);
