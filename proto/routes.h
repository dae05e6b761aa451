/* routes: what the router must know of the services that have a worker, generated from their api.json. */
#pragma once

#include "common/slice.h"

struct routes_operation {
    slice name;
    bool readonly; /* may be repeated when the worker dies */
};

struct routes_service {
    slice name;          /* of the worker */
    slice signing_name;  /* in credential scopes */
    slice title;         /* "Amazon ECS" */
    uint8_t protocol;    /* enum api_protocol */
    slice target_prefix; /* JSON protocols: of X-Amz-Target; else absent */
    slice target_alias;  /* another prefix that is accepted; absent: none */
    slice api_version;   /* query protocols: the Version parameter */
    slice xmlns;
    slice json_version;
    int64_t patience_ms;                       /* how long its slowest operation may take; 0: as long as any other's */
    const struct routes_operation *operations; /* sorted by name */
    size_t n_operations;
};

/* In the order of the services' names. */
extern const struct routes_service routes_services[];
extern const size_t routes_n_services;
