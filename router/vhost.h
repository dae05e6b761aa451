/* vhost: S3's virtual hosts: the bucket in a host name. */
#pragma once

#include "common/slice.h"

/* The bucket that "BUCKET.s3.REGION.amazonaws.com", "BUCKET.localhost:4566" and their like name; absent when there is
 * none, as with accounts ("123456789012.…") and prefixes of operations ("data-…"). */
slice vhost_bucket(slice host);
