/* checkpoint: copies a database's write-ahead log into its file on a thread with a connection of its own, so that who
 * writes waits for no disk. A pass keeps nobody out: it copies what was committed when it began. Everything here is
 * called by the thread that writes. */
#pragma once

#include <stdbool.h>

struct checkpoint;

/* The VFS that both connections are opened with: its index of the log is in memory that they share, and its lock keeps
 * other processes out. */
#define CHECKPOINT_VFS "unix-excl"

/* path is borrowed. The thread starts with the first pass. */
struct checkpoint *checkpoint_open(const char *path);

/* Waits for the end of a pass that runs. */
void checkpoint_close(struct checkpoint *checkpoint);

/* Begins a pass; cut: if it has copied the whole log, and nobody writes, the log's file is emptied. False when one
 * runs, or the last one failed a moment ago, or no thread is to be had. */
bool checkpoint_begin(struct checkpoint *checkpoint, bool cut);

/* False while a pass runs. Otherwise *copied says up to which page of the log the last one came; 0: none did. */
bool checkpoint_is_over(struct checkpoint *checkpoint, int *copied);

/* Returns when no pass runs. */
void checkpoint_wait(struct checkpoint *checkpoint);

/* The log begins anew: no page of it is copied. */
void checkpoint_forget(struct checkpoint *checkpoint);
