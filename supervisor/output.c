/* output: lines of a child process from its pipe into its log file. Leaves the meaning of the lines to people. */
#include "supervisor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    READS_PER_TURN = 4, /* one chatty process must not keep the others waiting */
    ECHO_BYTES = 4096,  /* a writable pipe takes this many without blocking (PIPE_BUF) */
};

static void file_open(struct output *o)
{
    o->file_fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st;
    o->file_bytes = o->file_fd >= 0 && fstat(o->file_fd, &st) == 0 ? st.st_size : 0;
}

static void file_rotate(struct output *o)
{
    char *older = NULL;
    if (asprintf(&older, "%s.1", o->path) < 0)
        return;
    rename(o->path, older);
    free(older);
    close(o->file_fd);
    file_open(o);
}

/* A full disk loses log lines, never the supervisor. */
static void file_write(struct output *o, slice lines)
{
    if (o->file_fd >= 0 && o->file_bytes > 0 && o->file_bytes + (int64_t)lines.len > OUTPUT_FILE_BYTES)
        file_rotate(o);
    if (o->file_fd < 0)
        return;
    ssize_t n = write(o->file_fd, lines.ptr, lines.len);
    o->file_bytes += n > 0 ? n : 0;
}

/* A stopped terminal must not stop the supervisor: what stderr does not take at once is dropped. */
static bool echo_write(slice text)
{
    while (text.len > 0) {
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
            return false;
        ssize_t n = write(STDERR_FILENO, text.ptr, text.len < ECHO_BYTES ? text.len : ECHO_BYTES);
        if (n < 0)
            return false;
        text = slice_sub(text, (size_t)n, text.len);
    }
    return true;
}

static void echo(struct output *o, slice lines)
{
    struct buf text = {0};
    while (lines.len > 0) {
        slice line, rest;
        slice_cut(lines, '\n', &line, &rest);
        buf_printf(&text, "%s | ", o->name);
        buf_add(&text, line);
        buf_add_char(&text, '\n');
        lines = rest;
    }
    echo_write(buf_slice(&text));
    buf_deinit(&text);
}

static void lines_out(struct output *o, slice lines)
{
    if (slice_empty(lines))
        return;
    file_write(o, lines);
    if (o->echo)
        echo(o, lines);
    buf_add(&o->tail, slice_sub(lines, lines.len > OUTPUT_TAIL_BYTES ? lines.len - OUTPUT_TAIL_BYTES : 0, lines.len));
    if (o->tail.len > 2 * (size_t)OUTPUT_TAIL_BYTES)
        buf_consume(&o->tail, o->tail.len - OUTPUT_TAIL_BYTES);
}

static void end_partial_line(struct output *o)
{
    if (o->partial.len == 0)
        return;
    buf_add_char(&o->partial, '\n');
    lines_out(o, buf_slice(&o->partial));
    buf_clear(&o->partial);
}

static void take(struct output *o, size_t n)
{
    slice fresh = {o->partial.ptr + o->partial.len, n};
    o->partial.len += n;
    const char *end = memrchr(fresh.ptr, '\n', fresh.len);
    if (end) {
        size_t whole = (size_t)(end + 1 - o->partial.ptr);
        lines_out(o, slice_sub(buf_slice(&o->partial), 0, whole));
        buf_consume(&o->partial, whole);
    }
    if (o->partial.len >= OUTPUT_LINE_BYTES)
        end_partial_line(o);
}

int output_open(struct output *output, const char *folder, const char *name, bool echo_lines)
{
    *output = (struct output){.name = name, .echo = echo_lines, .file_fd = -1};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    output->read_fd = ends[0];
    output->write_fd = ends[1];
    fcntl(output->read_fd, F_SETFL, O_NONBLOCK);
    if (asprintf(&output->path, "%s/%s.log", folder, name) < 0)
        abort();
    file_open(output);
    return 0;
}

void output_close(struct output *output)
{
    close(output->read_fd);
    close(output->write_fd);
    if (output->file_fd >= 0)
        close(output->file_fd);
    free(output->path);
    buf_deinit(&output->partial);
    buf_deinit(&output->tail);
}

void output_read(struct output *output)
{
    for (int i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = read(output->read_fd, buf_reserve(&output->partial, READ_BYTES), READ_BYTES);
        if (n <= 0)
            return;
        take(output, (size_t)n);
    }
}

void output_finish(struct output *output)
{
    output_read(output);
    end_partial_line(output);
}

slice output_tail(const struct output *output, size_t count)
{
    slice tail = buf_slice(&output->tail);
    size_t from = tail.len;
    for (size_t lines = 0; from > 0; from--) {
        if (tail.ptr[from - 1] == '\n' && lines++ == count)
            break;
    }
    return slice_sub(tail, from, tail.len);
}
