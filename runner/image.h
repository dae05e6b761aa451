/* image: a container's image out of the simulator's own registry: its manifest from the ecr worker, its layers unpacked
 * once each, its configuration combined with what the container was given. */
#pragma once

#include "common/buf.h"
#include "common/list.h"

#include <ev.h>
#include <sys/types.h>

struct container;
struct val;

struct image {
    bool wanted; /* there is a reference; false again when it is nowhere and the host's files serve */
    slice account, region, repository, tag, digest; /* tag or digest */
    slice name;                                     /* as the owner called it */
    slice manifest;                                 /* digest of what a task shows */
    struct slice_list layers;                       /* 64 hex digits each, the lowest first */
    int64_t pulled_ms;                              /* when everything was there */
    uint64_t call_id;
    bool chosen; /* out of an index */
    pid_t unpacker;
    ev_io pidfd;   /* of the unpacker */
    int complaint; /* its standard error, or -1 */
};

/* Reads the reference in the plan, if there is one. False when it is broken. */
bool image_init(struct container *container, const struct val *reference);

/* Makes the image ready; container_image_ready is called later, unless image_cancel is called before. */
void image_prepare(struct container *container);
void image_cancel(struct container *container);
