/* init_stages: the init scripts' four stages, as the supervisor sees them: one program (supervisor/init) that is run
 * once for each stage, in order. Before the first process starts; beside their start; when all are ready; and before
 * any is stopped, so that scripts can still use awssim. */
#pragma once

#include "supervisor/output.h"

#include <sys/types.h>

enum init_stage { INIT_BOOT, INIT_START, INIT_READY, INIT_SHUTDOWN, INIT_STAGES };

struct init_stages {
    char *const *const *argv; /* of each stage's program; NULL: there are no scripts, and every stage is over at once */
    struct output output;
    pid_t pid;     /* 0: none runs */
    unsigned next; /* the stage that has not begun */
    unsigned wanted;
};

/* Answers 0 or -errno. argv has INIT_STAGES entries, or is NULL; borrowed. */
int init_stages_open(struct init_stages *init, char *const *const *argv, const char *log_folder, bool echo);
void init_stages_close(struct init_stages *init);

/* All stages up to this one shall run, each when the one before has ended. Shutdown does not wait: it ends what runs,
 * and leaves out what has not begun. */
void init_stages_want(struct init_stages *init, enum init_stage stage);

/* Whether all stages that are wanted have ended. */
bool init_stages_idle(const struct init_stages *init);

/* That process has been waited for; true when it was ours. */
bool init_stages_on_death(struct init_stages *init, pid_t pid);

/* Nothing more is begun, and what runs is killed. */
void init_stages_abandon(struct init_stages *init);
