/* log: see log.h. */
#include "common/log.h"

#include "common/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_LINE = 4096 };

static const char *log_program = "awssim";
static enum log_level log_threshold = LOG_INFO;
static const char *const names[] = {"error", "warn", "info", "debug"};

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_threshold = level;
}

bool log_level_parse(slice text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (slice_eq(text, slice_of(names[i]))) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* One write, so that lines of several processes do not mix. */
static void write_line(enum log_level level, const char *format, va_list args)
{
    char line[MAX_LINE], date[25];
    if (level > log_threshold)
        return;
    time_iso8601_into(time_now_ms(), date);
    int head = snprintf(line, sizeof(line), "%s %s %s: ", date, log_program, names[level]);
    int text = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, args);
    size_t length = (size_t)head + (size_t)(text < 0 ? 0 : text);
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    /* A message from elsewhere must not forge a second line or steer a terminal. */
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    }
    line[length] = '\n';
    if (write(STDERR_FILENO, line, length + 1) < 0)
        return; /* nobody left to tell */
}

#define LOG_FUNCTION(name, level)                                                                                      \
    void name(const char *format, ...)                                                                                 \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        write_line(level, format, args);                                                                               \
        va_end(args);                                                                                                  \
    }

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)
