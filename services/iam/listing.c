/* listing: pages of lists: Marker, MaxItems, IsTruncated. */
#include "services/iam/iam.h"

#include "common/page.h"

enum { DEFAULT_MAX_ITEMS = 100 };

int listing_begin(struct call *c, slice marker, struct opt_int max_items, struct listing *listing)
{
    *listing = (struct listing){.kind = c->operation->name, .left = opt_int_or(max_items, DEFAULT_MAX_ITEMS)};
    if (page_key(c->arena, listing->kind, marker, &listing->after) != 0)
        return fail(c, &iam_validation_error, "Invalid Marker.");
    return 0;
}

bool listing_take(struct listing *listing, slice key)
{
    if (listing->left == 0) {
        listing->truncated = true;
        return false;
    }
    listing->left--;
    listing->last = key;
    return true;
}

void listing_end(struct call *c, const struct listing *listing, struct opt_bool *is_truncated, slice *marker)
{
    *is_truncated = opt_bool(listing->truncated);
    if (listing->truncated)
        *marker = page_token(c->arena, listing->kind, listing->last);
}
