/* stop_signal: see stop_signal.h. */
#include "runner/stop_signal.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

enum { MAX_NAME = 16, LAST_STANDARD = 31 };

/* "" → 0, "+3" → 3, "-1" → -1; what is neither → -1000. */
static int64_t offset_of(slice text)
{
    int64_t number = 0;
    if (text.len == 0)
        return 0;
    if ((text.ptr[0] != '+' && text.ptr[0] != '-') || !slice_to_int64(slice_sub(text, 1, text.len), &number))
        return -1000;
    return text.ptr[0] == '-' ? -number : number;
}

static int64_t real_time(slice name)
{
    if (name.len >= 5 && strncasecmp(name.ptr, "RTMIN", 5) == 0)
        return SIGRTMIN + offset_of(slice_sub(name, 5, name.len));
    if (name.len >= 5 && strncasecmp(name.ptr, "RTMAX", 5) == 0)
        return SIGRTMAX + offset_of(slice_sub(name, 5, name.len));
    return 0;
}

static int64_t standard(slice name)
{
    for (int number = 1; number <= LAST_STANDARD; number++) {
        const char *known = sigabbrev_np(number);
        if (known && strlen(known) == name.len && strncasecmp(known, name.ptr, name.len) == 0)
            return number;
    }
    return 0;
}

int stop_signal_number(slice name)
{
    int64_t number = 0;
    if (name.len > MAX_NAME || name.len == 0)
        return SIGTERM;
    if (!slice_to_int64(name, &number)) {
        if (name.len > 3 && strncasecmp(name.ptr, "SIG", 3) == 0)
            name = slice_sub(name, 3, name.len);
        number = standard(name);
        if (number == 0)
            number = real_time(name);
    }
    return number > 0 && number <= SIGRTMAX ? (int)number : SIGTERM;
}
