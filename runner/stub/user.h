/* user: users and groups of the container, read from /etc/passwd and /etc/group without NSS. */
#pragma once

#include <sys/types.h>

enum { USER_MAX_GROUPS = 64 };

struct user {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_MAX_GROUPS];
    size_t n_groups;
};

/* "name", "uid", "name:group", "uid:gid". 0, or -1 when there is no such user or group. */
int user_find(const char *text, struct user *user);
