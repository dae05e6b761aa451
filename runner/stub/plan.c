/* plan: see plan.h. */
#include "runner/stub/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_all(int fd, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size <= 0)
        return NULL;
    char *bytes = malloc((size_t)st.st_size + 1);
    size_t n = 0;
    while (bytes && n < (size_t)st.st_size) {
        ssize_t got = pread(fd, bytes + n, (size_t)st.st_size - n, (off_t)n);
        if (got <= 0)
            return NULL;
        n += (size_t)got;
    }
    *size = n;
    return bytes && bytes[n - 1] == '\0' ? bytes : NULL;
}

static int take_mount(struct plan *plan, const char *key, const char *value)
{
    if (strcmp(key, "mount") == 0) {
        if (plan->n_mounts == PLAN_MAX_MOUNTS)
            return -1;
        plan->mounts[plan->n_mounts++].target = value;
        return 0;
    }
    if (plan->n_mounts == 0)
        return -1;
    struct plan_mount *mount = &plan->mounts[plan->n_mounts - 1];
    if (strcmp(key, "source") == 0 && mount->n_sources < PLAN_MAX_SOURCES)
        mount->sources[mount->n_sources++] = value;
    else if (strcmp(key, "within") == 0)
        mount->within = value;
    else if (strcmp(key, "options") == 0)
        mount->options = value;
    else if (strcmp(key, "readonly") == 0)
        mount->read_only = 1;
    else if (strcmp(key, "fill") == 0)
        mount->fill = 1;
    else
        return -1;
    return 0;
}

static int take_sandbox(struct plan *plan, const char *key, const char *value)
{
    if (strcmp(key, "sandbox") == 0)
        plan->sandbox = plan->no_new_privileges = 1;
    else if (strcmp(key, "files") == 0)
        return sscanf(value, "%llu %llu", &plan->files.soft, &plan->files.hard) == 2 ? 0 : -1;
    else if (strcmp(key, "processes") == 0)
        return sscanf(value, "%llu", &plan->processes) == 1 ? 0 : -1;
    else if (strcmp(key, "nonewprivs") == 0)
        plan->no_new_privileges = 1;
    else if (strcmp(key, "init") == 0)
        plan->init = 1;
    else if (strcmp(key, "mirror") == 0)
        plan->mirror = 1;
    else if (strcmp(key, "template") == 0)
        plan->template = value;
    else if (strcmp(key, "passwd") == 0)
        plan->passwd = value;
    else if (strcmp(key, "hide") == 0 && plan->n_hidden < PLAN_MAX_HIDDEN)
        plan->hidden[plan->n_hidden++] = value;
    else
        return take_mount(plan, key, value);
    return 0;
}

/* What a container in an image has. */
static int take_image(struct plan *plan, const char *key, const char *value)
{
    if (strcmp(key, "layers") == 0)
        plan->layer_folder = value;
    else if (strcmp(key, "scratch") == 0)
        plan->scratch = value;
    else if (strcmp(key, "host") == 0)
        plan->host_name = value;
    else if (strcmp(key, "hosts") == 0)
        plan->hosts = value;
    else if (strcmp(key, "sealed") == 0)
        plan->read_only_root = 1;
    else if (strcmp(key, "privileged") == 0)
        plan->privileged = 1;
    else if (strcmp(key, "volume") == 0 && plan->n_volumes < PLAN_MAX_VOLUMES)
        plan->volumes[plan->n_volumes++] = value;
    else if (strcmp(key, "layer") == 0 && plan->n_layers < PLAN_MAX_LAYERS)
        plan->layers[plan->n_layers++] = value;
    else if ((strcmp(key, "add") == 0 || strcmp(key, "drop") == 0) && plan->n_capabilities < PLAN_MAX_CAPABILITIES)
        plan->capabilities[plan->n_capabilities++] = (struct plan_capability){value, key[0] == 'd'};
    else
        return take_sandbox(plan, key, value);
    return 0;
}

static int take(struct plan *plan, const char *key, char *value, char **args, char **env)
{
    if (strcmp(key, "arg") == 0)
        *args = value;
    else if (strcmp(key, "env") == 0)
        *env = value;
    else if (strcmp(key, "cwd") == 0)
        plan->cwd = value;
    else if (strcmp(key, "user") == 0)
        plan->user = value;
    else if (strcmp(key, "exit") == 0)
        plan->exit_record = value;
    else if (strcmp(key, "join") == 0 && plan->n_groups < PLAN_MAX_GROUPS)
        plan->groups[plan->n_groups++] = value;
    else if (strcmp(key, "limit") == 0 && plan->n_limits < PLAN_MAX_LIMITS) {
        struct plan_limit *limit = &plan->limits[plan->n_limits++];
        return sscanf(value, "%d %llu %llu", &limit->resource, &limit->soft, &limit->hard) == 3 ? 0 : -1;
    } else
        return take_image(plan, key, value);
    return 0;
}

int plan_has_root(const struct plan *plan)
{
    return plan->n_layers > 0 || plan->mirror;
}

int plan_mirrors(const struct plan *plan)
{
    return plan->n_layers == 0 && plan->mirror;
}

int plan_read(int fd, struct plan *plan)
{
    size_t size, texts = 0;
    char *bytes = read_all(fd, &size);
    *plan = (struct plan){0};
    if (!bytes)
        return -1;
    for (size_t i = 0; i < size; i++)
        texts += bytes[i] == '\0';
    plan->args = calloc(texts + 1, sizeof(char *));
    plan->env = calloc(texts + 1, sizeof(char *));
    if (!plan->args || !plan->env)
        return -1;
    char **args = plan->args, **env = plan->env;
    for (char *key = bytes; key < bytes + size;) {
        char *value = key + strlen(key) + 1;
        if (value >= bytes + size || take(plan, key, value, args, env) != 0)
            return -1;
        args += *args != NULL;
        env += *env != NULL;
        key = value + strlen(value) + 1;
    }
    return plan->args[0] && plan->exit_record ? 0 : -1;
}
