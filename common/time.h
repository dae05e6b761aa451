/* time: clocks and their textual forms. All instants are int64 milliseconds since the epoch. */
#pragma once

#include "common/slice.h"

/* Wall clock, and a clock that never jumps (for deadlines and durations). */
int64_t time_now_ms(void);
int64_t time_mono_ms(void);
int64_t time_mono_us(void);

/* "2026-11-24T10:00:00Z", or with milliseconds "…:00.123Z". */
slice time_iso8601(struct arena *arena, int64_t ms, bool with_ms);

/* The same with milliseconds into out, which has room for 25 bytes (NUL included). */
void time_iso8601_into(int64_t ms, char out[25]);

/* "Tue, 24 Nov 2026 10:00:00 GMT" into out, which has room for 30 bytes (NUL included). */
void time_rfc1123(int64_t ms, char out[30]);

/* ISO 8601 with or without fraction, with Z or ±hh:mm; RFC 1123 in UTC; or decimal epoch seconds. False when none. */
bool time_parse(slice text, int64_t *ms);
