/* s3: what the files of the s3 service share: buckets and versions of objects as rows, contents, checksums, and the
 * look-ups that answer by themselves. */
#pragma once

#include "common/digest.h"
#include "common/json.h"
#include "common/opt.h"
#include "proto/codec.h"
#include "proto/segments.h"
#include "s3_api.h"
#include "services/worker/call.h"

enum s3_sql {
#define SQL(name, text) S3_SQL_##name,
#include "services/s3/sql.def"
#undef SQL
};

extern const struct service s3_process;

struct bucket {
    int64_t id;
    slice name;
    slice account;
    slice region;
    int64_t created_ms;
    slice versioning; /* "", "Enabled" or "Suspended" */
    bool locks;       /* object lock is possible */
};

/* The bucket, or NoSuchBucket; AccessDenied when it is not expected_owner's (absent: anybody's). */
int bucket_get(struct call *c, slice name, slice expected_owner, struct bucket *bucket);
bool bucket_find(struct call *c, slice name, struct bucket *bucket);
bool bucket_find_id(struct call *c, int64_t id, struct bucket *bucket);

/* An error that names the bucket. Answers CALL_FAILED. */
int bucket_fail(struct call *c, const struct api_error *error, slice name, const char *text);

slice bucket_arn(struct call *c, slice name);

/* The canonical id of an account, and it as an owner. */
slice bucket_canonical_id(struct call *c, slice account);
struct s3_owner *bucket_owner(struct call *c, const struct bucket *bucket);

/* A bucket's sub-resource in the JSON form of the shape. False when it has none; object then stays as it is. */
bool config_find(struct call *c, const struct bucket *bucket, const char *kind, const struct api_shape *shape,
                 void *object);
void config_set(struct call *c, const struct bucket *bucket, const char *kind, const struct api_shape *shape,
                const void *object);

struct version {
    int64_t id;
    slice key;
    slice version_id; /* "null" for those that versioning does not number */
    bool is_latest;
    bool is_marker;
    int64_t modified_ms;
    int64_t size;
    slice etag; /* with its quotes */
    slice storage_class;
    slice lock_mode;
    struct opt_int retain_ms;
    bool legal_hold;
    slice attributes;
    slice tags;
    slice acl;
    bool in_parts;    /* it was uploaded in parts (version_parts) */
    slice part_sizes; /* of one to be added: JSON list of sizes or [size, checksum]; absent: it is one piece */
    slice file;       /* the name of a large content: of a file, or of a list of segments */
};

/* Reads one row of the statements with VERSION_COLUMNS. */
void version_read(struct db_rows *rows, struct version *version);

bool version_find_id(struct call *c, int64_t id, struct version *version);

/* The parts that it was uploaded in: a JSON list as above. */
slice version_parts(struct call *c, const struct version *version);

/* version_id absent: the latest. Markers are found too. */
bool version_find(struct call *c, const struct bucket *bucket, slice key, slice version_id, struct version *version);

/* The same for readers: NoSuchKey, NoSuchVersion, or MethodNotAllowed for a marker that was named. */
int version_get(struct call *c, const struct bucket *bucket, slice key, slice version_id, struct version *version);

/* Its bytes are in an archive, from where nobody has restored them. */
bool version_is_archived(const struct version *version, const struct s3_head_object_out *attributes);

/* A bucket's versions have ids that clients see. */
bool version_numbered(const struct bucket *bucket);

enum { CONTENT_NAME_BYTES = 32 };

/* A file in the folder of contents: those who read lists hold locks on it, and its time is that of the last start. */
#define CONTENT_LEASE ".lease"

/* Where the bytes of an object are. */
struct content {
    slice bytes; /* when they are few */
    slice file;  /* else a name: of a file of ours, or of a list of segments */
    int64_t size;
};

/* A part of a version's bytes, and what is to be computed of it: a set of enum digest_algorithm. */
struct content_range {
    const struct version *version;
    int64_t at;
    int64_t length;
    unsigned algorithms;
};

/* Makes version the key's latest, with the id that the bucket's versioning gives it, instead of a former one without.
 */
void version_add(struct call *c, const struct bucket *bucket, struct version *version, const struct content *content);

