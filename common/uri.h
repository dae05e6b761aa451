/* uri: percent-encoding, and query strings and form bodies. */
#pragma once

#include "common/list.h"

/* Decodes %XX once; plus_is_space for forms and query strings. A broken escape is BAD_INPUT. The result borrows from
 * text when nothing had to be decoded. */
int uri_decode(struct arena *arena, slice text, bool plus_is_space, slice *out);

/* Encodes everything but unreserved characters (and '/' when keep_slash). */
slice uri_encode(struct arena *arena, slice text, bool keep_slash);

/* name=value&…, decoded, in order; at most LIMIT_FORM_PARAMS. BAD_INPUT when one does not decode or there are too many.
 */
int uri_parse_form(struct arena *arena, slice text, struct pair_list *out);

/* The first parameter of that name, still encoded (as the name is given); absent when it is not there. */
slice uri_parameter(slice query, slice name);
