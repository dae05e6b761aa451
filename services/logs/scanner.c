/* scanner: a filter pattern's text as it is read. */
#include "services/logs/pattern_parts.h"

#include <ctype.h>
#include <stdarg.h>

void scanner_skip_space(struct scanner *s)
{
    while (s->rest.len > 0 && isspace((unsigned char)s->rest.ptr[0]))
        s->rest = slice_sub(s->rest, 1, s->rest.len);
}

bool scanner_take(struct scanner *s, slice literal)
{
    scanner_skip_space(s);
    if (!slice_starts(s->rest, literal))
        return false;
    s->rest = slice_sub(s->rest, literal.len, s->rest.len);
    return true;
}

int scanner_fail(struct scanner *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s->why = arena_vprintf(s->arena, format, args);
    va_end(args);
    return BAD_INPUT;
}
