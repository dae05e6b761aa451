/* policy_variable: condition keys of a request, and policy variables, which stand for them: ${aws:username},
 * ${aws:username, 'default'}, and ${*} ${?} ${$} for the characters themselves. */
#include "services/policy/policy_parts.h"

#include "common/buf.h"

void policy_key_add(struct arena *arena, struct policy_key_list *keys, slice name, slice value)
{
    if (!value.ptr)
        return;
    list_foreach (key, keys) {
        if (slice_eq_nocase(key->name, name)) {
            *list_add(arena, &key->values) = value;
            return;
        }
    }
    struct policy_key *key = list_add(arena, keys);
    key->name = name;
    *list_add(arena, &key->values) = value;
}

void policy_note_key(struct arena *arena, struct slice_list *names, slice key)
{
    list_foreach (name, names) {
        if (slice_eq_nocase(*name, key))
            return;
    }
    *list_add(arena, names) = key;
}

const struct slice_list *policy_look_up(const struct policy_look *look, slice key)
{
    if (look->keys) {
        list_foreach (one, look->keys) {
            if (slice_eq_nocase(one->name, key))
                return &one->values;
        }
    }
    policy_note_key(look->arena, look->missing, key);
    return NULL;
}

/* The value of what stands between ${ and }. */
static bool value_of(const struct policy_look *look, slice variable, slice *value)
{
    slice key, otherwise;
    if (slice_eq(variable, S("*")) || slice_eq(variable, S("?")) || slice_eq(variable, S("$"))) {
        *value = variable;
        return true;
    }
    bool has_default = slice_cut(variable, ',', &key, &otherwise);
    const struct slice_list *values = policy_look_up(look, slice_trim(key));
    if (values && values->len > 0) {
        *value = values->items[0];
        return true;
    }
    otherwise = slice_trim(otherwise);
    if (!has_default || otherwise.len < 2 || otherwise.ptr[0] != '\'' || otherwise.ptr[otherwise.len - 1] != '\'')
        return false;
    *value = slice_sub(otherwise, 1, otherwise.len - 1);
    return true;
}

static void add(struct buf *text, struct buf *wild, slice part, bool may_be_wild)
{
    buf_add(text, part);
    for (size_t i = 0; i < part.len; i++)
        buf_add_char(wild, may_be_wild && (part.ptr[i] == '*' || part.ptr[i] == '?'));
}

bool policy_expand(const struct policy_look *look, slice text, struct policy_pattern *pattern)
{
    struct buf out, wild;
    slice rest = text, value;
    buf_init(&out, look->arena);
    buf_init(&wild, look->arena);
    for (;;) {
        ssize_t at = look->variables ? slice_find(rest, S("${")) : -1;
        size_t end = at < 0 ? rest.len : (size_t)at + slice_index(slice_sub(rest, (size_t)at, rest.len), '}');
        if (end >= rest.len) {
            add(&out, &wild, rest, true);
            break;
        }
        add(&out, &wild, slice_sub(rest, 0, (size_t)at), true);
        if (!value_of(look, slice_sub(rest, (size_t)at + 2, end), &value))
            return false;
        add(&out, &wild, value, false);
        rest = slice_sub(rest, end + 1, rest.len);
    }
    buf_add_char(&wild, 0);
    *pattern = (struct policy_pattern){buf_slice(&out), buf_slice(&wild).ptr};
    return true;
}
