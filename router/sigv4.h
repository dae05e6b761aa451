/* sigv4: what a request's signature says about its sender: access key, region and service. Signatures are read;
 * verify.h verifies them. */
#pragma once

#include "common/slice.h"

struct arena;
struct http1_request;

enum sigv4_kind { SIGV4_NONE, SIGV4_HEADER, SIGV4_QUERY, SIGV4_ASYMMETRIC, SIGV2_HEADER, SIGV2_QUERY };

struct sigv4_scope {
    bool present;     /* the request carries AWS credentials */
    uint8_t kind;     /* enum sigv4_kind */
    slice date;       /* "20261124"; absent in version 2 */
    slice access_key; /* absent when unsigned */
    slice region;     /* absent when the scope has none (SigV4A, SigV2) */
    slice service;    /* signing name; "s3" for SigV2; absent when unsigned */
};

/* Reads the Authorization header (SigV4, SigV4A, S3's old "AWS key:signature"), else the query's X-Amz-Credential, else
 * the query of a presigned SigV2 URL. Texts borrow from the request or, when they had to be decoded, the arena. Answers
 * 0 (*scope filled, all absent when unsigned), or BAD_INPUT with a sentence in *why for an AWS4 signature without a
 * readable credential scope. */
int sigv4_read(struct arena *arena, const struct http1_request *request, struct sigv4_scope *scope, const char **why);

/* The value of NAME= ("Signature=") in an Authorization header of version 4, or absent. */
slice sigv4_part(slice authorization, slice name);
