/* post: what the files of PostObject share. */
#pragma once

#include "services/worker/call.h"

/* Whether the form's fields (names in lower case) let it upload. Answers 0, CALL_LATER, or AccessDenied and its like.
 */
int post_check_signature(struct call *c, const struct pair_list *fields, slice bucket_name, slice object_key);
