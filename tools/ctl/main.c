/* awssimctl: starts, stops and looks after awssim. */
#include "tools/ctl/choose.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/help.h"
#include "tools/ctl/options.h"
#include "tools/ctl/say.h"

#include <sys/stat.h>

static bool wants_help(int argc, char *const argv[])
{
    for (int i = 1; i < argc && !slice_eq(slice_of(argv[i]), S("--")); i++) {
        if (slice_eq(slice_of(argv[i]), S("--help")) || slice_eq(slice_of(argv[i]), S("-h")))
            return true;
    }
    return false;
}

static enum ctl_exit run(struct ctl *ctl, const struct ctl_command *command, int argc, char *const argv[])
{
    slice why = S("");
    if (wants_help(argc, argv)) {
        help_print(ctl->arena, ctl->program, command);
        return CTL_OK;
    }
    if (options_parse(ctl, command, argc, argv, &why) != 0)
        return say(CTL_USAGE, "%.*s (see: %s help %s)", SLICE_ARG(why), ctl->program, command->name);
    if (command->of_instance && choose_instance(ctl) > 1)
        return command->run == status_run ? status_list(ctl) : choose_refuse(ctl);
    return command->run(ctl);
}

int main(int argc, char *argv[])
{
    umask(077);
    struct ctl ctl = {.program = argc > 0 ? argv[0] : "awssimctl"};
    if (conf_replaces_simulator(ctl.program))
        return (int)start_as_simulator(argc, argv);
    slice name = argc > 1 ? slice_of(argv[1]) : S("");
    const struct ctl_command *command = commands_find(name);
    if (slice_empty(name) || slice_eq(name, S("--help")) || slice_eq(name, S("-h"))) {
        help_overview(ctl.program);
        return slice_empty(name) ? CTL_USAGE : CTL_OK;
    }
    if (slice_eq(name, S("--version")))
        return (int)version_run(&ctl);
    if (!command)
        return (int)help_refuse(ctl.program, name);
    ctl.arena = arena_open();
    /* The command's name makes room for the program's. */
    argv[1] = argv[0];
    enum ctl_exit code = run(&ctl, command, argc - 1, argv + 1);
    arena_close(ctl.arena);
    return (int)code;
}
