/* access_point: access points: create, describe, delete; their root directories are made when they are used. */
#include "services/efs/efs.h"

#include "common/fdio.h"
#include "common/ids.h"
#include "common/json.h"
#include "services/efs/leniency.h"

enum { MAX_RESULTS = 100, MAX_ACCESS_POINTS = 10000, ID_DIGITS = 17 };

struct access_point {
    int64_t id;
    slice name;
    slice state;
    struct efs_access_point_description doc;
};

struct access_points {
    struct access_point *items;
    size_t len;
    bool set;
};

static bool next(struct call *c, struct db_rows *rows, struct access_point *point)
{
    if (!db_next(rows))
        return false;
    *point = (struct access_point){.id = db_int(rows, 0), .name = db_text(rows, 1), .state = db_text(rows, 2)};
    api_from_json(c->arena, &efs_shape_access_point_description, db_text(rows, 3), &point->doc);
    return true;
}

static bool find(struct call *c, struct db_rows rows, struct access_point *point)
{
    bool found = next(c, &rows, point);
    db_done(&rows);
    return found;
}

static slice arn(struct call *c, slice name)
{
    return arena_printf(c->arena, "arn:aws:elasticfilesystem:%.*s:%.*s:access-point/%.*s", SLICE_ARG(c->region),
                        SLICE_ARG(c->account), SLICE_ARG(name));
}

static int get(struct call *c, slice id, struct access_point *point)
{
    slice name = file_system_id(id);
    bool foreign = name.ptr != id.ptr && !slice_eq(id, arn(c, name));
    if (foreign || !find(c, db_query(c->db, EFS_SQL_ACCESS_POINT_GET, "ttt", name, c->account, c->region), point))
        return fail(c, &efs_access_point_not_found, "Access point '%.*s' does not exist.", SLICE_ARG(name));
    return 0;
}

int access_point_exists(struct call *c, slice id)
{
    struct access_point point;
    return get(c, id, &point);
}

int access_point_file_system(struct call *c, slice id, slice *file_system)
{
    struct access_point point;
    TRY(get(c, id, &point));
    *file_system = point.doc.file_system_id;
    return 0;
}

static void describe(struct call *c, const struct access_point *point, struct efs_access_point_description *out)
{
    *out = point->doc;
    out->owner_id = c->account;
    out->access_point_id = point->name;
    out->access_point_arn = arn(c, point->name);
    out->life_cycle_state = point->state;
    tags_list(c, point->name, &out->tags);
    out->name = tags_name(&out->tags);
}

static int already_exists(struct call *c, const struct access_point *point)
{
    struct val *extra = arena_alloc(c->arena, sizeof(*extra));
    *extra = val_object();
    val_set(c->arena, extra, S("AccessPointId"), val_string(point->name));
    return fail_with(c, &efs_access_point_already_exists, extra,
                     "Access point '%.*s' already exists with client token '%.*s'", SLICE_ARG(point->name),
                     SLICE_ARG(point->doc.client_token));
}

static int check_root(struct call *c, const struct efs_root_directory *root)
{
    if (!root || !root->path.ptr)
        return 0;
    if (slice_index(root->path, '\0') < root->path.len || slice_find(root->path, S("/../")) >= 0 ||
        slice_ends(root->path, S("/..")) || slice_find(root->path, S("//")) >= 0)
        return fail(c, &efs_bad_request, "The path '%.*s' is not a valid root directory.", SLICE_ARG(root->path));
    return 0;
}

static void fill(struct call *c, const struct efs_create_access_point_in *in, slice file_system,
                 struct efs_access_point_description *doc)
{
    *doc = (struct efs_access_point_description){
        .client_token = in->client_token,
        .file_system_id = file_system,
        .posix_user = in->posix_user,
        .root_directory = arena_alloc(c->arena, sizeof(*doc->root_directory)),
    };
    if (in->root_directory)
        *doc->root_directory = *in->root_directory;
    if (!doc->root_directory->path.ptr)
        doc->root_directory->path = S("/");
}

int efs_create_access_point(struct call *c, const struct efs_create_access_point_in *in,
                            struct efs_create_access_point_out *out)
{
    struct file_system fs;
    struct access_point point;
    if (find(c, db_query(c->db, EFS_SQL_ACCESS_POINT_BY_TOKEN, "ttt", c->account, c->region, in->client_token), &point))
        return already_exists(c, &point);
    TRY(file_system_get_available(c, in->file_system_id, &fs));
    TRY(check_root(c, in->root_directory));
    TRY(tags_check(c, &in->tags));
    if (efs_number(db_query(c->db, EFS_SQL_ACCESS_POINT_COUNT, "i", fs.id)) >= MAX_ACCESS_POINTS)
        return fail(c, &efs_access_point_limit_exceeded, "You have reached the limit of %d access points.",
                    MAX_ACCESS_POINTS);
    struct opt_int end = efs_state_end(c);
    point = (struct access_point){
        .name = arena_printf(c->arena, "fsap-%.*s", SLICE_ARG(ids_hex(c->arena, ID_DIGITS))),
        .state = end.set ? S("creating") : S("available"),
    };
    fill(c, in, fs.name, &point.doc);
    db_run(c->db, EFS_SQL_ACCESS_POINT_INSERT, "itttttIt", fs.id, c->account, c->region, point.name, in->client_token,
           point.state, end, api_to_json(c->arena, &efs_shape_access_point_description, &point.doc));
    tags_set(c, point.name, &in->tags);
    describe(c, &point, out);
    return 0;
}

