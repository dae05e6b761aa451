/* codec: between an HTTP message of a wire protocol and the C structures of api.h. One file per protocol implements
 * struct codec; nothing else knows which protocol a call came in. */
#pragma once

#include "proto/api.h"
#include "proto/msg.h"

struct arena;
struct val;

/* Every constraint an input violates, in the order of the walk. */
struct violation {
    slice path;  /* "tags.1.member.key": first letters in lower case, list elements counted from 1 */
    slice value; /* as AWS prints it; absent for a missing required member */
    bool sensitive;
    slice constraint; /* "Member must not be null", … */
};

struct violation_list {
    struct violation *items;
    size_t len;
    bool set;
};

/* A failure to be encoded: error and text, and values for its further modelled members (an object, or NULL). */
struct codec_failure {
    const struct api_error *error;
    slice message;
    const struct val *extra;
};

/* What of a REST request does not parse: its path; its query or headers. */
enum { BAD_URI = 5, BAD_ARGUMENT = 6 };

struct codec {
    /* Which operation the request is for; NULL when unknown. *name is what the client said, for messages. */
    const struct api_operation *(*operation)(struct arena *arena, const struct api_service *service,
                                             const struct msg *request, slice *name);
    /* Fills in (zeroed, operation->in->size). Answers 0, or BAD_INPUT, BAD_URI or BAD_ARGUMENT for what is not
     * decodable: *why says what. */
    int (*decode)(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                  const struct msg *request, void *in, slice *why);
    /* Fills status, content_type, headers and body of the reply from out. */
    void (*encode)(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                   slice request_id, const void *out, struct msg *reply);
    /* operation may be NULL. */
    void (*encode_error)(struct arena *arena, const struct api_service *service, const struct api_operation *operation,
                         slice request_id, const struct codec_failure *failure, struct msg *reply);
};

/* The codec of a protocol (enum api_protocol). */
const struct codec *codec_for(uint8_t protocol);

/* The codec of calls between services: body is the shapes' JSON form, errors {"__type", "message"}. */
extern const struct codec codec_internal;

/* The error that the service answers for what decode has refused. */
const struct api_error *codec_decoding_error(const struct api_service *service, int result);

/* Checks required, enum, range, length and pattern over the whole input, collecting everything. */
void codec_validate(struct arena *arena, const struct api_service *service, const struct api_shape *shape,
                    const void *in, struct violation_list *violations);

/* The failure that the service answers for these violations (at least one). */
struct codec_failure codec_violations_failure(struct arena *arena, const struct api_service *service,
                                              const struct violation_list *violations);
