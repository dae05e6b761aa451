/* group: log groups: create, describe, list, delete, and finding one by name or ARN. */
#include "services/logs/logs.h"

#include "common/page.h"
#include "common/glob.h"
#include "logs_api.h"

enum { DESCRIBE_LIMIT = 50 };

slice group_arn(struct call *c, slice name)
{
    return arena_printf(c->arena, "arn:aws:logs:%.*s:%.*s:log-group:%.*s", SLICE_ARG(c->region), SLICE_ARG(c->account),
                        SLICE_ARG(name));
}

slice group_name_of(slice text)
{
    if (!slice_starts(text, S("arn:")))
        return text;
    ssize_t at = slice_find(text, S(":log-group:"));
    if (at < 0)
        return (slice){NULL, 0};
    slice name = slice_sub(text, (size_t)at + sizeof(":log-group:") - 1, text.len);
    return slice_sub(name, 0, slice_index(name, ':'));
}

slice group_name_behind(struct call *c, slice name)
{
    return arena_concat(c->arena, name, (slice){"", 1});
}

void group_read(struct db_rows *rows, struct log_group *group)
{
    *group = (struct log_group){
        .id = db_int(rows, 0),
        .name = db_text(rows, 1),
        .created_ms = db_int(rows, 2),
        .kms_key = db_text(rows, 4),
        .class = db_text(rows, 5),
        .protected = db_int(rows, 6) != 0,
    };
    if (!db_is_null(rows, 3))
        group->retention_days = opt_int(db_int(rows, 3));
}

static bool find(struct call *c, slice name, struct log_group *group)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_GROUP_GET, "ttt", c->account, c->region, name);
    bool found = db_next(&rows);
    if (found)
        group_read(&rows, group);
    db_done(&rows);
    return found;
}

int group_get(struct call *c, slice name, struct log_group *group)
{
    if (!find(c, name, group))
        return fail(c, &logs_resource_not_found, "The specified log group does not exist.");
    return 0;
}

int group_get_either(struct call *c, slice name, slice identifier, struct log_group *group)
{
    if ((name.ptr != NULL) == (identifier.ptr != NULL))
        return fail(c, &logs_invalid_parameter, "Exactly one of logGroupName or logGroupIdentifier must be specified.");
    return group_get(c, name.ptr ? name : group_name_of(identifier), group);
}

int logs_create_log_group(struct call *c, const struct logs_create_log_group_in *in,
                          struct logs_create_log_group_out *out)
{
    struct log_group group;
    if (find(c, in->log_group_name, &group))
        return fail(c, &logs_resource_already_exists, "The specified log group already exists");
    db_run(c->db, LOGS_SQL_GROUP_INSERT, "tttitti", c->account, c->region, in->log_group_name, c->now_ms,
           in->kms_key_id, in->log_group_class.ptr ? in->log_group_class : S("STANDARD"),
           (int64_t)opt_bool_or(in->deletion_protection_enabled, false));
    int64_t id = db_last_id(c->db);
    struct pair_list tags = {0};
    list_foreach (tag, &in->tags)
        *list_add(c->arena, &tags) = (struct pair){tag->key, tag->value};
    return tags_set(c, id, &tags);
}

int logs_delete_log_group(struct call *c, const struct logs_delete_log_group_in *in,
                          struct logs_delete_log_group_out *out)
{
    struct log_group group;
    TRY(group_get(c, in->log_group_name, &group));
    if (group.protected)
        return fail(c, &logs_validation, "The log group cannot be deleted because deletion protection is enabled.");
    db_run(c->db, LOGS_SQL_GROUP_BURY, "ti", arena_printf(c->arena, "%lld", (long long)group.id), group.id);
    call_timer_changed(c);
    return 0;
}

int logs_put_log_group_deletion_protection(struct call *c, const struct logs_put_log_group_deletion_protection_in *in,
                                           struct logs_put_log_group_deletion_protection_out *out)
{
    struct log_group group;
    TRY(group_get(c, group_name_of(in->log_group_identifier), &group));
    db_run(c->db, LOGS_SQL_GROUP_SET_PROTECTED, "ii", (int64_t)in->deletion_protection_enabled.v, group.id);
    return 0;
}

static int64_t stored_bytes(struct call *c, int64_t group_id)
{
    struct db_rows rows = db_query(c->db, LOGS_SQL_GROUP_BYTES, "i", group_id);
    int64_t bytes = db_next(&rows) ? db_int(&rows, 0) : 0;
    db_done(&rows);
    return bytes;
}

static void describe(struct call *c, const struct log_group *group, struct logs_log_group *out)
{
    out->log_group_name = group->name;
    out->creation_time = opt_int(group->created_ms);
    out->retention_in_days = group->retention_days;
    out->metric_filter_count = opt_int(0);
    out->log_group_arn = group_arn(c, group->name);
    out->arn = arena_concat(c->arena, out->log_group_arn, S(":*"));
    out->stored_bytes = opt_int(stored_bytes(c, group->id));
    out->kms_key_id = group->kms_key;
    out->log_group_class = group->class;
    out->deletion_protection_enabled = opt_bool(group->protected);
}