static int make_root(struct call *c, const struct access_point *point)
{
    const struct efs_root_directory *root = point->doc.root_directory;
    if (!root || !root->creation_info)
        return 0;
    int result = directory_make_root(c, point->doc.file_system_id, root->path, root->creation_info);
    if (fdio_is_shortage(result))
        return result;
    if (result != 0)
        return fail(c, &efs_bad_request, "The root directory '%.*s' of access point '%.*s' cannot be made: %s",
                    SLICE_ARG(root->path), SLICE_ARG(point->name), strerror(-result));
    return 0;
}

int access_point_use(struct call *c, slice id, struct access_point_root *root)
{
    struct access_point point;
    TRY(get(c, id, &point));
    TRY(make_root(c, &point));
    root->path = point.doc.root_directory ? point.doc.root_directory->path : S("/");
    root->user = point.doc.posix_user;
    return 0;
}

static int describe_one(struct call *c, slice id, struct efs_describe_access_points_out *out)
{
    struct access_point point;
    int result = get(c, id, &point);
    if (result == CALL_FAILED && leniency_on(c, EFS_LENIENCY_EFS_GONE_IS_EMPTY))
        return 0;
    TRY(result);
    /* Another service's question about one access point is its use. */
    if (slice_eq(c->request->protocol, S("internal")))
        TRY(make_root(c, &point));
    describe(c, &point, list_add(c->arena, &out->access_points));
    return 0;
}

static struct access_points all(struct call *c, struct db_rows rows)
{
    struct access_points list = {0};
    struct access_point point;
    while (next(c, &rows, &point))
        *list_add(c->arena, &list) = point;
    return list;
}

int efs_describe_access_points(struct call *c, const struct efs_describe_access_points_in *in,
                               struct efs_describe_access_points_out *out)
{
    int64_t after, limit = efs_limit(in->max_results, MAX_RESULTS);
    struct file_system fs;
    if (in->access_point_id.ptr && in->file_system_id.ptr)
        return fail(c, &efs_bad_request, "AccessPointId and FileSystemId are mutually exclusive.");
    if (in->access_point_id.ptr)
        return describe_one(c, in->access_point_id, out);
    TRY(efs_page(c, S("DescribeAccessPoints"), in->next_token, &after));
    if (in->file_system_id.ptr)
        TRY(file_system_get(c, in->file_system_id, &fs));
    struct access_points found =
        all(c, in->file_system_id.ptr
                   ? db_query(c->db, EFS_SQL_ACCESS_POINT_LIST_OF, "iii", fs.id, after, limit + 1)
                   : db_query(c->db, EFS_SQL_ACCESS_POINT_LIST, "ttii", c->account, c->region, after, limit + 1));
    list_foreach (point, &found) {
        if ((int64_t)out->access_points.len == limit) {
            out->next_token = efs_page_token(c, S("DescribeAccessPoints"), after);
            break;
        }
        describe(c, point, list_add(c->arena, &out->access_points));
        after = point->id;
    }
    return 0;
}

static void end_one(struct call *c, const struct access_point *point)
{
    db_run(c->db, EFS_SQL_TAG_DELETE_ALL, "t", point->name);
    db_run(c->db, EFS_SQL_ACCESS_POINT_DELETE, "i", point->id);
}

int efs_delete_access_point(struct call *c, const struct efs_delete_access_point_in *in,
                            struct efs_delete_access_point_out *out)
{
    struct access_point point;
    TRY(get(c, in->access_point_id, &point));
    struct opt_int end = efs_state_end(c);
    if (end.set)
        db_run(c->db, EFS_SQL_ACCESS_POINT_STATE, "tIi", S("deleting"), end, point.id);
    else
        end_one(c, &point);
    return 0;
}

void access_point_advance_due(struct call *c)
{
    struct access_points due = all(c, db_query(c->db, EFS_SQL_ACCESS_POINT_DUE, "i", c->now_ms));
    list_foreach (point, &due) {
        if (slice_eq(point->state, S("deleting")))
            end_one(c, point);
        else
            db_run(c->db, EFS_SQL_ACCESS_POINT_STATE, "tIi", S("available"), (struct opt_int){0}, point->id);
    }
}
