/* rest: what REST-JSON and REST-XML share: operations found by method, path and query, and members that HTTP carries
 * outside the body. */
#pragma once

#include "proto/api.h"
#include "proto/msg.h"

struct arena;

/* The operation whose template fits best: literal path segments count more than labels, literal query keys and
 * required query and header members decide between operations of one path. NULL when none fits; *name then is method
 * and path. */
const struct api_operation *rest_find(struct arena *arena, const struct api_service *service, const struct msg *request,
                                      slice *name);

/* Fills the members of the input that stand in path, query and headers. Answers 0, or BAD_URI
 * or BAD_ARGUMENT with a reason. */
int rest_decode(struct arena *arena, const struct api_operation *operation, const struct msg *request, void *in,
                slice *why);

/* Fills status and headers of the reply from the members of the output that belong there. */
void rest_encode(struct arena *arena, const struct api_operation *operation, const void *out, struct msg *reply);

/* The member that is the body, or NULL. */
const struct api_member *rest_payload(const struct api_shape *shape);

/* Whether a member is a body of its own bytes: a blob or text, or a stream. */
bool rest_is_raw(const struct api_member *member);

/* A payload that is the body itself into its member; an empty body leaves it unset. 0 or BAD_INPUT, *why says what. */
int rest_decode_raw(const struct api_member *member, slice body, void *place, slice *why);

/* Puts the bytes of a raw payload into the reply; its content type is the one a header member named, or the bytes'. */
void rest_encode_raw(const struct api_member *member, const void *place, struct msg *reply);

/* Whether any member of the shape is in the body. */
bool rest_has_body(const struct api_shape *shape);
