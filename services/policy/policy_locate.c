/* policy_locate: where in a document its statements stand. The JSON parser does not tell; the text is known to be valid
 * JSON, so counting brackets outside of strings is enough. */
#include "services/policy/policy_parts.h"

struct scan {
    slice text;
    size_t at;
    int64_t line;
    int64_t column;
};

static bool step(struct scan *s)
{
    if (s->at >= s->text.len)
        return false;
    bool end = s->text.ptr[s->at] == '\n';
    s->line += end;
    s->column = end ? 1 : s->column + 1;
    s->at++;
    return true;
}

/* From the opening quote to behind the closing one; answers what is between. */
static slice skip_string(struct scan *s)
{
    size_t from = s->at + 1;
    step(s);
    while (s->at < s->text.len && s->text.ptr[s->at] != '"') {
        if (s->text.ptr[s->at] == '\\')
            step(s);
        step(s);
    }
    slice inside = slice_sub(s->text, from, s->at);
    step(s);
    return inside;
}

/* Behind the key Statement of the outermost object. */
static bool find_statements(struct scan *s)
{
    int depth = 0;
    while (s->at < s->text.len) {
        char ch = s->text.ptr[s->at];
        if (ch == '"') {
            bool key = slice_eq(skip_string(s), S("Statement"));
            slice rest = slice_trim(slice_sub(s->text, s->at, s->text.len));
            if (depth == 1 && key && slice_starts(rest, S(":")))
                return true;
            continue;
        }
        depth += (ch == '{' || ch == '[') - (ch == '}' || ch == ']');
        step(s);
    }
    return false;
}

void policy_locate(slice text, struct policy_statement_list *statements)
{
    struct scan s = {.text = text, .line = 1, .column = 1};
    size_t depth = 0, done = 0;
    if (!find_statements(&s))
        return;
    while (s.at < text.len && done < statements->len) {
        char ch = text.ptr[s.at];
        if (ch == '"') {
            skip_string(&s);
            continue;
        }
        if (ch == '{' && depth++ == 0)
            statements->items[done].start = (struct policy_position){s.line, s.column};
        step(&s);
        if (ch == '}' && --depth == 0)
            statements->items[done++].end = (struct policy_position){s.line, s.column};
    }
}
