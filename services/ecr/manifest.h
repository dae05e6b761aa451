/* manifest: image manifests and indexes, of OCI and Docker. */
#pragma once

#include "common/slice.h"

struct arena;

/* Something that a manifest names. */
struct descriptor {
    slice digest;
    slice media_type;
    int64_t bytes;
    bool is_manifest;
    bool foreign; /* to be had elsewhere: need not be in the registry */
};

struct descriptor_list {
    struct descriptor *items;
    size_t len;
    bool set;
};

struct manifest {
    slice media_type;
    slice artifact_type; /* its own, or its config's media type; absent: none */
    slice subject;       /* digest; absent: none */
    struct descriptor_list refs;
    int64_t bytes; /* of everything it names */
};

/* A name of a tag, as the distribution protocol allows it. */
bool manifest_is_tag(slice text);

bool manifest_is_index(slice media_type);

/* Reads a manifest; media_type is what the client calls it (absent: the manifest says). Answers 0, or BAD_INPUT with a
 * reason in *why. */
int manifest_parse(struct arena *arena, slice text, slice media_type, struct manifest *manifest, slice *why);

/* The annotations of a manifest as JSON, or an absent slice. */
slice manifest_annotations(struct arena *arena, slice text);
