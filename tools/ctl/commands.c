/* commands: the table of awssimctl's commands with their help. Each command is a file of its own. */
#include "tools/ctl/commands.h"

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
    {"exec", exec_run, CTL_INTERACTIVE | CTL_TTY | CTL_USER | CTL_WORKDIR | CTL_VARIABLE | CTL_COMMAND, true,
     "TASK [CONTAINER] -- COMMAND", "run a command in a container of a running task",
     "Runs a command in a container: with its files, processes, user, variables, working directory and limits. TASK "
     "is\n"
     "an id or an ARN; the container's name may be left out when the task has one. Put two dashes before the command:\n"
     "  awssimctl exec -it 0123456789abcdef0123456789abcdef web -- sh\n"
     "Exit code: the command's; 126: it cannot be executed, 127: it is not there. 1: there is no such task, or its\n"
     "container does not run. 3: awssim is not running.\n"},
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
    {"version", version_run, 0, false, NULL, "print the version", ""},
    {"completion", completion_run, 0, false, "SHELL", "print the completion of a shell: bash, zsh or fish",
     "Prints what makes the shell complete awssimctl's commands and options. Installed, it is there already; else\n"
     "  source <(awssimctl completion bash)                      bash, zsh\n"
     "  awssimctl completion fish | source                       fish\n"},
    {"man", manual_run, 0, false, NULL, "print the manual page", "Prints awssimctl's manual page, for man -l -.\n"},
    {"help", help_run, 0, false, "[COMMAND]", "explain a command", ""},
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

const struct ctl_command *commands_at(size_t i)
{
    return i < COMMANDS ? &commands[i] : NULL;
}

const struct ctl_command *commands_find(slice name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (slice_eq(name, slice_of(commands[i].name)))
            return &commands[i];
    }
    return NULL;
}
