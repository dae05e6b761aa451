/* image_ref: names of container images as they stand in task definitions and functions. */
#pragma once

#include "common/slice.h"

/* An image of the simulator's own registry. The slices lie in the reference's text. */
struct image_ref {
    slice account;    /* absent when the registry is named by its address: the caller's */
    slice region;     /* likewise */
    slice repository; /* with its slashes */
    slice tag;        /* "latest" when neither is given; absent beside a digest */
    slice digest;     /* "sha256:…", or absent */
};

/* Whether the reference names an image of this simulator, well-formed or not. */
bool image_ref_is_own(slice reference, int64_t port);

/* True when the reference names an image of this simulator, which listens on that port: NAME:PORT/…, or
 * ACCOUNT.dkr.ecr.REGION.amazonaws.com[.cn]/…. False for any other, and for one whose repository, tag or digest is not
 * well-formed; *ref is undefined then. */
bool image_ref_parse(slice reference, int64_t port, struct image_ref *ref);
