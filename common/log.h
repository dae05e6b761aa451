/* log: what a program says about itself, one line each, "DATE PROGRAM LEVEL: TEXT" (awssimctl logs sorts by the date),
 * on stderr (which the supervisor collects). Library code never logs; programs do. */
#pragma once

#include "common/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* program: the name before each line ("awssim-ecs"), not copied. */
void log_init(const char *program, enum log_level level);

/* "error", "warn", "info", "debug" → level; false for anything else. */
bool log_level_parse(slice text, enum log_level *level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
