/* origin: keeps web pages of other sites out. A browser sends requests for any page to any address it can reach; what
 * tells them from a program's are their Origin, Sec-Fetch-Site and Referer headers, and the Host header of a name that
 * a page's owner has pointed at this machine (DNS rebinding). It knows neither services nor signatures. */
#pragma once

#include "common/list.h"

struct http1_request;

struct origin_rules {
    struct slice_list origins; /* --allow-origin, in lower case, without default ports */
    struct slice_list hosts;   /* --allow-host, in lower case */
    slice own_host;            /* what --listen names */
};

/* Reads the options, comma-separated patterns in which '*' stands for anything: origins ("http://app.example:*") or
 * only their hosts ("app.example.com"), and names for Host (".example.com": all below). What they hold borrows from
 * the arena. Answers 0, or BAD_INPUT with a sentence in *why. */
int origin_read_rules(struct arena *arena, slice origins, slice hosts, slice own_host, struct origin_rules *rules,
                      slice *why);

enum origin_verdict {
    ORIGIN_FINE,
    ORIGIN_IF_READ,      /* fine if it changes nothing */
    ORIGIN_FOREIGN_PAGE, /* a page of another site is behind it */
    ORIGIN_FOREIGN_HOST, /* awssim was called by a name that is not its own */
};

enum origin_verdict origin_judge(struct arena *arena, const struct origin_rules *rules,
                                 const struct http1_request *head);

/* Why a request with such a verdict is refused, for people, with the option that allows it. */
slice origin_refusal(struct arena *arena, enum origin_verdict verdict, const struct http1_request *head);
