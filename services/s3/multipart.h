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

/* The upload is over: it is forgotten, and its parts go by the timer, some at a time, what they have too where nobody
 * else has it. */
void multipart_remove(struct call *c, const struct upload *upload);

/* By the timer: removes some parts of what is over. True: there is more. */
bool multipart_clean(struct call *c);

/* The name of the file into which a part that is kept in the database goes when it becomes one of several. */
slice multipart_tail(struct call *c, slice upload_id, const struct part *part);
void multipart_drop_tail(struct call *c, slice upload_id, const struct part *part);

/* By the timer: forgets answers of CompleteMultipartUpload that nobody asks for again. Answers when to come again, or
 * 0.
 */
int64_t multipart_expire_completed(struct call *c);