static bool asked_for(const struct logs_describe_log_groups_in *in, const struct log_group *group)
{
    if (in->log_group_class.ptr && !slice_eq(in->log_group_class, group->class))
        return false;
    if (in->log_group_name_pattern.ptr && slice_find(group->name, in->log_group_name_pattern) < 0)
        return false;
    if (in->log_group_identifiers.len == 0)
        return true;
    list_foreach (identifier, &in->log_group_identifiers) {
        if (slice_eq(group_name_of(*identifier), group->name))
            return true;
    }
    return false;
}

static int check_describe(struct call *c, const struct logs_describe_log_groups_in *in, slice *after)
{
    if (in->log_group_name_prefix.ptr && in->log_group_name_pattern.ptr)
        return fail(c, &logs_invalid_parameter,
                    "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
    if (page_key(c->arena, S("DescribeLogGroups"), in->next_token, after) != 0)
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    return 0;
}

int logs_describe_log_groups(struct call *c, const struct logs_describe_log_groups_in *in,
                             struct logs_describe_log_groups_out *out)
{
    slice after;
    TRY(check_describe(c, in, &after));
    slice prefix = in->log_group_name_prefix;
    size_t limit = (size_t)opt_int_or(in->limit, DESCRIBE_LIMIT);
    struct log_group group;
    slice last = {0};
    struct db_rows rows = db_query(c->db, LOGS_SQL_GROUP_LIST, "ttt", c->account, c->region,
                                   after.len > 0 ? group_name_behind(c, after)
                                   : prefix.ptr  ? prefix
                                                 : S(""));
    while (db_next(&rows)) {
        group_read(&rows, &group);
        if (prefix.ptr && !slice_starts(group.name, prefix))
            break;
        if (!asked_for(in, &group))
            continue;
        if (out->log_groups.len == limit) {
            out->next_token = page_token(c->arena, S("DescribeLogGroups"), last);
            break;
        }
        describe(c, &group, list_add(c->arena, &out->log_groups));
        last = group.name;
    }
    db_done(&rows);
    return 0;
}

/* ListLogGroups' pattern: up to five alternatives separated by '|', each found anywhere, or at the start behind '^'. */
static bool matches_list_pattern(slice pattern, slice name)
{
    while (pattern.ptr) {
        slice one;
        slice_cut(pattern, '|', &one, &pattern);
        bool anchored = slice_starts(one, S("^"));
        if (anchored ? slice_starts(name, slice_sub(one, 1, one.len)) : slice_find(name, one) >= 0)
            return true;
    }
    return false;
}

static bool has_tags(struct call *c, int64_t group_id, const struct logs_list_log_groups_in *in)
{
    struct pair_list tags = {0};
    struct db_rows rows = db_query(c->db, LOGS_SQL_TAG_LIST, "i", group_id);
    while (db_next(&rows))
        *list_add(c->arena, &tags) = (struct pair){db_text(&rows, 0), db_text(&rows, 1)};
    list_foreach (filter, &in->log_group_tags) {
        slice value = pair_get(&tags, filter->key);
        bool found = value.ptr && filter->values.len == 0;
        list_foreach (wanted, &filter->values)
            found = found || (value.ptr && slice_eq(*wanted, value));
        if (!found)
            return false;
    }
    return true;
}

int logs_list_log_groups(struct call *c, const struct logs_list_log_groups_in *in, struct logs_list_log_groups_out *out)
{
    slice after;
    if (page_key(c->arena, S("ListLogGroups"), in->next_token, &after) != 0)
        return fail(c, &logs_invalid_parameter, "The specified nextToken is invalid.");
    size_t limit = (size_t)opt_int_or(in->limit, DESCRIBE_LIMIT);
    struct log_group group;
    slice last = {0};
    struct db_rows rows = db_query(c->db, LOGS_SQL_GROUP_LIST, "ttt", c->account, c->region,
                                   after.len > 0 ? group_name_behind(c, after) : S(""));
    while (db_next(&rows)) {
        group_read(&rows, &group);
        if (in->log_group_name_pattern.ptr && !matches_list_pattern(in->log_group_name_pattern, group.name))
            continue;
        if (in->log_group_class.ptr && !slice_eq(in->log_group_class, group.class))
            continue;
        if (in->log_group_tags.len > 0 && !has_tags(c, group.id, in))
            continue;
        if (out->log_groups.len == limit) {
            out->next_token = page_token(c->arena, S("ListLogGroups"), last);
            break;
        }
        struct logs_log_group_summary *summary = list_add(c->arena, &out->log_groups);
        summary->log_group_name = group.name;
        summary->log_group_arn = group_arn(c, group.name);
        summary->log_group_class = group.class;
        last = group.name;
    }
    db_done(&rows);
    return 0;
}
