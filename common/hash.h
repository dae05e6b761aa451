/* hash: hashes of bytes. SHA-256 is written out here so that no worker needs libcrypto for a digest now and then. */
#pragma once

#include "common/slice.h"

/* A fast hash for tables (not for secrets). */
uint64_t hash_bytes(slice bytes);

void hash_sha256(slice bytes, uint8_t digest[32]);

/* The same as 64 lower-case hex digits. */
slice hash_sha256_hex(struct arena *arena, slice bytes);
