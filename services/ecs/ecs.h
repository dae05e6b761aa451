/* ecs: what the files of the ecs service share: rows with their documents, look-ups that answer by themselves, and who
 * decides what happens to a task (lifecycle.c). */
#pragma once

#include "common/opt.h"
#include "ecs_api.h"
#include "services/worker/call.h"

enum ecs_sql {
#define SQL(name, text) ECS_SQL_##name,
#include "services/ecs/sql.def"
#undef SQL
};

extern const struct service ecs_process;

/* arn.c */

/* arn:aws:ecs:R:A:KIND/REST */
slice arn_make(struct call *c, const char *kind, slice rest);

/* What stands behind the last '/' of an ARN, or the text itself. */
slice arn_last(slice text);

/* "KIND/REST" of an ARN of this service, account and region; absent for any other text. */
slice arn_resource(struct call *c, slice arn);

/* cluster.c */
struct cluster {
    int64_t id;
    slice name;
    slice status;
    struct ecs_cluster doc;
};

/* The ACTIVE cluster of that name or ARN ("default" when absent), or ClusterNotFoundException. */
int cluster_get(struct call *c, slice name_or_arn, struct cluster *cluster);
slice cluster_arn(struct call *c, slice name);

/* definition.c */
struct definition {
    int64_t id;
    slice status;
    struct ecs_task_definition doc;
};

/* The definition called FAMILY, FAMILY:REVISION or by ARN. False when there is none. */
bool definition_find(struct call *c, slice name, struct definition *definition);
bool definition_find_id(struct call *c, int64_t id, struct definition *definition);

/* definition_check.c: what AWS refuses at registration, and the defaults it adds. */
int definition_check(struct call *c, struct ecs_task_definition *doc);

/* A task's cpu and memory (absent: not given) become plain numbers; Fargate has only certain pairs. */
int definition_check_sizes(struct call *c, bool fargate, slice *cpu, slice *memory);

/* container_check.c: the same for one of its containers, whose name is well-formed. */
int container_check(struct call *c, const struct ecs_task_definition *doc,
                    const struct ecs_container_definition *container);

/* Why the container cannot run on Fargate, or an absent slice. */
slice container_check_fargate(struct arena *arena, const struct ecs_container_definition *container);

/* task.c */
enum phase { PHASE_WAITING, PHASE_SENT, PHASE_RUNNING, PHASE_STOPPED };

struct container {
    slice id;
    slice boot;      /* the runner process it was given to; absent until that is known */
    int64_t sent_ms; /* when the runner was told to start it, or 0 */
    enum phase phase;
    bool ran;       /* it has been running */
    bool drained;   /* its output is stored */
    bool stop_sent; /* the runner was told to stop it */
    bool changed;
    struct ecs_container *doc;
    const struct ecs_container_definition *definition;
};

/* Something another service provides before the task's containers start. */
struct provision {
    slice kind;
    slice name;
    slice result; /* JSON; absent until it is there */
};

struct provision_list {
    struct provision *items;
    size_t len;
    bool set;
};

struct task {
    int64_t id;
    int64_t cluster_id;
    slice task_id;
    bool changed;
    bool released;  /* it has ended and has nothing any more */
    int64_t due_ms; /* when to look at it although nothing has happened, or 0 */
    struct ecs_task doc;
    struct definition definition;
    struct provision_list provisions;
    size_t n_containers;
    struct container *containers; /* in the definition's order */
};

/* The task of that id or ARN in this cluster; false when there is none. Loads containers and definition as well. */
bool task_find(struct call *c, const struct cluster *cluster, slice id_or_arn, struct task *task);

/* The task of that row, for events and timers: what follows happens in the task's own account and region. */
bool task_find_row(struct call *c, int64_t id, struct task *task);

/* Only the document, for describing. */
bool task_find_doc(struct call *c, const struct cluster *cluster, slice id_or_arn, struct ecs_task *doc);

/* Writes what has changed; the document's version grows. */
void task_save(struct call *c, struct task *task);

/* provision.c */
struct provision_interface {
    slice id;
    slice mac_address;
    slice private_dns_name;
    slice private_ip_address;
};

/* Asks for what a new task needs: an interface when vpc is given, and its file systems. */
void provision_begin(struct call *c, int64_t row, const struct ecs_task *doc,
                     const struct ecs_task_definition *definition, const struct ecs_aws_vpc_configuration *vpc);

/* Gives back what the task had. */
void provision_end(struct call *c, const struct task *task);
bool provision_is_done(const struct task *task);

/* Where the file system of that volume is: {"path", "uid", "gid"}, or absent. */
slice provision_result(const struct task *task, slice volume);

/* The interface as the task's attachment and its containers show it. */
void provision_attach(struct call *c, struct ecs_task *doc, const struct provision_interface *interface);

/* The answer is there. The task is not saved yet. */
void provision_note_interface(struct call *c, struct task *task, const struct val *reply);
void provision_note_volume(struct call *c, struct task *task, slice volume, const struct val *reply);

/* provision_done.c: events. */
int provision_done_interface(struct call *c, slice body);
int provision_done_volume(struct call *c, slice body);

/* lifecycle.c */

/* Does whatever is to be done now, until nothing is: starts containers, stops them, moves the statuses on; saves. */
void lifecycle_advance(struct call *c, struct task *task);

/* The task shall stop, for this reason; a task that stops already keeps its first reason. */
void lifecycle_stop(struct call *c, struct task *task, slice code, slice reason);

/* The document of a task that stops shows STOPPED and exit code 0 from now on, while its containers still end. */
void lifecycle_stop_at_once(struct call *c, struct task *task);

/* plan.c */

/* Why the process driver cannot run this task, or absent. */
slice plan_unsupported(struct call *c, const struct task *task);

/* The body of StartContainer. */
slice plan_start(struct call *c, const struct task *task, const struct container *container);

/* plan_image.c: why no image of that name can be had, an AWS reason, or absent. */
slice plan_image_refusal(struct call *c, slice image);

/* Adds what concerns the image. command: the definition's, or the override's. */
void plan_image(struct call *c, struct val *plan, const struct ecs_container_definition *definition,
                const struct ecs_string_list *command);

/* mounts.c: why a volume of the task cannot be had, or an absent slice; and StartContainer's mounts, an array. */
slice mounts_refusal(struct call *c, const struct task *task);
struct val mounts_of(struct call *c, const struct task *task, const struct ecs_container_definition *container);

/* runner_events.c */
int runner_events_started(struct call *c, slice body);
int runner_events_container_started(struct call *c, slice body);
int runner_events_container_stopped(struct call *c, slice body);
int runner_events_container_drained(struct call *c, slice body);
int runner_events_start_done(struct call *c, slice body);

/* tags.c */
int tags_check(struct call *c, const struct ecs_tags *tags);
void tags_set(struct call *c, slice arn, const struct ecs_tags *tags);
void tags_list(struct call *c, slice arn, struct ecs_tags *out);
void tags_delete_all(struct call *c, slice arn);

/* due.c: the service's timer. */
int due_run(struct call *c, int64_t *next_due_ms);

/* Whether a list of words holds this one. */
bool ecs_includes(const struct slice_list *words, slice word);

/* An event's body: an object, or FAULT_MESSAGE. */
int ecs_read_event(struct call *c, slice body, struct val *event);