/* Removes a version; the one before becomes the latest. */
void version_remove(struct call *c, const struct bucket *bucket, const struct version *version);

/* Adds a delete marker. */
void version_mark(struct call *c, const struct bucket *bucket, slice key, struct version *marker);

/* The request's body becomes ours: a spool file is moved. To be called when nothing can be refused any more. Answers 0
 * or a fault. */
int content_take(struct call *c, struct content *content);

/* How large the request's body is, and its digests as the router computed them. Answers 0 or a fault. */
int content_size(struct call *c, int64_t *size);

/* The bytes of a small version; the path of a file of ours. */
slice content_bytes(struct call *c, const struct version *version);
slice content_path(struct call *c, slice file);

/* A content with the same bytes: the same content, when it is large. */
void content_copy(struct call *c, const struct version *from, struct content *to);

/* What a part of the large content of that name consists of: names of files of ours. */
struct content_pieces {
    struct segment *items;
    size_t len;
    bool set;
};
void content_pieces(struct call *c, slice name, int64_t at, int64_t length, struct content_pieces *pieces);

/* Puts a whole large content into a list, at that place. Answers how many segments that are. */
int64_t content_list_add(struct call *c, slice list, int64_t at, slice name, int64_t size);

/* The byte of the file CONTENT_LEASE that whoever reads the list keeps locked. */
int64_t content_lease(slice list);

/* The name of a large content that is a part of another; nothing is copied. */
slice content_cut(struct call *c, const struct content_range *range);

/* Fills in the body of a reply, in whatever form it is. */
void content_answer(struct call *c, const struct content_range *range, struct msg *reply);

/* Whether the range is so small that its bytes are read and hashed at once; its bytes. Answers 0 or a fault. */
bool content_is_small(const struct content_range *range);
int content_read(struct call *c, const struct content_range *range, slice *bytes);

/* The digests of a part of a version, "name HEX\n" lines, or of bytes. Of large ones they are made by the helper
 * thread, whether or not somebody waits: to be called before the first write. Answers 0, CALL_LATER, CALL_FAILED or a
 * fault. */
int content_hash(struct call *c, const struct content_range *range, slice *digests);
slice content_hash_bytes(struct arena *arena, unsigned algorithms, slice bytes);

/* A row has let go of this content; absent: there was none. It goes when no other row has it. */
void content_drop(struct call *c, slice name);

/* Whether a row names it. */
bool content_is_known(struct call *c, slice name);

/* By the timer: removes what is due, forgets results; answer when to come again, or 0. */
int64_t content_clean(struct call *c);
int64_t content_hash_expire(struct call *c);

/* At the start and after a reset: files that no row names will be removed. */
int content_start(struct call *c);

/* Events of our own (call_background). */
int content_hash_run(struct call *c, slice key);
int content_remove_run(struct call *c, slice names);
int content_sweep_run(struct call *c, slice names);

/* A body's or part's checksum. */
struct checksum {
    unsigned algorithm; /* 0: none was asked for */
    slice value;        /* base64 */
};

/* Checks Content-MD5, x-amz-content-sha256 and the checksum that headers or trailers name against what the router has
 * computed. BadDigest and its like. */
int checksum_verify(struct call *c, struct checksum *checksum);

/* What S3 computes when the client asks for nothing: CRC64NVME. */
void checksum_default(struct call *c, struct checksum *checksum);

/* Sets the member of the structure that has the checksum of that algorithm; NULL or absent: leaves it. */
void checksum_set(const struct api_shape *shape, void *object, const struct checksum *checksum);

/* What the structure's member for that algorithm has. */
slice checksum_member(const struct api_shape *shape, const void *object, unsigned algorithm);

/* The first algorithm that the structure has a checksum of, or 0. */
unsigned checksum_of(const struct api_shape *shape, const void *object);

/* "CRC32C" as AWS writes it; the algorithm of such a word in a request. Answers 0 or CALL_FAILED. */
slice checksum_word(unsigned algorithm);
int checksum_named(struct call *c, slice word, unsigned *algorithm);

/* The ETag that the MD5 among these digests makes. */
slice checksum_etag(struct call *c, slice digests);

/* The body's MD5 in hex. */
slice checksum_md5_hex(struct call *c);

