/* post_body: the form that a request's body is. */
#pragma once

#include "services/s3/form.h"
#include "services/s3/s3.h"

struct post_body {
    struct form form;
    int64_t file_at; /* where in the body its file begins */
    bool in_file;    /* the form's file is large and stays in the body's: form.file has its length only */
    slice digests;   /* of it, then */
};

/* Reads the body; a large one's by the helper thread. Answers 0, CALL_FAILED, CALL_LATER or a fault. */
int post_body_read(struct call *c, slice boundary, struct post_body *body);
