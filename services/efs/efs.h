/* efs: what the files of the efs service share.
 *
 * Where file systems are, a contract with the services that mount them (proto/runner.h has it too): the file system
 * fs-… of an account and region is the directory
 *
 *     STATE_DIR/efs/ACCOUNT/REGION/fs-…
 *
 * and an access point's root is its RootDirectory.Path below it, where links lead nowhere else (common/beneath.h). A
 * service that is about to mount asks with call_service for DescribeFileSystems, and for DescribeAccessPoints of that
 * one AccessPointId when there is an access point. This question, when it comes from another service and not from a
 * client, is the access point's use: the root directory is then made, when it is missing and CreationInfo is given. A
 * file system whose state is not "available" must not be mounted. A directory that is being removed is renamed out of
 * its place first. */
#pragma once

#include "common/list.h"
#include "efs_api.h"
#include "services/worker/call.h"

enum efs_sql {
#define SQL(name, text) EFS_SQL_##name,
#include "services/efs/sql.def"
#undef SQL
};

/* How long a state that passes by itself lasts. */
enum { EFS_STATE_MS = 200 };

extern const struct service efs_process;

struct file_system {
    int64_t id; /* of the row */
    slice name; /* fs-… */
    slice token;
    int64_t created_ms;
    slice state;
    slice performance_mode;
    bool encrypted;
    slice kms_key;
    slice throughput_mode;
    double throughput; /* MiB/s when provisioned, else 0 */
    int64_t eased_ms;  /* when throughput was lowered or its mode changed last */
    slice zone_name;   /* of a One Zone file system, else absent */
    slice zone_id;
    slice protection;
    slice backup;
    slice lifecycle; /* JSON of efs_shape_lifecycle_configuration_description; absent: none */
    slice policy;
    int64_t bytes;
    int64_t measured_ms;
    bool measuring;
    slice account;
    slice region;
};

/* Whether a state is passed at once (leniency) and, if not, when it ends. */
struct opt_int efs_state_end(struct call *c);

/* What a list answers when its limit is set by the client: at most `most`. */
int64_t efs_limit(struct opt_int wanted, int64_t most);

/* The row number in a page token of that kind; BadRequest for a broken one. */
int efs_page(struct call *c, slice kind, slice token, int64_t *after);
slice efs_page_token(struct call *c, slice kind, int64_t last);

/* The number a statement with one column answers. */
int64_t efs_number(struct db_rows rows);

/* The file system of that id or ARN, or FileSystemNotFound. */
int file_system_get(struct call *c, slice id, struct file_system *fs);

/* By that statement with the caller's account, its region and this key; false when there is none. */
bool file_system_find(struct call *c, enum efs_sql statement, slice key, struct file_system *fs);

/* file_system_get, and IncorrectFileSystemLifeCycleState when it is not available. */
int file_system_get_available(struct call *c, slice id, struct file_system *fs);

/* One row of the statements FILE_SYSTEM_…; false at the end. */
bool file_system_next(struct call *c, struct db_rows *rows, struct file_system *fs);

/* As DescribeFileSystems shows it. */
void file_system_describe(struct call *c, const struct file_system *fs, struct efs_file_system_description *out);

/* Removes it with everything it has; its directory is moved away. */
void file_system_remove(struct call *c, const struct file_system *fs);

/* The last part of an ARN, or the id itself. */
slice file_system_id(slice id_or_arn);

/* Access points. */
int access_point_exists(struct call *c, slice id);

/* The file system it is of, or AccessPointNotFound. */
int access_point_file_system(struct call *c, slice id, slice *file_system);

/* Where the access point leads, its root directory made when it is missing and CreationInfo is given. */
struct access_point_root {
    slice path;
    const struct efs_posix_user *user; /* NULL: none */
};
int access_point_use(struct call *c, slice id, struct access_point_root *root);
void access_point_advance_due(struct call *c);

/* Mount targets. */
int mount_target_interface_made(struct call *c, slice body);
int mount_target_interface_gone(struct call *c, slice body);
void mount_target_advance_due(struct call *c);

/* Removes all mount targets of a file system, with their interfaces. */
void mount_target_remove_all(struct call *c, const struct file_system *fs);

/* Where a mount target comes to be. */
struct placement {
    bool known; /* the subnet is EC2's, else a leniency made it up */
    slice subnet;
    slice vpc;
    slice zone_name;
    slice zone_id;
    slice address; /* wanted, or made up; absent: EC2 chooses */
    struct slice_list groups;
};

/* Asks EC2 about subnet, address and groups: a handler's questions, before its first write. */
int network_place(struct call *c, const struct efs_create_mount_target_in *in, struct placement *placement);

/* The groups exist and are of that VPC. */
int network_check_groups(struct call *c, const struct slice_list *groups, slice vpc);

/* The id of a zone of this region, or UnsupportedAvailabilityZone. */
int network_zone_id(struct call *c, slice zone_name, slice *zone_id);

/* ThroughputMode and ProvisionedThroughputInMibps fit together and to the performance mode. */
int throughput_check(struct call *c, slice mode, struct opt_double provisioned, slice performance_mode);

/* Tags of a file system or access point, by its id. */
enum { TAGS_MAX = 50 }; /* of a resource */
int tags_check(struct call *c, const struct efs_tags *tags);
void tags_set(struct call *c, slice resource, const struct efs_tags *tags);
void tags_list(struct call *c, slice resource, struct efs_tags *out);
void tags_page(struct call *c, slice resource, slice after, int64_t limit, struct efs_tags *out); /* from that key on */
slice tags_name(const struct efs_tags *tags); /* the value of "Name", or absent */

/* The text is a policy of this file system, or InvalidPolicyException. */
int policy_check(struct call *c, const struct file_system *fs, slice text);

/* Directories. Faults are -errno. */
int directory_make(struct call *c, slice file_system);

/* Moves the directory to where directory_remove_gone finds it. An absent one is fine. */
int directory_discard(struct call *c, slice account, slice region, slice file_system);
void directory_discard_all(struct call *c);

/* Where that is, and whether anything is there. */
const char *directory_gone(struct call *c);
bool directory_any_gone(struct call *c);

/* The file system's directory. */
const char *directory_path(struct call *c, slice account, slice region, slice file_system);

/* For a helper thread. Removes what is in the folder, and answers how much of it went. */
size_t directory_remove_gone(const char *gone);

/* The same. What is in the directory, metered in blocks of 4 KiB; counts up to some 50,000 entries. */
int64_t directory_measure(const char *path);

/* Makes the path inside the file system, each missing part with that owner and mode. Links lead nowhere but inside. */
int directory_make_root(struct call *c, slice file_system, slice path, const struct efs_creation_info *info);

/* Whether there is a directory of that path inside the file system: 0, or -errno. *root is set to the directory of the
 * host that the file system is. */
int directory_find(struct call *c, slice file_system, slice path, slice *root);

/* resolve.c: an event of a service that mounts, {"account", "region", "fileSystemId", "rootDirectory",
 * "accessPointId"}; answered with {"root", "path", "uid", "gid"}: the path is to be resolved below the root, by whoever
 * mounts it. */
int resolve_mount(struct call *c, slice body);

/* The question ResolveMount, in which the access point alone may be named; the same answer. */
int resolve_mount_asked(struct call *c, slice body, slice *reply);

/* The timer. */
int due_run(struct call *c, int64_t *next_due_ms);

/* What it has begun in the background: {"id", "path"} of a file system to measure; directories to remove. */
int due_measure(struct call *c, slice body);
int due_remove(struct call *c, slice body);
