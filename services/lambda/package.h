/* package: the work on deployment packages that takes its time, beside the loop: to read a payload, to keep an
 * archive with its tree, to remove what nobody needs. All are for await_work: they use the await's arena, input and
 * output, and files. */
#pragma once

#include "services/worker/await.h"

/* Input: {"body"}, a path. Output: what the file is; BAD_INPUT when that is no JSON. */
await_work_fn package_read;

/* Input: {"folder", "file", "offset", "length", "segments", "owned", "lenient"} on a line, and the archive itself
 * behind it when there is no file. Keeps it as folder/SHA256.zip with its tree beside it, if it is not there; a file
 * that is owned is moved there, or removed. Output: {"hash", "sha256", "bytes"}; with BAD_INPUT, what is wrong with it.
 */
await_work_fn package_keep;

/* Input: a folder's path. Removes what is in it. */
await_work_fn package_sweep;
