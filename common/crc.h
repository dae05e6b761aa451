/* crc: the cyclic redundancy checks that S3 knows, and joining those of neighbouring pieces. Each begins with 0 and
 * goes on from the value so far. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc_32(uint32_t so_far, const void *bytes, size_t len);  /* of zlib and Ethernet */
uint32_t crc_32c(uint32_t so_far, const void *bytes, size_t len); /* Castagnoli */
uint64_t crc_64nvme(uint64_t so_far, const void *bytes, size_t len);

/* The CRC of a piece with CRC a followed by one with CRC b of len_b bytes. */
uint32_t crc_32_join(uint32_t a, uint32_t b, uint64_t len_b);
uint32_t crc_32c_join(uint32_t a, uint32_t b, uint64_t len_b);
uint64_t crc_64nvme_join(uint64_t a, uint64_t b, uint64_t len_b);
