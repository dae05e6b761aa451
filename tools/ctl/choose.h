/* choose: which running awssim a command is about. The one in the folder that was named; or, when none was, the only
 * one of this user that runs. */
#pragma once

#include "tools/ctl/ctl.h"
#include "tools/ctl/instance.h"

struct chosen {
    slice state_dir;
    struct instance instance;
};

struct chosen_list {
    struct chosen *items;
    size_t len;
    bool set;
};

/* All that run: the one in the default folder first. */
void choose_list(const struct ctl *ctl, struct chosen_list *running);

/* Answers how many may be meant. With one that runs, ctl is about that one from now on; with none or with a named
 * folder the answer is at most 1 and ctl is as it was. */
size_t choose_instance(struct ctl *ctl);

/* "several run …" with the folders to choose from. */
enum ctl_exit choose_refuse(const struct ctl *ctl);
