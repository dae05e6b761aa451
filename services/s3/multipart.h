/* multipart: uploads in parts, as their files share them. */
#pragma once

#include "services/s3/s3.h"

struct upload {
    slice id;
    slice key;
    int64_t created_ms;
    slice attributes; /* JSON of HeadObject's output */
    slice tags;
    slice acl;
    slice algorithm; /* "CRC32", …; absent: none */
    slice checksum_type;
};

struct part {
    int64_t number;
    int64_t size;
    slice etag; /* with its quotes */
    slice algorithm;
    slice checksum; /* base64 */
    int64_t modified_ms;
    slice file;
};

void multipart_read_upload(struct db_rows *rows, struct upload *upload);
void multipart_read_part(struct db_rows *rows, struct part *part);

/* The upload of that key, or NoSuchUpload. */
int multipart_get(struct call *c, const struct bucket *bucket, slice key, slice id, struct upload *upload);
bool multipart_find_part(struct call *c, slice upload_id, int64_t number, struct part *part);

/* Forgets the upload with its parts. */
void multipart_remove(struct call *c, const struct upload *upload);
