/* lifecycle_rules: lifecycle policies read, checked and evaluated. */
#include "common/glob.h"
#include "common/json.h"
#include "services/ecr/lifecycle.h"

enum { MAX_RULES = 50 };

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

static int read_texts(struct arena *arena, const struct val *array, struct slice_list *texts)
{
    if (!array)
        return 0;
    if (array->type != VAL_ARRAY || array->array.len == 0)
        return BAD_INPUT;
    list_foreach (item, &array->array) {
        if (item->type != VAL_STRING || item->string.len == 0)
            return BAD_INPUT;
        *list_add(arena, texts) = item->string;
    }
    return 0;
}

/* Which images the rule is for. */
static int read_tags(struct arena *arena, const struct val *selection, struct lifecycle_rule *rule, slice *why)
{
    rule->tag_status = val_get_string(selection, S("tagStatus"));
    *why = S("tagPrefixList and tagPatternList are arrays of strings");
    TRY(read_texts(arena, val_get(selection, S("tagPrefixList")), &rule->prefixes));
    TRY(read_texts(arena, val_get(selection, S("tagPatternList")), &rule->patterns));
    bool tagged = slice_eq(rule->tag_status, S("tagged"));
    *why = S("tagStatus is tagged, untagged or any");
    if (!tagged && !slice_eq(rule->tag_status, S("untagged")) && !slice_eq(rule->tag_status, S("any")))
        return BAD_INPUT;
    *why = S("tagStatus tagged needs either tagPrefixList or tagPatternList, the others none");
    return (rule->prefixes.len > 0) + (rule->patterns.len > 0) == tagged ? 0 : BAD_INPUT;
}

static int read_count(const struct val *selection, struct lifecycle_rule *rule, slice *why)
{
    slice unit = val_get_string(selection, S("countUnit"));
    rule->count_type = val_get_string(selection, S("countType"));
    rule->count = val_get_int(selection, S("countNumber"), 0);
    *why = S("countNumber is a number above 0");
    if (rule->count <= 0)
        return BAD_INPUT;
    *why = S("countType imageCountMoreThan has no countUnit");
    if (slice_eq(rule->count_type, S("imageCountMoreThan")))
        return unit.ptr ? BAD_INPUT : 0;
    *why = S("countType is imageCountMoreThan, or sinceImagePushed with countUnit days");
    return slice_eq(rule->count_type, S("sinceImagePushed")) && slice_eq(unit, S("days")) ? 0 : BAD_INPUT;
}

static int read_rule(struct arena *arena, const struct val *value, struct lifecycle_rule *rule, slice *why)
{
    const struct val *selection = val_get(value, S("selection")), *action = val_get(value, S("action"));
    rule->priority = val_get_int(value, S("rulePriority"), 0);
    *why = S("rulePriority is a number above 0");
    if (rule->priority <= 0)
        return BAD_INPUT;
    *why = S("a rule has a selection");
    if (!selection || selection->type != VAL_OBJECT)
        return BAD_INPUT;
    *why = S("a rule's action has type expire");
    if (!slice_eq(val_get_string(action, S("type")), S("expire")))
        return BAD_INPUT;
    TRY(read_tags(arena, selection, rule, why));
    return read_count(selection, rule, why);
}

static void sort_by_priority(struct lifecycle_rules *rules)
{
    for (size_t i = 1; i < rules->len; i++) {
        for (size_t j = i; j > 0 && rules->items[j].priority < rules->items[j - 1].priority; j--) {
            struct lifecycle_rule rule = rules->items[j];
            rules->items[j] = rules->items[j - 1];
            rules->items[j - 1] = rule;
        }
    }
}

/* Priorities differ; what is for all images comes last; there is one rule for untagged ones of a kind. */
static int check_order(const struct lifecycle_rules *rules, slice *why)
{
    for (size_t i = 0; i + 1 < rules->len; i++) {
        *why = S("rulePriority must be unique");
        if (rules->items[i].priority == rules->items[i + 1].priority)
            return BAD_INPUT;
        *why = S("a rule with tagStatus any must have the highest rulePriority number, and there can be only one");
        if (slice_eq(rules->items[i].tag_status, S("any")))
            return BAD_INPUT;
    }
    return 0;
}

int lifecycle_parse(struct arena *arena, slice text, struct lifecycle_rules *rules, slice *why)
{
    struct val document;
    *rules = (struct lifecycle_rules){0};
    TRY(json_parse(arena, text, &document, why));
    const struct val *array = val_get(&document, S("rules"));
    *why = S("rules is an array of 1 to 50 rules");
    if (!array || array->type != VAL_ARRAY || array->array.len == 0 || array->array.len > MAX_RULES)
        return BAD_INPUT;
    list_foreach (value, &array->array)
        TRY(read_rule(arena, value, list_add(arena, rules), why));
    sort_by_priority(rules);
    return check_order(rules, why);
}

static bool some_tag_fits(const struct slice_list *tags, slice wanted, bool is_pattern)
{
    list_foreach (tag, tags) {
        if (is_pattern ? glob_match(wanted, *tag) : slice_starts(*tag, wanted))
            return true;
    }
    return false;
}

/* Several prefixes or patterns must all fit, each some tag. */
static bool selects(const struct lifecycle_rule *rule, const struct slice_list *tags)
{
    if (slice_eq(rule->tag_status, S("any")))
        return true;
    if (slice_eq(rule->tag_status, S("untagged")))
        return tags->len == 0;
    list_foreach (prefix, &rule->prefixes) {
        if (!some_tag_fits(tags, *prefix, false))
            return false;
    }
    list_foreach (pattern, &rule->patterns) {
        if (!some_tag_fits(tags, *pattern, true))
            return false;
    }
    return tags->len > 0;
}

/* An image belongs to the first rule that selects it, whether that expires it or not; rules of a later priority do not
 * see it when it expires. images are newest first. */
static void apply(const struct lifecycle_rule *rule, struct expiry_list *images, bool *taken, int64_t now_ms)
{
    int64_t seen = 0;
    for (size_t i = 0; i < images->len; i++) {
        struct expiry *one = &images->items[i];
        if (taken[i] || !selects(rule, &one->tags))
            continue;
        seen++;
        taken[i] = true;
        bool expires = slice_eq(rule->count_type, S("imageCountMoreThan"))
                           ? seen > rule->count
                           : one->image.pushed_ms < now_ms - rule->count * day_ms;
        if (expires)
            one->priority = rule->priority;
    }
}

struct expiry_list lifecycle_evaluate(struct call *c, const struct repository *repository,
                                      const struct lifecycle_rules *rules)
{
    struct expiry_list images = {0}, expiring = {.set = true};
    struct db_rows rows = db_query(c->db, ECR_SQL_IMAGE_NEWEST, "i", repository->id);
    while (db_next(&rows)) {
        struct expiry *one = list_add(c->arena, &images);
        image_read(&rows, &one->image, false);
        one->tags = image_tags(c, one->image.id);
    }
    bool *taken = arena_array(c->arena, images.len + 1, sizeof(*taken));
    list_foreach (rule, rules)
        apply(rule, &images, taken, c->now_ms);
    list_foreach (one, &images) {
        if (one->priority > 0 && !image_parent(c, repository, one->image.digest).ptr)
            *list_add(c->arena, &expiring) = *one;
    }
    return expiring;
}
