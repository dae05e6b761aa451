/* resolve: where on this machine the file system is that a task mounts. */
#include "services/efs/efs.h"

#include "common/fdio.h"
#include "common/json.h"

#include <errno.h>

/* What the mount helper of AWS says of a name that does not resolve. */
static int refuse_file_system(struct call *c, slice id)
{
    return fail(c, &efs_file_system_not_found,
                "Failed to resolve \"%.*s.efs.%.*s.amazonaws.com\" - check that your file system ID is correct, and "
                "ensure that the VPC has an EFS mount target for this file system ID.",
                SLICE_ARG(id), SLICE_ARG(c->region));
}

static bool has_dots(slice path)
{
    slice part, rest = path;
    while (rest.ptr) {
        slice_cut(rest, '/', &part, &rest);
        if (slice_eq(part, S("..")))
            return true;
    }
    return false;
}

/* The directory must be there; an access point's has been made if that is its wish. Whoever mounts it resolves the path
 * below the root again: what is written in a file system can change what its names lead to at any time. */
static int find_directory(struct call *c, slice file_system, slice path, slice *root)
{
    int result = has_dots(path) ? -ENOENT : directory_find(c, file_system, path, root);
    if (result == 0 || fdio_is_shortage(result))
        return result;
    return fail(c, &efs_bad_request,
                "mount.nfs4: mounting %.*s.efs.%.*s.amazonaws.com:%.*s failed, reason given by server: No such file "
                "or directory",
                SLICE_ARG(file_system), SLICE_ARG(c->region), SLICE_ARG(path));
}

static slice answer(struct call *c, slice root, slice path, const struct efs_posix_user *user)
{
    struct val body = val_object();
    val_set(c->arena, &body, S("root"), val_string(root));
    val_set(c->arena, &body, S("path"), val_string(path));
    if (user) {
        val_set(c->arena, &body, S("uid"), val_int(opt_int_or(user->uid, 0)));
        val_set(c->arena, &body, S("gid"), val_int(opt_int_or(user->gid, 0)));
    }
    return json_text(c->arena, &body);
}

/* The file system that is named, or that of the access point. */
static int find_file_system(struct call *c, const struct val *question, struct file_system *fs)
{
    slice id = file_system_id(val_get_string(question, S("fileSystemId"))),
          point_id = val_get_string(question, S("accessPointId")), of = {NULL, 0};
    if (!c->account.ptr || !c->region.ptr || (!id.ptr && point_id.len == 0))
        return FAULT_MESSAGE;
    if (id.ptr && file_system_get_available(c, id, fs) == CALL_FAILED)
        return refuse_file_system(c, id);
    if (point_id.len == 0)
        return 0;
    TRY(access_point_file_system(c, point_id, &of));
    if (!id.ptr)
        return file_system_get_available(c, of, fs);
    if (!slice_eq(of, fs->name))
        return fail(c, &efs_bad_request, "Access point '%.*s' is not of file system '%.*s'.", SLICE_ARG(point_id),
                    SLICE_ARG(fs->name));
    return 0;
}

int resolve_mount_asked(struct call *c, slice body, slice *reply)
{
    struct val question;
    slice why, root;
    struct file_system fs;
    struct access_point_root point = {0};
    if (json_parse(c->arena, body, &question, &why) != 0 || question.type != VAL_OBJECT)
        return FAULT_MESSAGE;
    c->account = val_get_string(&question, S("account"));
    c->region = val_get_string(&question, S("region"));
    slice point_id = val_get_string(&question, S("accessPointId")),
          path = val_get_string(&question, S("rootDirectory"));
    TRY(find_file_system(c, &question, &fs));
    if (point_id.len > 0) {
        TRY(access_point_use(c, point_id, &point));
        path = point.path;
    }
    if (path.len == 0)
        path = S("/");
    TRY(find_directory(c, fs.name, path, &root));
    *reply = answer(c, root, path, point.user);
    return 0;
}

int resolve_mount(struct call *c, slice body)
{
    slice reply;
    TRY(resolve_mount_asked(c, body, &reply));
    call_event_reply(c, reply);
    return 0;
}
