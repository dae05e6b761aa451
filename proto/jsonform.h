/* jsonform: generated structures from and to JSON, as AWS's JSON protocols, storage and internal calls share it. */
#pragma once

#include "common/json.h"
#include "proto/api.h"

enum jsonform_flag {
    JSONFORM_MAIN_LISTS = 1, /* unset top-level lists are written as [], as AWS answers */
    JSONFORM_BODY = 2,       /* top-level members that HTTP carries elsewhere are left alone */
};

/* Fills object from a tree. Unknown members are skipped, null means absent. Answers 0, or BAD_INPUT with AWS's kind of
 * reason in *why. */
int jsonform_decode(struct arena *arena, const struct api_shape *shape, const struct val *value, unsigned flags,
                    void *object, slice *why);

/* Writes what is set of a structure. */
void jsonform_encode(struct json_writer *w, const struct api_shape *shape, const void *object, unsigned flags);
