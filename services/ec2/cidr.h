/* cidr: ranges of addresses. IPv4 addresses are numbers in host order. */
#pragma once

#include "common/slice.h"

struct arena;

struct cidr {
    uint32_t first;
    int prefix;
};

/* "10.0.0.0/16". False for anything else; the host bits may be set (cidr_canonical clears them). */
bool cidr_parse(slice text, struct cidr *cidr);
struct cidr cidr_canonical(struct cidr cidr);
slice cidr_text(struct arena *arena, struct cidr cidr);
uint32_t cidr_size(struct cidr cidr);
bool cidr_contains(struct cidr outer, struct cidr inner);
bool cidr_overlaps(struct cidr a, struct cidr b);

/* "10.0.0.4" */
bool cidr_parse_address(slice text, uint32_t *address);
slice cidr_address_text(struct arena *arena, uint32_t address);

/* "fd00::/8" in the form AWS gives back (compressed, host bits clear), or absent when it is none. */
slice cidr_canonical6(struct arena *arena, slice text);
