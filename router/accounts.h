/* accounts: which account a request belongs to, by its access key. Keys of AWS's shape carry their account: a user who
 * has such a key in his environment works in another account than he may think, so the log says it once for each. */
#pragma once

#include "common/slice.h"

struct accounts;
struct arena;

struct accounts *accounts_open(void);
void accounts_close(struct accounts *accounts);

/* The 12 digits, in the arena; requests whose key names none, or that have no key, belong to the default account. */
slice accounts_of(struct accounts *accounts, struct arena *arena, slice access_key);
