/* access_key: access key ids carry the account they belong to, as AWS's own do. */
#pragma once

#include "common/slice.h"

/* The account of a key: a 12-digit key is the account itself; in AKIA… and ASIA… keys of 20 characters it is encoded.
 * False for any other key. */
bool access_key_account(slice key, char account[13]);

/* The secret of a root's key in "KEY:SECRET,…"; a 12-digit key has the first one's. Absent: it is no root's. */
slice access_key_root_secret(slice root_keys, slice key);

/* By the key's form: a user's (AKIA…), a session's (ASIA…), or neither: then it is a root's, or cannot exist. */
enum access_key_kind { ACCESS_KEY_OTHER, ACCESS_KEY_USER, ACCESS_KEY_SESSION };
enum access_key_kind access_key_kind(slice key);

/* A new id with that prefix ("ASIA") for the account (12 digits). */
slice access_key_new(struct arena *arena, slice prefix, slice account);
