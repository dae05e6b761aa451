/* refuse: AWS errors that the router itself answers, in the form of the wire protocol the client speaks. */
#pragma once

#include "common/list.h"

struct arena;
struct msg;
struct route_service;

struct refuse_why {
    uint16_t status;
    slice code;                      /* "NotImplementedException"; absent: what that protocol calls the status */
    slice message;                   /* for a person */
    const struct pair_list *details; /* further elements of S3's errors; NULL: none */
};

/* Fills the reply. service may be NULL: then it is JSON, which a person can read too. */
void refuse_fill(struct arena *arena, const struct route_service *service, slice request_id,
                 const struct refuse_why *why, struct msg *reply);
