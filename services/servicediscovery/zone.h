/* zone: what the private namespaces say about a DNS name. */
#pragma once

#include "common/list.h"
#include "services/worker/call.h"

enum zone_type { ZONE_A, ZONE_AAAA, ZONE_SRV, ZONE_CNAME, ZONE_SOA, ZONE_NS, ZONE_TYPES };

struct zone_record {
    enum zone_type type;
    int64_t ttl;
    slice owner; /* absent: the name asked for */
    slice data;  /* as in a zone file */
};

struct zone_records {
    struct zone_record *items;
    size_t len;
    bool set;
};

enum zone_result { ZONE_FOUND, ZONE_NO_DATA, ZONE_NO_NAME, ZONE_NOT_OURS };

struct zone_answer {
    struct zone_records records;
    struct zone_records additional; /* addresses of the names in SRV records */
    slice zone;                     /* the namespace's name, for the SOA record; absent when not ours */
    slice soa;
    int64_t soa_ttl;
};

/* name is in lower case, without the dot at the end; types has a bit for each type asked for. */
enum zone_result zone_look_up(struct call *c, slice name, unsigned types, struct zone_answer *answer);
