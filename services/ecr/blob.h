/* blob: blobs on disk, content-addressed, in <state_dir>/ecr/blobs/sha256/<two digits>/<64 digits> (or sha512), shared
 * by all repositories; uploads under way in <state_dir>/ecr/uploads; and the sweep that removes what nothing names. */
#pragma once

#include "services/ecr/ecr.h"

/* The blob's file below the state directory: "ecr/blobs/sha256/ab/ab…". */
slice blob_file(struct arena *arena, slice digest);

/* Its size when the repository has it; false otherwise. A blob that is asked about is kept a while longer. */
bool blob_find(struct call *c, int64_t repository_id, slice digest, int64_t *bytes);

/* Makes a complete blob one of the repository. */
void blob_link(struct call *c, int64_t repository_id, slice digest, int64_t bytes);

/* An upload under way. */
struct upload {
    slice id;
    int64_t bytes;
    int64_t parts;
    slice digest; /* "sha256:…" of the only part, when it is known; absent otherwise */
    bool small;   /* a part that is not the last has less than 5 MiB */
};

slice blob_upload_begin(struct call *c, int64_t repository_id);
bool blob_upload_find(struct call *c, int64_t repository_id, slice id, struct upload *upload);

/* Takes the request's body, inline or file, as the next part. A fault when the disk refuses. */
int blob_upload_add(struct call *c, struct upload *upload);

/* The same with bytes that are no request's body, or, when they are absent, with the file blob_taken_path. */
int blob_upload_add_bytes(struct call *c, struct upload *upload, slice bytes);

/* Where a part that came within a request waits until it is added; such a file goes with the call. *bytes (may be
 * NULL): its size; -1: there is none. */
slice blob_taken_path(struct call *c, int64_t *bytes);

/* Assembles the parts, checks that they are what the digest says, and makes them a blob of the repository; the upload
 * is over. Answers 0, CALL_LATER, or BAD_INPUT when the digest is another. tail: the request's body, if it has one, is
 * the last part. */
int blob_upload_finish(struct call *c, int64_t repository_id, struct upload *upload, slice digest, bool tail);

/* Whether an earlier run of the call has begun to finish it so. */
bool blob_upload_finishes(struct call *c, const struct upload *upload, slice digest);

/* Forgets the upload. */
void blob_upload_cancel(struct call *c, slice id);

/* A whole blob from a file of one's own, which is checked and renamed away. Answers as blob_upload_finish. */
int blob_adopt(struct call *c, int64_t repository_id, slice path, slice digest);

/* Makes the folders; what a former process has left goes soon. */
int blob_prepare(struct call *c);

/* A file or folder below the state directory is no longer where it was; it is removed by the event RemoveFiles. */
void blob_put_aside(struct call *c, slice file);

/* The event RemoveFiles: on the helper thread, what was put aside and what is left of uploads and blobs that are over.
 */
int blob_remove_run(struct call *c, slice body);

/* Removes every file, for a reset. */
void blob_remove_all(struct call *c);

/* Timer: a step of the sweep, and uploads that were left alone for a day. */
int blob_sweep(struct call *c, int64_t *next_due_ms);
