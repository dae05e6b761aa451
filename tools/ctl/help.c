/* help: what awssimctl says about itself and its commands. */
#include "tools/ctl/help.h"

#include "tools/ctl/commands.h"
#include "tools/ctl/options.h"
#include "tools/ctl/say.h"

#include <stdio.h>

void help_overview(const char *program)
{
    printf("usage: %s COMMAND [OPTIONS]\n\nawssim: AWS on your own machine.\n\n", program);
    for (size_t i = 0; commands_at(i); i++) {
        const struct ctl_command *command = commands_at(i);
        int width = printf("  %s %s", command->name, command->argument ? command->argument : "");
        printf("%*s %s\n", width < 20 ? 20 - width : 0, "", command->summary);
    }
    printf("\n%s help COMMAND explains one. Exit codes: 0 it worked, 1 it did not, 2 wrong usage, 3 awssim is not "
           "running.\n",
           program);
}

void help_print(struct arena *arena, const char *program, const struct ctl_command *command)
{
    const char *argument = command->argument ? command->argument : "";
    slice own = options_help(arena, command), common = conf_help(arena);
    printf("usage: %s %s %s%s[OPTIONS]\n\n%s", program, command->name, argument, *argument ? " " : "",
           command->long_help);
    printf("%s\nOptions:\n%.*s%.*s", *command->long_help ? "" : command->summary, SLICE_ARG(own), SLICE_ARG(common));
}

enum ctl_exit help_refuse(const char *program, slice name)
{
    return say(CTL_USAGE, "there is no command '%.*s'; `%s help` lists them", SLICE_ARG(name), program);
}

enum ctl_exit help_run(struct ctl *ctl)
{
    const struct ctl_command *command = ctl->argument.ptr ? commands_find(ctl->argument) : NULL;
    if (ctl->argument.ptr && !command)
        return help_refuse(ctl->program, ctl->argument);
    if (command)
        help_print(ctl->arena, ctl->program, command);
    else
        help_overview(ctl->program);
    return CTL_OK;
}

enum ctl_exit version_run(struct ctl *ctl)
{
    puts("awssimctl " AWSSIM_VERSION);
    return CTL_OK;
}
