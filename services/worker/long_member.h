/* long_member: a blob of many bytes in a request's JSON document is taken out of it beside the loop, and never is in
 * memory as a whole: it becomes a file. For requests whose body came as a file. */
#pragma once

#include "services/worker/await.h"

/* Shorter ones stay where they are. */
enum { LONG_MEMBER_BYTES = 64 * 1024 };

/* The first time: begins to take the text of the document's first long member of that name, decodes it from base64 into
 * the file `path`, and answers CALL_LATER; then 0, with c->body the document with an empty text in its place, or with
 * one that is no base64 when it was none. Without such a member c->body is the document as it is and there is no file.
 * The file goes with the call, unless it is moved away. Answers -errno when it could not be read or written. */
int long_member_take(struct call *c, slice member, slice path);

/* Whether an earlier run of the call has begun it. */
bool long_member_is_taken(struct call *c);
