/* origin: see origin.h. */
#include "router/origin.h"

#include <arpa/inet.h>

#include "common/err.h"
#include "common/glob.h"
#include "router/http1.h"

/* "name:port" or "[address]:port", taken apart. */
struct authority {
    slice host; /* without brackets and the root's dot */
    slice port; /* absent when not given */
    bool bracketed;
};

struct site {
    slice whole; /* scheme and authority */
    slice scheme;
    slice authority; /* as written */
    struct authority parts;
};

/* Names that nobody else can point at this machine: reserved ones, and those of AWS and LocalStack, whose clients call
 * awssim by them. */
static const slice own_suffixes[] = {
    S(".localhost"),     S(".internal"),         S(".local"),   S(".localhost.localstack.cloud"),
    S(".amazonaws.com"), S(".amazonaws.com.cn"), S(".api.aws"), S(".on.aws"),
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool ends_nocase(slice text, slice suffix)
{
    return text.len > suffix.len && slice_eq_nocase(slice_sub(text, text.len - suffix.len, text.len), suffix);
}

static bool all(slice text, bool (*is)(char))
{
    for (size_t i = 0; i < text.len; i++)
        if (!is(text.ptr[i]))
            return false;
    return text.len > 0;
}

static bool is_name_byte(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_' || c == '.';
}

static bool is_address_byte(char c)
{
    return is_hex(c) || c == ':' || c == '.';
}

/* False for what is no authority of a URL, user names among them. */
static bool split_authority(slice text, struct authority *parts)
{
    slice rest;
    *parts = (struct authority){.bracketed = slice_starts(text, S("["))};
    if (parts->bracketed) {
        size_t end = slice_index(text, ']');
        parts->host = slice_sub(text, 1, end);
        rest = slice_sub(text, end + 1, text.len);
        if (end == text.len || !all(parts->host, is_address_byte))
            return false;
    } else {
        size_t colon = slice_index(text, ':');
        parts->host = slice_sub(text, 0, colon);
        rest = slice_sub(text, colon, text.len);
        if (slice_ends(parts->host, S(".")))
            parts->host.len--;
        if (!all(parts->host, is_name_byte) || slice_starts(parts->host, S(".")))
            return false;
    }
    if (rest.len == 0)
        return true;
    parts->port = slice_sub(rest, 1, rest.len);
    return rest.ptr[0] == ':' && (parts->port.len == 0 || all(parts->port, is_digit));
}

/* scheme://authority, and whatever path. */
static bool split_site(slice url, struct site *site)
{
    ssize_t at = slice_find(url, S("://"));
    if (at <= 0)
        return false;
    slice rest = slice_sub(url, (size_t)at + 3, url.len);
    site->scheme = slice_sub(url, 0, (size_t)at);
    site->authority = slice_sub(rest, 0, slice_index(rest, '/'));
    site->whole = slice_sub(url, 0, site->scheme.len + 3 + site->authority.len);
    return split_authority(site->authority, &site->parts);
}

static bool is_web(const struct site *site)
{
    return slice_eq_nocase(site->scheme, S("http")) || slice_eq_nocase(site->scheme, S("https"));
}

/* Browsers read a host whose last label is a number as an address, or not at all: it is never looked up. */
static bool is_number_label(slice host)
{
    size_t dot = host.len;
    while (dot > 0 && host.ptr[dot - 1] != '.')
        dot--;
    slice label = slice_sub(host, dot, host.len);
    return all(label, is_digit) || (label.len > 2 && slice_eq_nocase(slice_sub(label, 0, 2), S("0x")) &&
                                    all(slice_sub(label, 2, label.len), is_hex));
}

static bool is_address(const struct authority *parts)
{
    return parts->bracketed || is_number_label(parts->host);
}

static bool is_single_label(const struct authority *parts)
{
    return !parts->bracketed && slice_index(parts->host, '.') == parts->host.len;
}

/* An address of this machine's own, or the one that stands for all of them. */
static bool is_loopback_address(const struct authority *parts)
{
    struct in6_addr six;
    struct in_addr four;
    char text[INET6_ADDRSTRLEN];
    if (parts->host.len >= sizeof text)
        return false;
    memcpy(text, parts->host.ptr, parts->host.len);
    text[parts->host.len] = 0;
    if (!parts->bracketed)
        return inet_pton(AF_INET, text, &four) == 1 && (ntohl(four.s_addr) >> 24 == 127 || four.s_addr == 0);
    return inet_pton(AF_INET6, text, &six) == 1 && (IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) ||
                                                    (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127));
}

