/* exec_frame: how awssimctl and the runner talk about a command in a running container, over the runner's socket "exec"
 * in the run directory: frames of a head (a byte that is the kind, and the payload's length in four bytes, big-endian)
 * and a payload.
 *
 * From the client:
 *   EXEC_START   first, once: JSON: {"task": id or ARN, "container": name, or absent when the task has one, "command":
 *                [text…], "environment": [[name, value]…], "user", "workingDirectory": text, "terminal": bool, "input":
 *                bool (without it, its standard input is empty), "rows", "columns": n}
 *   EXEC_INPUT   bytes for its standard input                 EXEC_INPUT_END  there are no more
 *   EXEC_SIZE    of its terminal: rows and columns, two bytes each
 *   EXEC_SIGNAL  a byte: the signal's number
 * From the runner:
 *   EXEC_STARTED it runs                                      EXEC_OUTPUT, EXEC_ERROR_OUTPUT  what it writes
 *   EXEC_EXIT    last: its exit code (128 + signal when killed), four bytes
 *   EXEC_REFUSED last: it was not started: a byte that is the exit code to end with, and a sentence
 *
 * When the client closes the connection the command is ended: with a terminal by SIGHUP, as when a terminal is closed.
 */
#pragma once

#include "common/slice.h"

#include <stdint.h>

enum exec_kind {
    EXEC_START = 'S',
    EXEC_INPUT = 'I',
    EXEC_INPUT_END = 'E',
    EXEC_SIZE = 'W',
    EXEC_SIGNAL = 'K',
    EXEC_STARTED = 's',
    EXEC_OUTPUT = 'o',
    EXEC_ERROR_OUTPUT = 'e',
    EXEC_EXIT = 'x',
    EXEC_REFUSED = 'r',
};

enum { EXEC_HEAD_BYTES = 5, EXEC_MAX_PAYLOAD = 256 * 1024 };

struct exec_frame {
    enum exec_kind kind;
    slice payload;
};

void exec_frame_head(char head[EXEC_HEAD_BYTES], enum exec_kind kind, size_t payload_bytes);

/* The first frame of the bytes. Answers how many bytes it has, its payload within them; 0 when they do not hold a whole
 * one yet; or -1 for a kind or a length that there is not. */
ssize_t exec_frame_parse(slice bytes, struct exec_frame *frame);

/* The payload as numbers of two or of four bytes; -1 when it has another length. */
int exec_frame_size(const struct exec_frame *frame, uint16_t *rows, uint16_t *columns);
int exec_frame_number(const struct exec_frame *frame, uint32_t *number);