/* Takes from an input structure what is kept with an object: headers, metadata, encryption, lock. Refuses what is not
 * allowed. */
int attributes_read(struct call *c, const struct bucket *bucket, const struct api_shape *shape, const void *in,
                    struct s3_head_object_out *attributes);

/* From the attributes into a new version: storage class, lock (with the bucket's default), and their JSON. */
int attributes_write(struct call *c, const struct bucket *bucket, struct s3_head_object_out *attributes,
                     struct version *version);

/* SSE-C: the key in the request's headers must be a key, and the one of these attributes. prefix: "" or "copy-source-".
 */
int attributes_check_key(struct call *c, const char *prefix, const struct s3_head_object_out *attributes);

/* "a=b&c=d" as a tag list's JSON; absent when there is none. InvalidTag and its like. */
int tags_read_header(struct call *c, slice header, slice *json);
int tags_check(struct call *c, const struct s3_tag_set *tags, size_t limit);
int64_t tags_count(struct call *c, slice json);
void tags_list(struct call *c, slice json, struct s3_tag_set *tags);

/* The canned ACL and grants of the request's headers as an access control policy's JSON; absent when there are none. */
int acl_read_headers(struct call *c, const struct bucket *bucket, slice *json);

/* If-Match and If-None-Match of a write against what is there. */
int condition_check_write(struct call *c, const struct bucket *bucket, slice key, slice if_match, slice if_none_match);

/* The conditions of a read. *not_modified: answer 304. */
struct condition {
    slice if_match;
    slice if_none_match;
    struct opt_int if_modified_since;
    struct opt_int if_unmodified_since;
};
int condition_check_read(struct call *c, const struct condition *condition, const struct version *version,
                         bool *not_modified);

/* The bytes that a Range header or a part number means. *partial: it means a part. InvalidRange. */
int condition_range(struct call *c, slice range, int64_t size, int64_t *at, int64_t *length, bool *partial);

/* Whether the version is protected from being removed. */
int lock_check_delete(struct call *c, const struct version *version, bool bypass);

/* A key is at most 1,024 bytes of UTF-8. */
int put_check_key(struct call *c, slice key);

/* Deletes what the request names, with everything that follows from it. *marker: the marker that was added or removed.
 */
struct deletion {
    slice key;
    slice version_id;
    bool bypass;
    bool marked;          /* out: a marker was added or removed */
    slice marker_version; /* out: its id */
};
int delete_one(struct call *c, const struct bucket *bucket, struct deletion *deletion);

/* Tells those whom the bucket's notification configuration names. */
void notify_event(struct call *c, const struct bucket *bucket, const char *event, const struct version *version);

/* The object that x-amz-copy-source names. */
struct copy_source {
    struct bucket bucket;
    struct version version;
    struct s3_head_object_out attributes;
    bool named; /* by version */
};
int copy_find(struct call *c, slice header, const struct condition *condition, struct copy_source *source);

/* Every request, before its operation: expired URLs, browsers' questions, forms, websites, tags of S3 Control. */
int raw_run(struct call *c, struct msg *reply, bool *taken);
int cors_preflight(struct call *c, slice bucket_name, struct msg *reply);
void cors_add_headers(struct call *c, slice bucket_name);
int post_run(struct call *c, slice bucket_name, slice boundary, struct msg *reply);
int website_run(struct call *c, struct msg *reply);
int tags_control(struct call *c, struct msg *reply);

/* Whether nobody may do this, by the bucket's policy and the ACLs: always when signatures are not verified or somebody
 * has signed. guest_check: the request at hand; AccessDenied. */
bool guest_may(struct call *c, const struct bucket *bucket, slice action, slice key);
int guest_check(struct call *c, slice action);

/* The ACL of a bucket, or of a version, grants everybody this. */
bool acl_is_open(struct call *c, const struct bucket *bucket, const struct version *version, slice permission);

/* When a rule will end the version, as x-amz-expiration says it; absent: none will. */
slice lifecycle_expiration(struct call *c, const struct bucket *bucket, const struct version *version);

/* What happens by time: expiry and removal of files. */
int lifecycle_run(struct call *c, int64_t *next_due_ms);