static bool is_loopback(const struct authority *parts)
{
    static const slice names[] = {S("localhost"), S("localhost.localstack.cloud")};
    static const slice below[] = {S(".localhost"), S(".localhost.localstack.cloud")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_eq_nocase(parts->host, names[i]) || ends_nocase(parts->host, below[i]))
            return true;
    return is_loopback_address(parts);
}

static slice lower_of(struct arena *arena, slice text)
{
    char *lower = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        lower[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] | 0x20) : text.ptr[i];
    return (slice){lower, text.len};
}

static bool host_is_allowed(struct arena *arena, const struct origin_rules *rules, slice host)
{
    if (!slice_empty(rules->own_host) && slice_eq_nocase(host, rules->own_host))
        return true;
    if (rules->hosts.len > 0)
        host = lower_of(arena, host);
    list_foreach (pattern, &rules->hosts) {
        bool below = slice_starts(*pattern, S("."));
        if (below ? ends_nocase(host, *pattern) : glob_match(*pattern, host))
            return true;
    }
    return false;
}

static bool is_own_host(struct arena *arena, const struct origin_rules *rules, slice text)
{
    struct authority parts;
    if (slice_empty(text)) /* no browser leaves it out */
        return true;
    if (slice_eq(slice_sub(text, 0, 10), S("localhost:")) || slice_eq(slice_sub(text, 0, 10), S("127.0.0.1:")))
        return split_authority(text, &parts);
    if (!split_authority(text, &parts)) /* an address of version 6 without brackets is no name either */
        return all(text, is_address_byte);
    if (is_address(&parts) || is_single_label(&parts) || is_loopback(&parts) ||
        host_is_allowed(arena, rules, parts.host))
        return true;
    for (size_t i = 0; i < sizeof own_suffixes / sizeof own_suffixes[0]; i++)
        if (ends_nocase(parts.host, own_suffixes[i]))
            return true;
    return false;
}

/* A pattern is for whole origins or for their hosts; what is no origin ("null") has to be named as it is. */
static bool page_is_allowed(struct arena *arena, const struct origin_rules *rules, slice url, const struct site *site)
{
    list_foreach (pattern, &rules->origins) {
        slice what = slice_find(*pattern, S("://")) >= 0 ? site->whole : site->parts.host;
        if (slice_eq(*pattern, S("*")) || (what.len > 0 && glob_match(*pattern, lower_of(arena, what))) ||
            slice_eq(*pattern, url))
            return true;
    }
    return false;
}

/* An origin, or the URL of a page. host: of the request. */
static bool is_own_page(struct arena *arena, const struct origin_rules *rules, slice url, slice host)
{
    struct site site;
    bool sound = split_site(url, &site);
    if (!sound)
        site = (struct site){0};
    if (page_is_allowed(arena, rules, url, &site))
        return true;
    if (!sound || !is_web(&site))
        return false;
    bool same = !slice_empty(host) && slice_eq_nocase(site.authority, host); /* awssim's own page: a bucket's website */
    return same || is_loopback(&site.parts) || is_single_label(&site.parts);
}

static slice header_of(const struct http1_request *head, slice name)
{
    for (size_t i = 0; i < head->n_headers; i++)
        if (slice_eq_nocase(head->headers[i].key, name))
            return head->headers[i].value;
    return (slice){0};
}

/* Where every page of the same site is this machine's, or this very host's. */
static bool has_no_siblings(slice host)
{
    struct authority parts;
    return split_authority(host, &parts) && (is_loopback(&parts) || is_address(&parts) || is_single_label(&parts));
}

static bool only_fetches(const struct http1_request *head)
{
    return slice_eq(head->method, S("GET")) || slice_eq(head->method, S("HEAD"));
}

/* Images, links, forms and scripts come without Origin. A page that may ask names itself as Referer, but a redirect may
 * have led its browser here: that is enough for reading only. */
static enum origin_verdict judge_embedded(struct arena *arena, const struct origin_rules *rules,
                                          const struct http1_request *head)
{
    slice site = header_of(head, S("sec-fetch-site")), referer;
    if (slice_eq_nocase(site, S("none")) || slice_eq_nocase(site, S("same-origin")))
        return ORIGIN_FINE;
    if (slice_eq_nocase(site, S("same-site")) && has_no_siblings(head->host))
        return ORIGIN_FINE;
    if (!site.ptr && (!only_fetches(head) || !slice_starts(header_of(head, S("user-agent")), S("Mozilla/"))))
        return ORIGIN_FINE;
    /* Browsers tell their Sec-Fetch-Site only to https and to addresses that are surely this machine's. */
    referer = header_of(head, S("referer"));
    if (referer.ptr ? !is_own_page(arena, rules, referer, head->host) : site.ptr != NULL)
        return ORIGIN_FOREIGN_PAGE;
    return only_fetches(head) ? ORIGIN_IF_READ : ORIGIN_FOREIGN_PAGE;
}

