/* user: see user.h. fgetpwent and fgetgrent read files as they are, which also works in a statically linked program. */
#include "runner/stub/user.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_number(const char *text, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value > 0xfffffffe)
        return -1;
    *number = (unsigned)value;
    return 0;
}

/* A number needs no entry, but one gives its group. */
static int find_user(const char *name, struct user *user, char *found_name, size_t size)
{
    unsigned number = 0;
    int is_number = parse_number(name, &number) == 0, found = is_number;
    FILE *file = fopen("/etc/passwd", "re");
    user->uid = number;
    for (struct passwd *entry = file ? fgetpwent(file) : NULL; entry; entry = fgetpwent(file)) {
        if (is_number ? entry->pw_uid == number : strcmp(entry->pw_name, name) == 0) {
            user->uid = entry->pw_uid;
            user->gid = entry->pw_gid;
            snprintf(found_name, size, "%s", entry->pw_name);
            if (entry->pw_dir && *entry->pw_dir)
                snprintf(user->home, sizeof(user->home), "%s", entry->pw_dir);
            found = 1;
            break;
        }
    }
    if (file)
        fclose(file);
    return found ? 0 : -1;
}

/* The group of that name; and, when no group was asked for, the further ones the user is a member of. */
static int find_groups(const char *group, const char *user_name, struct user *user)
{
    unsigned number = 0;
    int found = !group || parse_number(group, &number) == 0;
    if (group && found)
        user->gid = number;
    FILE *file = fopen("/etc/group", "re");
    for (struct group *entry = file ? fgetgrent(file) : NULL; entry; entry = fgetgrent(file)) {
        if (group && !found && strcmp(entry->gr_name, group) == 0) {
            user->gid = entry->gr_gid;
            found = 1;
        }
        for (char **member = entry->gr_mem; !group && *user_name && *member; member++) {
            if (strcmp(*member, user_name) == 0 && user->n_groups < USER_MAX_GROUPS)
                user->groups[user->n_groups++] = entry->gr_gid;
        }
    }
    if (file)
        fclose(file);
    return found ? 0 : -1;
}

int user_find(const char *text, struct user *user)
{
    char name[USER_MAX_TEXT], found_name[USER_MAX_TEXT] = "";
    *user = (struct user){.home = "/"};
    bool whole = snprintf(name, sizeof(name), "%s", text) < (int)sizeof(name);
    char *group = strchr(name, ':');
    if (group)
        *group++ = '\0';
    if (group && !*group)
        group = NULL;
    snprintf(user->missing, sizeof(user->missing), "user %.*s", USER_MAX_TEXT - 1, name);
    if (!whole || find_user(*name ? name : "0", user, found_name, sizeof(found_name)) != 0)
        return USER_NO_USER;
    snprintf(user->missing, sizeof(user->missing), "group %.*s", USER_MAX_TEXT - 1, group ? group : "");
    return find_groups(group, found_name, user) == 0 ? USER_FOUND : USER_NO_GROUP;
}
