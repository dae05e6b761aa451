/* listing: Describe operations: by id, by filters, page by page. Filters are looked up in the facets, never in the
 * documents, so that the cost follows from what matches. */
#include "services/ec2/ec2.h"

#include "common/glob.h"
#include "common/page.h"

#include <stdlib.h>

enum { MIN_RESULTS = 5, MAX_RESULTS = 1000, MAX_FILTERS = 50, MAX_FILTER_VALUES = 200 };

struct rows {
    int64_t *items;
    size_t len;
    bool set;
};

struct texts {
    const slice *items;
    size_t len;
    bool set;
};

static bool is_pattern(slice value)
{
    return slice_index(value, '*') < value.len || slice_index(value, '?') < value.len;
}

static bool has_facet(enum kind kind, slice name)
{
    if (slice_starts(name, S("tag:")) || slice_eq(name, S("tag-key")) || slice_eq(name, S("tag-value")))
        return true;
    for (const struct kind_facet *facet = kinds[kind].facets; facet->filter.ptr; facet++) {
        if (slice_eq(facet->filter, name))
            return true;
    }
    return false;
}

static int refuse_filter(struct call *c, slice name)
{
    return fail(c, &ec2_invalid_parameter_value, "The filter '%.*s' is invalid", SLICE_ARG(name));
}

