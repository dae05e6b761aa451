/* form: a browser's form (multipart/form-data) with a file in it. */
#pragma once

#include "common/list.h"

struct form {
    struct pair_list fields; /* names in lower case */
    slice file;
    slice filename; /* absent: not said */
    bool has_file;
};

/* Reads the body up to its file; what follows the file is not looked at, as AWS says. Values and file lie within the
 * body. 0, or BAD_INPUT when it is no such form. */
int form_read(struct arena *arena, slice body, slice boundary, struct form *form);
