/* policy_operator: condition operators: how they compare one value of a document with one of the request. */
#include "services/policy/policy_parts.h"

#include "common/time.h"

#include <arpa/inet.h>

static bool string_equals(const struct policy_pattern *pattern, slice value)
{
    return slice_eq(pattern->text, value);
}

static bool string_equals_nocase(const struct policy_pattern *pattern, slice value)
{
    return slice_eq_nocase(pattern->text, value);
}

static bool string_like(const struct policy_pattern *pattern, slice value)
{
    return policy_pattern_match(pattern, value, false);
}

/* Each of the six parts by itself, so that no wildcard reaches over a colon. */
static bool arn_like(const struct policy_pattern *pattern, slice value)
{
    slice left = pattern->text, right = value;
    const char *wild = pattern->wild;
    for (size_t i = 0; i < 6; i++) {
        size_t n = i < 5 ? slice_index(left, ':') : left.len, m = i < 5 ? slice_index(right, ':') : right.len;
        struct policy_pattern part = {slice_sub(left, 0, n), wild};
        if ((i < 5 && (n == left.len || m == right.len)) || !policy_pattern_match(&part, slice_sub(right, 0, m), false))
            return false;
        wild += n + 1;
        left = slice_sub(left, n + 1, left.len);
        right = slice_sub(right, m + 1, right.len);
    }
    return true;
}

/* -1, 0 or 1, or 2 when one of the two is no number. */
static int compare_numbers(slice pattern, slice value)
{
    double left, right;
    if (!slice_to_double(pattern, &left) || !slice_to_double(value, &right))
        return 2;
    return right < left ? -1 : right > left;
}

static int compare_dates(slice pattern, slice value)
{
    int64_t left, right;
    if (!time_parse(pattern, &left) || !time_parse(value, &right))
        return 2;
    return right < left ? -1 : right > left;
}

/* ORDERED(prefix, compare): the comparisons that have an order. */
#define ORDERED(prefix, compare)                                                                                       \
    static bool prefix##_equals(const struct policy_pattern *pattern, slice value)                                     \
    {                                                                                                                  \
        return compare(pattern->text, value) == 0;                                                                     \
    }                                                                                                                  \
    static bool prefix##_less(const struct policy_pattern *pattern, slice value)                                       \
    {                                                                                                                  \
        return compare(pattern->text, value) == -1;                                                                    \
    }                                                                                                                  \
    static bool prefix##_less_equals(const struct policy_pattern *pattern, slice value)                                \
    {                                                                                                                  \
        return compare(pattern->text, value) <= 0;                                                                     \
    }                                                                                                                  \
    static bool prefix##_greater(const struct policy_pattern *pattern, slice value)                                    \
    {                                                                                                                  \
        return compare(pattern->text, value) == 1;                                                                     \
    }                                                                                                                  \
    static bool prefix##_greater_equals(const struct policy_pattern *pattern, slice value)                             \
    {                                                                                                                  \
        int order = compare(pattern->text, value);                                                                     \
        return order == 0 || order == 1;                                                                               \
    }

ORDERED(number, compare_numbers)
ORDERED(date, compare_dates)

/* An address as 16 bytes, IPv4 mapped; *bits is the length of its prefix. */
static bool parse_network(slice text, uint8_t address[16], int64_t *bits)
{
    char host[INET6_ADDRSTRLEN];
    slice name, prefix;
    bool has_prefix = slice_cut(text, '/', &name, &prefix);
    if (name.len == 0 || name.len >= sizeof(host))
        return false;
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    bool v4 = slice_index(name, ':') == name.len;
    *bits = v4 ? 32 : 128;
    if (has_prefix && (!slice_to_int64(prefix, bits) || *bits < 0 || *bits > (v4 ? 32 : 128)))
        return false;
    memcpy(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    if (v4)
        *bits += 96;
    return inet_pton(v4 ? AF_INET : AF_INET6, host, v4 ? address + 12 : address) == 1;
}

static bool ip_matches(const struct policy_pattern *pattern, slice value)
{
    uint8_t network[16], address[16];
    int64_t bits, all;
    if (!parse_network(pattern->text, network, &bits) || !parse_network(value, address, &all) || all != 128)
        return false;
    for (int64_t i = 0; i < bits; i++) {
        if ((network[i / 8] ^ address[i / 8]) >> (7 - i % 8) & 1)
            return false;
    }
    return true;
}

static const struct policy_operator operators[] = {
    {S("StringEquals"), string_equals, false},
    {S("StringNotEquals"), string_equals, true},
    {S("StringEqualsIgnoreCase"), string_equals_nocase, false},
    {S("StringNotEqualsIgnoreCase"), string_equals_nocase, true},
    {S("StringLike"), string_like, false},
    {S("StringNotLike"), string_like, true},
    {S("NumericEquals"), number_equals, false},
    {S("NumericNotEquals"), number_equals, true},
    {S("NumericLessThan"), number_less, false},
    {S("NumericLessThanEquals"), number_less_equals, false},
    {S("NumericGreaterThan"), number_greater, false},
    {S("NumericGreaterThanEquals"), number_greater_equals, false},
    {S("DateEquals"), date_equals, false},
    {S("DateNotEquals"), date_equals, true},
    {S("DateLessThan"), date_less, false},
    {S("DateLessThanEquals"), date_less_equals, false},
    {S("DateGreaterThan"), date_greater, false},
    {S("DateGreaterThanEquals"), date_greater_equals, false},
    {S("Bool"), string_equals_nocase, false},
    {S("BinaryEquals"), string_equals, false},
    {S("IpAddress"), ip_matches, false},
    {S("NotIpAddress"), ip_matches, true},
    {S("ArnEquals"), arn_like, false},
    {S("ArnLike"), arn_like, false},
    {S("ArnNotEquals"), arn_like, true},
    {S("ArnNotLike"), arn_like, true},
    {S("Null"), NULL, false},
};

const struct policy_operator *policy_operator_find(slice name, enum policy_quantifier *quantifier, bool *if_exists)
{
    static const slice every = S("ForAllValues:"), any = S("ForAnyValue:"), suffix = S("IfExists");
    *quantifier = POLICY_ONE_VALUE;
    if (slice_starts(name, every) || slice_starts(name, any)) {
        *quantifier = slice_starts(name, every) ? POLICY_ALL_VALUES : POLICY_ANY_VALUE;
        name = slice_sub(name, slice_index(name, ':') + 1, name.len);
    }
    *if_exists = slice_ends(name, suffix);
    if (*if_exists)
        name = slice_sub(name, 0, name.len - suffix.len);
    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
        if (slice_eq_nocase(name, operators[i].name))
            return operators[i].matches || !*if_exists ? &operators[i] : NULL;
    }
    return NULL;
}
