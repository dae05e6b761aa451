/* usage: memory as the kernel counts it. */
#include "runner/functions/functions.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of a function with more processes the peak is that of the first ones. */
enum { MAX_DEPTH = 8, MAX_PROCESSES = 128, KIB = 1024 };

static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n >= 0)
        text[n] = 0;
    return n;
}

static int64_t own_peak(pid_t pid)
{
    char text[4096];
    if (read_proc(pid, "status", text, sizeof(text)) <= 0)
        return 0;
    const char *line = strstr(text, "\nVmHWM:");
    return line ? strtoll(line + 7, NULL, 10) * KIB : 0;
}

static int64_t peak(pid_t pid, int depth, int *left)
{
    char path[64], text[4096];
    int64_t bytes = own_peak(pid);
    snprintf(path, sizeof(path), "task/%d/children", (int)pid);
    if (depth == 0 || --*left <= 0 || read_proc(pid, path, text, sizeof(text)) <= 0)
        return bytes;
    char *end = text;
    for (long child = strtol(end, &end, 10); child > 0 && *left > 0; child = strtol(end, &end, 10))
        bytes += peak((pid_t)child, depth - 1, left);
    return bytes;
}

int64_t usage_peak_bytes(pid_t pid)
{
    /* The stub and the container's init are not the function's. */
    int left = MAX_PROCESSES;
    int64_t all = peak(pid, MAX_DEPTH, &left);
    char path[64], text[4096];
    int64_t stub = own_peak(pid);
    snprintf(path, sizeof(path), "task/%d/children", (int)pid);
    if (read_proc(pid, path, text, sizeof(text)) > 0)
        stub += own_peak((pid_t)strtol(text, NULL, 10));
    return all - stub;
}
