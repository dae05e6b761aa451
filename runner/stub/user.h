/* user: users and groups of the container, read from /etc/passwd and /etc/group without NSS. */
#pragma once

#include <sys/types.h>

enum { USER_MAX_GROUPS = 64, USER_MAX_TEXT = 256 };

/* What user_find answers. */
enum { USER_FOUND, USER_NO_USER, USER_NO_GROUP };

struct user {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_MAX_GROUPS];
    size_t n_groups;
    char home[USER_MAX_TEXT];        /* of a user without an entry: "/" */
    char missing[USER_MAX_TEXT + 8]; /* what has not been found: "user app", "group staff" */
};

/* "name", "uid", "name:group", "uid:gid"; an empty name is root. */
int user_find(const char *text, struct user *user);
