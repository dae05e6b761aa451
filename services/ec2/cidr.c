/* cidr: see cidr.h. */
#include "services/ec2/cidr.h"

#include "common/arena.h"

#include <arpa/inet.h>

enum { IPV4_BITS = 32, IPV6_BITS = 128 };

bool cidr_parse_address(slice text, uint32_t *address)
{
    char buffer[INET_ADDRSTRLEN];
    struct in_addr parsed;
    if (text.len == 0 || text.len >= sizeof(buffer))
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = 0;
    if (inet_pton(AF_INET, buffer, &parsed) != 1)
        return false;
    *address = ntohl(parsed.s_addr);
    return true;
}

slice cidr_address_text(struct arena *arena, uint32_t address)
{
    return arena_printf(arena, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

static bool split(slice text, slice *address, int bits, int *prefix)
{
    slice digits;
    int64_t number;
    if (!slice_cut(text, '/', address, &digits) || digits.len > 3 || !slice_to_int64(digits, &number))
        return false;
    if (number < 0 || number > bits || digits.ptr[0] == '+')
        return false;
    *prefix = (int)number;
    return true;
}

bool cidr_parse(slice text, struct cidr *cidr)
{
    slice address;
    return split(text, &address, IPV4_BITS, &cidr->prefix) && cidr_parse_address(address, &cidr->first);
}

static uint32_t mask(int prefix)
{
    return prefix == 0 ? 0 : ~UINT32_C(0) << (IPV4_BITS - prefix);
}

struct cidr cidr_canonical(struct cidr cidr)
{
    return (struct cidr){cidr.first & mask(cidr.prefix), cidr.prefix};
}

slice cidr_text(struct arena *arena, struct cidr cidr)
{
    return arena_printf(arena, "%.*s/%d", SLICE_ARG(cidr_address_text(arena, cidr.first)), cidr.prefix);
}

uint32_t cidr_size(struct cidr cidr)
{
    return cidr.prefix == 0 ? UINT32_MAX : UINT32_C(1) << (IPV4_BITS - cidr.prefix);
}

bool cidr_contains(struct cidr outer, struct cidr inner)
{
    return inner.prefix >= outer.prefix && (inner.first & mask(outer.prefix)) == (outer.first & mask(outer.prefix));
}

bool cidr_overlaps(struct cidr a, struct cidr b)
{
    return cidr_contains(a, b) || cidr_contains(b, a);
}

slice cidr_canonical6(struct arena *arena, slice text)
{
    char buffer[INET6_ADDRSTRLEN];
    slice address;
    struct in6_addr parsed;
    int prefix;
    if (!split(text, &address, IPV6_BITS, &prefix) || address.len == 0 || address.len >= sizeof(buffer))
        return (slice){NULL, 0};
    memcpy(buffer, address.ptr, address.len);
    buffer[address.len] = 0;
    if (inet_pton(AF_INET6, buffer, &parsed) != 1)
        return (slice){NULL, 0};
    for (int bit = prefix; bit < IPV6_BITS; bit++)
        parsed.s6_addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    inet_ntop(AF_INET6, &parsed, buffer, sizeof(buffer));
    return arena_printf(arena, "%s/%d", buffer, prefix);
}
