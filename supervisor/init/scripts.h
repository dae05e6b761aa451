/* scripts: the init scripts of one stage: what there is, running them one after another, and the state file that the
 * router shows. */
#pragma once

#include "common/list.h"

enum script_state { SCRIPT_UNKNOWN, SCRIPT_RUNNING, SCRIPT_SUCCESSFUL, SCRIPT_ERROR };

struct script {
    slice name; /* below the stage's folder; what the order goes by */
    slice path;
    const char *interpreter; /* NULL: it is executable itself */
    enum script_state state;
};

struct script_list {
    struct script *items;
    size_t len;
    bool set;
};

/* Of a folder and those below it, sorted by name: *.sh, *.py and executable files. A missing folder has none. */
void scripts_find(struct arena *arena, slice folder, struct script_list *scripts);

/* Runs one and waits for its end; after limit_ms (0: for ever) its process group is ended, likewise when stop_fd
 * becomes readable. The output goes where ours goes. Answers whether it ended with exit code 0; if not, *why says how.
 */
bool scripts_run(struct arena *arena, const struct script *script, int64_t limit_ms, int stop_fd, slice *why);

/* {"completed": …, "scripts": [{"stage", "name", "state"}…]}, the words being LocalStack's. */
slice scripts_status(struct arena *arena, slice stage, bool completed, const struct script_list *scripts);