enum origin_verdict origin_judge(struct arena *arena, const struct origin_rules *rules,
                                 const struct http1_request *head)
{
    slice named = head->known[HTTP1_HOST], origin = head->known[HTTP1_ORIGIN];
    /* The target of a request may name another host than its header. */
    if (!is_own_host(arena, rules, head->host) || (named.ptr != head->host.ptr && !is_own_host(arena, rules, named)))
        return ORIGIN_FOREIGN_HOST;
    if (origin.ptr)
        return is_own_page(arena, rules, origin, head->host) ? ORIGIN_FINE : ORIGIN_FOREIGN_PAGE;
    return judge_embedded(arena, rules, head);
}

slice origin_refusal(struct arena *arena, enum origin_verdict verdict, const struct http1_request *head)
{
    struct authority parts;
    struct site site;
    slice named = head->known[HTTP1_HOST], origin = head->known[HTTP1_ORIGIN];
    if (verdict == ORIGIN_FOREIGN_HOST) {
        slice host = is_own_host(arena, &(struct origin_rules){0}, head->host) ? named : head->host;
        slice name = split_authority(host, &parts) ? parts.host : S("NAME");
        return arena_printf(arena,
                            "awssim does not answer to the host name '%.*s': a web page could have pointed it at this "
                            "machine. Start awssim with --allow-host %.*s if it is meant to have that name.",
                            SLICE_ARG(host), SLICE_ARG(name));
    }
    if (!origin.ptr)
        origin = header_of(head, S("referer"));
    if (slice_empty(origin))
        return S("The request comes from a web page of another site, which may not use awssim. Start awssim with "
                 "--allow-origin and the page's origin (https://app.example.com) if it is meant to.");
    if (split_site(origin, &site))
        origin = site.whole;
    return arena_printf(arena,
                        "The request comes from a web page of '%.*s', which may not use awssim. Start awssim with "
                        "--allow-origin %.*s if it is meant to.",
                        SLICE_ARG(origin), SLICE_ARG(origin));
}

/* The options */

/* As a browser writes an origin: without a path and without the scheme's own port. */
static slice origin_pattern(struct arena *arena, slice text)
{
    slice pattern = lower_of(arena, text);
    if (slice_ends(pattern, S("/")))
        pattern.len--;
    if (slice_starts(pattern, S("https://")) && slice_ends(pattern, S(":443")))
        pattern.len -= 4;
    if (slice_starts(pattern, S("http://")) && slice_ends(pattern, S(":80")))
        pattern.len -= 3;
    return pattern;
}

static bool is_pattern_byte(char c)
{
    return is_name_byte(c) || c == '*';
}

int origin_read_rules(struct arena *arena, slice origins, slice hosts, slice own_host, struct origin_rules *rules,
                      slice *why)
{
    slice one, rest = origins;
    *rules = (struct origin_rules){.own_host = own_host};
    while (rest.len > 0) {
        slice_cut(rest, ',', &one, &rest);
        one = slice_trim(one);
        slice pattern = origin_pattern(arena, one);
        ssize_t scheme = slice_find(pattern, S("://"));
        slice host = scheme < 0 ? pattern : slice_sub(pattern, (size_t)scheme + 3, pattern.len);
        if (host.len == 0 || slice_index(host, '/') < host.len || (scheme < 0 && !all(host, is_pattern_byte))) {
            *why = arena_printf(arena,
                                "--allow-origin takes origins (https://app.example.com, https://*.example.com, "
                                "http://app.example.com:*) or hosts (app.example.com), separated by commas, not '%.*s'",
                                SLICE_ARG(one));
            return BAD_INPUT;
        }
        *list_add(arena, &rules->origins) = pattern;
    }
    rest = hosts;
    while (rest.len > 0) {
        slice_cut(rest, ',', &one, &rest);
        one = slice_trim(one);
        if (!all(one, is_pattern_byte)) {
            *why = arena_printf(arena,
                                "--allow-host takes names without ports (aws.example.com, *.example.com; .example.com: "
                                "all below it), separated by commas, not '%.*s'",
                                SLICE_ARG(one));
            return BAD_INPUT;
        }
        *list_add(arena, &rules->hosts) = lower_of(arena, one);
    }
    return 0;
}