static int check_filters(struct call *c, const struct listing *listing)
{
    if (listing->filters->len > MAX_FILTERS)
        return fail(c, &ec2_invalid_parameter_value, "The maximum number of filters is %d.", MAX_FILTERS);
    list_foreach (filter, listing->filters) {
        if (!filter->name.ptr)
            return fail(c, &ec2_invalid_parameter_value, "The filter 'null' is invalid");
        if (!has_facet(listing->kind, filter->name))
            return refuse_filter(c, filter->name);
        if (filter->values.len > MAX_FILTER_VALUES)
            return fail(c, &ec2_invalid_parameter_value, "The maximum number of filter values is %d.",
                        MAX_FILTER_VALUES);
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static void add_exact(struct call *c, enum kind kind, slice name, slice value, struct rows *found)
{
    struct db_rows rows = db_query(c->db, EC2_SQL_FACET_FIND, "iitt", resource_scope(c), (int64_t)kind, name, value);
    while (db_next(&rows))
        *list_add(c->arena, found) = db_int(&rows, 0);
    db_done(&rows);
}

static void add_matching(struct call *c, enum kind kind, slice name, slice pattern, struct rows *found)
{
    struct db_rows rows = db_query(c->db, EC2_SQL_FACET_NAMED, "iit", resource_scope(c), (int64_t)kind, name);
    while (db_next(&rows)) {
        if (glob_match(pattern, db_text(&rows, 0)))
            *list_add(c->arena, found) = db_int(&rows, 1);
    }
    db_done(&rows);
}

/* All resources that one of the filter's values fits, in order, each once. */
static struct rows rows_of(struct call *c, enum kind kind, const struct ec2_filter *filter)
{
    struct rows found = {0};
    list_foreach (value, &filter->values) {
        if (is_pattern(*value))
            add_matching(c, kind, filter->name, *value, &found);
        else
            add_exact(c, kind, filter->name, *value, &found);
    }
    if (found.len > 1)
        qsort(found.items, found.len, sizeof(*found.items), by_number);
    size_t kept = 0;
    for (size_t i = 0; i < found.len; i++) {
        if (kept == 0 || found.items[kept - 1] != found.items[i])
            found.items[kept++] = found.items[i];
    }
    found.len = kept;
    return found;
}

static bool matches(struct call *c, int64_t row, const struct ec2_filter *filter)
{
    bool match = false;
    struct db_rows rows = db_query(c->db, EC2_SQL_FACET_OF, "it", row, filter->name);
    while (!match && db_next(&rows)) {
        slice actual = db_text(&rows, 0);
        list_foreach (value, &filter->values)
            match = match || (is_pattern(*value) ? glob_match(*value, actual) : slice_eq(*value, actual));
    }
    db_done(&rows);
    return match;
}

/* All filters but the one at that position. */
static bool matches_all(struct call *c, int64_t row, const struct ec2_filter_list *filters, size_t but)
{
    for (size_t i = 0; i < filters->len; i++) {
        if (i != but && !matches(c, row, &filters->items[i]))
            return false;
    }
    return true;
}

/* About how many resources fit a filter; patterns are looked for last. */
static int64_t cost_of(struct call *c, enum kind kind, const struct ec2_filter *filter)
{
    int64_t cost = 0;
    list_foreach (value, &filter->values) {
        if (is_pattern(*value))
            return INT64_MAX;
        struct db_rows rows =
            db_query(c->db, EC2_SQL_FACET_COUNT, "iitt", resource_scope(c), (int64_t)kind, filter->name, *value);
        if (db_next(&rows))
            cost += db_int(&rows, 0);
        db_done(&rows);
    }
    return cost;
}

/* The position of the filter that the fewest resources fit. */
static size_t cheapest(struct call *c, const struct listing *listing)
{
    size_t best = 0;
    int64_t least = INT64_MAX;
    for (size_t i = 0; listing->filters->len > 1 && i < listing->filters->len; i++) {
        int64_t cost = cost_of(c, listing->kind, &listing->filters->items[i]);
        if (cost < least) {
            least = cost;
            best = i;
        }
    }
    return best;
}

static void *add_to(struct call *c, enum kind kind, void *out)
{
    return list_add_raw(c->arena, out, kinds[kind].shape->size);
}

static int list_by_id(struct call *c, const struct listing *listing, void *out)
{
    const struct texts *ids = listing->ids;
    list_foreach (id, ids) {
        struct resource resource;
        struct db_rows rows = db_query(c->db, EC2_SQL_RESOURCE_GET_ANY, "it", resource_scope(c), *id);
        bool gone = listing->gone_too && db_next(&rows) && db_int(&rows, 3) == (int64_t)listing->kind;
        if (gone)
            resource = (struct resource){.row = db_int(&rows, 0), .kind = listing->kind, .text = db_text(&rows, 1)};
        db_done(&rows);
        void *doc = arena_alloc(c->arena, kinds[listing->kind].shape->size);
        if (gone)
            resource_read(c, &resource, doc);
        else
            TRY(resource_get(c, listing->kind, *id, &resource, doc));
        if (matches_all(c, resource.row, listing->filters, SIZE_MAX))
            memcpy(add_to(c, listing->kind, out), doc, kinds[listing->kind].shape->size);
    }
    return 0;
}

struct page {
    int64_t after, limit;
    size_t given;
    int64_t last;
    bool more;
};

static bool take(struct page *page, int64_t row)
{
    if (row <= page->after)
        return false;
    page->more = (int64_t)page->given == page->limit;
    if (page->more)
        return false;
    page->given++;
    page->last = row;
    return true;
}

static void list_filtered(struct call *c, const struct listing *listing, struct page *page, void *out)
{
    size_t first = cheapest(c, listing);
    struct rows found = rows_of(c, listing->kind, &listing->filters->items[first]);
    list_foreach (row, &found) {
        if (*row <= page->after || !matches_all(c, *row, listing->filters, first))
            continue;
        if (!take(page, *row))
            break;
        struct db_rows rows = db_query(c->db, EC2_SQL_RESOURCE_GET_ROW, "i", *row);
        struct resource resource = {.kind = listing->kind, .row = *row};
        if (db_next(&rows))
            resource.text = db_text(&rows, 0);
        db_done(&rows);
        resource_read(c, &resource, add_to(c, listing->kind, out));
    }
}

static void list_all(struct call *c, const struct listing *listing, struct page *page, void *out)
{
    struct db_rows rows =
        db_query(c->db, EC2_SQL_RESOURCE_LIST, "iii", resource_scope(c), (int64_t)listing->kind, page->after);
    while (db_next(&rows)) {
        if (!take(page, db_int(&rows, 0)))
            break;
        struct resource resource = {.kind = listing->kind, .text = db_text(&rows, 1)};
        resource_read(c, &resource, add_to(c, listing->kind, out));
    }
    db_done(&rows);
}

static int check_page(struct call *c, const struct listing *listing, bool by_id, struct page *page)
{
    slice key;
    if (by_id && listing->max_results.set)
        return fail(c, &ec2_invalid_parameter_combination,
                    "The parameter %.*ss cannot be used with the parameter maxResults",
                    SLICE_ARG(kinds[listing->kind].id));
    if (listing->max_results.set && (listing->max_results.v < MIN_RESULTS || listing->max_results.v > MAX_RESULTS))
        return fail(c, &ec2_invalid_parameter_value,
                    "Value ( %lld ) for parameter maxResults is invalid. Expecting a value "
                    "between %d and %d.",
                    (long long)listing->max_results.v, MIN_RESULTS, MAX_RESULTS);
    if (page_key(c->arena, c->operation->name, listing->next_token, &key) != 0 ||
        (key.len > 0 && !slice_to_int64(key, &page->after)))
        return fail(c, &ec2_invalid_next_token, "The token '%.*s' is invalid", SLICE_ARG(listing->next_token));
    page->limit = listing->max_results.set ? listing->max_results.v : INT64_MAX;
    return 0;
}

int listing_run(struct call *c, const struct listing *listing, void *out, slice *next_token)
{
    static const struct ec2_filter_list none;
    struct listing asked = *listing;
    const struct texts *ids = listing->ids;
    struct page page = {0};
    if (!asked.filters)
        asked.filters = &none;
    TRY(check_filters(c, &asked));
    TRY(check_page(c, &asked, ids && ids->len > 0, &page));
    TRY(common_dry_run(c, listing->dry_run));
    ((struct list *)out)->set = true;
    if (ids && ids->len > 0)
        return list_by_id(c, &asked, out);
    if (asked.filters->len > 0)
        list_filtered(c, &asked, &page, out);
    else
        list_all(c, &asked, &page, out);
    if (page.more && next_token)
        *next_token = page_token(c->arena, c->operation->name, arena_printf(c->arena, "%lld", (long long)page.last));
    return 0;
}

int listing_check(struct call *c, const struct ec2_filter_list *filters, listing_value_fn *value_of, const void *item,
                  bool *all)
{
    *all = true;
    list_foreach (filter, filters) {
        slice actual = {NULL, 0};
        bool one = false;
        if (!value_of(item, filter->name, &actual))
            return refuse_filter(c, filter->name);
        list_foreach (value, &filter->values)
            one = one || (actual.ptr && (is_pattern(*value) ? glob_match(*value, actual) : slice_eq(*value, actual)));
        *all = *all && one;
    }
    return 0;
}
