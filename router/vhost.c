/* vhost: see vhost.h. A host is BUCKET.s3.BASE, BUCKET.s3.REGION.BASE, BUCKET.s3-website… or BUCKET.BASE. */
#include "router/vhost.h"

static const slice bases[] = {
    {".localhost.localstack.cloud", 27},
    {".localhost", 10},
    {".amazonaws.com", 14},
};

/* Names that hosts of other kinds begin with. */
static const slice foreign[] = {{"data-", 5}, {"stream-", 7}, {"s3.", 3}, {"s3-", 3}};

static bool is_account(slice text)
{
    enum { ACCOUNT_DIGITS = 12 };
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len == ACCOUNT_DIGITS;
}

/* What stands before the label ".s3" or ".s3-…", the last one: a bucket's name may hold it too. Absent without one. */
static slice before_s3(slice text)
{
    for (size_t at = text.len; at-- > 1;) {
        slice label = slice_sub(text, at, text.len);
        if (slice_starts(label, S(".s3.")) || slice_starts(label, S(".s3-")) || slice_eq(label, S(".s3")))
            return slice_sub(text, 0, at);
    }
    return (slice){NULL, 0};
}

static bool is_bucket(slice text)
{
    enum { MIN_BYTES = 3, MAX_BYTES = 63 };
    if (text.len < MIN_BYTES || text.len > MAX_BYTES || is_account(slice_sub(text, 0, slice_index(text, '.'))))
        return false;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (slice_starts(text, foreign[i]))
            return false;
    return slice_find(text, S(".lambda-url.")) < 0;
}

slice vhost_bucket(slice host)
{
    const slice none = {NULL, 0};
    host = slice_sub(host, 0, slice_index(host, ':'));
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        if (!slice_ends(host, bases[i]))
            continue;
        slice front = slice_sub(host, 0, host.len - bases[i].len);
        slice bucket = before_s3(front);
        if (!bucket.ptr && !slice_eq(bases[i], S(".amazonaws.com")))
            bucket = front;
        return is_bucket(bucket) ? bucket : none;
    }
    return none;
}
