/* accounts: see accounts.h. */
#include "router/accounts.h"

#include <stdlib.h>

#include "common/arena.h"
#include "common/log.h"
#include "proto/access_key.h"

#define DEFAULT_ACCOUNT "123456789012"

enum { ACCOUNT_DIGITS = 12, TOLD = 64 /* accounts that the log has named; of more it says nothing */ };

struct accounts {
    char told[TOLD][ACCOUNT_DIGITS];
    size_t n_told;
};

struct accounts *accounts_open(void)
{
    struct accounts *accounts = calloc(1, sizeof *accounts);
    if (!accounts)
        abort();
    return accounts;
}

void accounts_close(struct accounts *accounts)
{
    free(accounts);
}

/* Newly remembered; false when it is known already, or there are too many. */
static bool remember(struct accounts *accounts, slice account)
{
    for (size_t i = 0; i < accounts->n_told; i++)
        if (memcmp(accounts->told[i], account.ptr, ACCOUNT_DIGITS) == 0)
            return false;
    if (accounts->n_told == TOLD)
        return false;
    memcpy(accounts->told[accounts->n_told++], account.ptr, ACCOUNT_DIGITS);
    return true;
}

static void tell(slice access_key, slice account)
{
    slice head = slice_sub(access_key, 0, 4), tail = slice_sub(access_key, access_key.len - 4, access_key.len);
    if (slice_eq(account, S(DEFAULT_ACCOUNT)))
        log_info("requests signed with %.*s…%.*s belong to account %.*s, which the key encodes", SLICE_ARG(head),
                 SLICE_ARG(tail), SLICE_ARG(account));
    else
        log_warn(
            "requests signed with %.*s…%.*s belong to account %.*s, which the key encodes as AWS's keys do; they do "
            "not see what is in account " DEFAULT_ACCOUNT ", that of the key 'test'",
            SLICE_ARG(head), SLICE_ARG(tail), SLICE_ARG(account));
}

slice accounts_of(struct accounts *accounts, struct arena *arena, slice access_key)
{
    char digits[ACCOUNT_DIGITS + 1];
    if (!access_key_account(access_key, digits))
        return S(DEFAULT_ACCOUNT);
    slice account = slice_dup(arena, (slice){digits, ACCOUNT_DIGITS});
    if (access_key.len != ACCOUNT_DIGITS && remember(accounts, account))
        tell(access_key, account);
    return account;
}
