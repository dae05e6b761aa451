/* awssimctl: starts, stops and looks after awssim. This file has the table of commands and their help; each command is
 * a file of its own. */
#include "tools/ctl/choose.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/options.h"
#include "tools/ctl/say.h"

#include <stdio.h>

static enum ctl_exit help(struct ctl *ctl);
static enum ctl_exit version(struct ctl *ctl);

static const struct ctl_command commands[] = {
    {"start", start_run, CTL_FOREGROUND, false, NULL, "start awssim and wait until it is ready",
     "Starts awssim in the background and ends when it answers requests. With --foreground it stays, prints what its\n"
     "processes print, and ends awssim in order on Ctrl-C or SIGTERM (a second one does not wait for anything).\n"
     "State is kept in the state directory, unless --ephemeral is given. Port 0 is any free port; `env` tells which.\n"
     "Exit code 1: it could not start (port taken, already running, state of a newer version …), and why is "
     "printed.\n"},
    {"stop", stop_run, 0, true, NULL, "stop awssim and wait until it is gone",
     "Stops the router, then the services, then running tasks, and ends when no process is left.\n"
     "Exit code 0: it is not running now, even if it was not before. 1: it does not stop.\n"},
    {"status", status_run, CTL_JSON, true, NULL, "show its processes, memory and requests",
     "Prints each process with its state, how long it has been in it, how often it was started again, its memory, the\n"
     "requests it has answered and how many of them with an error, and how it last ended when nobody had asked it to.\n"
     "Exit code 0: running. 3: not running.\n"},
    {"restart", restart_run, 0, true, "PROCESS", "start one process anew, e.g. ecs",
     "Stops one process, starts it again and waits until it is ready; the others go on. Requests for it wait "
     "meanwhile.\n"
     "Exit code 1: there is no such process, or it does not come back. 3: awssim is not running.\n"},
    {"logs", logs_run, CTL_FOLLOW, true, "[PROCESS]", "print what its own processes have logged",
     "Prints the logs of awssim's own processes, of one or of all. What tasks print is in CloudWatch Logs instead.\n"},
    {"reset", reset_run, 0, true, "[SERVICE]", "empty the state of one service, or of all",
     "Stops what runs and removes all resources, e.g. between two tests. Requests wait meanwhile.\n"
     "Exit code 1: the router refuses or does not answer. 3: awssim is not running.\n"},
    {"env", env_run, CTL_SHELL, true, NULL, "print the settings for AWS clients",
     "Prints the settings with which the AWS CLI, SDKs and Terraform find awssim. Use it as\n"
     "  eval \"$(awssimctl env)\"                                  bash, zsh, sh\n"
     "  awssimctl env --shell fish | source                      fish\n"
     "  awssimctl env --shell powershell | Invoke-Expression     PowerShell\n"},
    {"wait", wait_run, CTL_TIMEOUT, true, NULL, "wait until it is ready",
     "Ends when awssim, however and whenever started, answers requests.\n"
     "Exit code 1: it is not ready in time. 3: nobody has started it in time.\n"},
    {"doctor", doctor_run, 0, false, NULL, "find out what this machine lets awssim do",
     "Tries what tasks and functions need of this machine: sandboxes (namespaces and mounts), control groups, the\n"
     "interpreters of Lambda's runtimes; and says what does not work without. awssim needs not be running.\n"
     "Exit code 1: something is not permitted.\n"},
    {"version", version, 0, false, NULL, "print the version", ""},
    {"help", help, 0, false, "[COMMAND]", "explain a command", ""},
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static const struct ctl_command *find(slice name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (slice_eq(name, slice_of(commands[i].name)))
            return &commands[i];
    }
    return NULL;
}

static void print_overview(const char *program)
{
    printf("usage: %s COMMAND [OPTIONS]\n\nawssim: AWS on your own machine.\n\n", program);
    for (size_t i = 0; i < COMMANDS; i++) {
        int width = printf("  %s %s", commands[i].name, commands[i].argument ? commands[i].argument : "");
        printf("%*s %s\n", width < 20 ? 20 - width : 0, "", commands[i].summary);
    }
    printf("\n%s help COMMAND explains one. Exit codes: 0 it worked, 1 it did not, 2 wrong usage, 3 awssim is not "
           "running.\n",
           program);
}

static void print_help(struct arena *arena, const char *program, const struct ctl_command *command)
{
    const char *argument = command->argument ? command->argument : "";
    slice own = options_help(arena, command), common = conf_help(arena);
    printf("usage: %s %s %s%s[OPTIONS]\n\n%s", program, command->name, argument, *argument ? " " : "",
           command->long_help);
    printf("%s\nOptions:\n%.*s%.*s", *command->long_help ? "" : command->summary, SLICE_ARG(own), SLICE_ARG(common));
}

static enum ctl_exit refuse_command(const char *program, slice name)
{
    return say(CTL_USAGE, "there is no command '%.*s'; `%s help` lists them", SLICE_ARG(name), program);
}

static enum ctl_exit help(struct ctl *ctl)
{
    const struct ctl_command *command = ctl->argument.ptr ? find(ctl->argument) : NULL;
    if (ctl->argument.ptr && !command)
        return refuse_command(ctl->program, ctl->argument);
    if (command)
        print_help(ctl->arena, ctl->program, command);
    else
        print_overview(ctl->program);
    return CTL_OK;
}

static enum ctl_exit version(struct ctl *ctl)
{
    puts("awssimctl " AWSSIM_VERSION);
    return CTL_OK;
}

static bool wants_help(int argc, char *const argv[])
{
    for (int i = 1; i < argc; i++) {
        if (slice_eq(slice_of(argv[i]), S("--help")) || slice_eq(slice_of(argv[i]), S("-h")))
            return true;
    }
    return false;
}

static enum ctl_exit run(struct ctl *ctl, const struct ctl_command *command, int argc, char *const argv[])
{
    slice why = S("");
    if (wants_help(argc, argv)) {
        print_help(ctl->arena, ctl->program, command);
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
    struct ctl ctl = {.program = argc > 0 ? argv[0] : "awssimctl"};
    if (conf_replaces_simulator(ctl.program))
        return (int)start_as_simulator(argc, argv);
    slice name = argc > 1 ? slice_of(argv[1]) : S("");
    const struct ctl_command *command = find(name);
    if (slice_empty(name) || slice_eq(name, S("--help")) || slice_eq(name, S("-h"))) {
        print_overview(ctl.program);
        return slice_empty(name) ? CTL_USAGE : CTL_OK;
    }
    if (slice_eq(name, S("--version")))
        return (int)version(&ctl);
    if (!command)
        return (int)refuse_command(ctl.program, name);
    ctl.arena = arena_open();
    /* The command's name makes room for the program's. */
    argv[1] = argv[0];
    enum ctl_exit code = run(&ctl, command, argc - 1, argv + 1);
    arena_close(ctl.arena);
    return (int)code;
}
