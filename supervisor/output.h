/* output: what one process prints, from its pipe into a log file of bounded size. The file is <folder>/<name>.log; past
 * OUTPUT_FILE_BYTES it becomes <name>.log.1, replacing the former one. */
#pragma once

#include "common/buf.h"

enum {
    OUTPUT_FILE_BYTES = 8 * 1024 * 1024,
    OUTPUT_LINE_BYTES = 64 * 1024, /* a longer line is cut into several */
    OUTPUT_TAIL_BYTES = 4 * 1024,  /* kept in memory, for messages about a death */
};

struct output {
    const char *name;
    char *path;
    bool echo;
    int read_fd;
    int write_fd; /* for the process; stays open here, so that the pipe outlives each process */
    int file_fd;
    int64_t file_bytes;
    struct buf partial; /* the line that has not ended yet */
    struct buf tail;    /* the newest whole lines */
};

/* Opens pipe and file; echo copies each line to stderr, with the name in front. The name is borrowed. Answers 0 or
 * -errno; a file that cannot be opened is no error: the process matters more than its log. */
int output_open(struct output *output, const char *folder, const char *name, bool echo);
void output_close(struct output *output);

/* Takes what is in the pipe, without waiting. */
void output_read(struct output *output);

/* The same after a death: a line without an end counts as whole. Forgets nothing. */
void output_finish(struct output *output);

/* The newest count lines, each with its newline; belongs to the output. */
slice output_tail(const struct output *output, size_t count);
