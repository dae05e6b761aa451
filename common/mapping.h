/* mapping: a file's bytes without their being copied: mapped to be read once from front to back. */
#pragma once

#include "common/slice.h"

struct mapping {
    void *start;
    size_t size;
    slice bytes; /* never absent */
};

/* length -1: to the end. A path whose last part is a link is refused. Answers 0 or -errno. */
int mapping_open(const char *path, int64_t offset, int64_t length, struct mapping *mapping);

/* For __attribute__((cleanup)); also of one that is all zero or that could not be opened. */
void mapping_cleanup(struct mapping *mapping);
