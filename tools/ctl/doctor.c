/* doctor: what this machine lets awssim do. The runner knows, because it is who does it. */
#include "tools/ctl/commands.h"
#include "tools/ctl/program.h"
#include "tools/ctl/say.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum ctl_exit doctor_run(struct ctl *ctl)
{
    const char *program = program_find(ctl->arena, "awssim-runner", "runner");
    if (!program)
        return say(CTL_FAILED, "the program awssim-runner is not where awssimctl expects it; build or install awssim "
                               "again");
    execl(program, program, "doctor", (char *)NULL);
    return say(CTL_FAILED, "cannot run %s: %s", program, strerror(errno));
}
