/* trash: folders that are of no use any more. They are put aside by a rename, and removed by a thread, because a task's
 * tree can have any number of files. */
#pragma once

#include "common/slice.h"

struct trash;

/* folder: where they are put; what is in it is removed. */
struct trash *trash_open(slice folder);

/* At once it is no longer where it was. Nothing happens when there is none; what cannot be renamed is removed here. */
void trash_put(struct trash *trash, const char *path);

/* Waits for the thread, which leaves what it has not got to for the next trash_open. */
void trash_close(struct trash *trash);
