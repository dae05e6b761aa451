/* commands: one function per command of awssimctl, each in the file of its name. They print to people on stdout, or why
 * not on stderr. */
#pragma once

#include "tools/ctl/ctl.h"

/* What `simulator-aws` does: becomes the supervisor, which keeps the name and with it the defaults (conf.h). Its only
 * argument is --help. */
enum ctl_exit start_as_simulator(int argc, char *const argv[]);

enum ctl_exit start_run(struct ctl *ctl);
enum ctl_exit stop_run(struct ctl *ctl);
enum ctl_exit status_run(struct ctl *ctl);

/* What the user should know about the running awssim; nothing when there is nothing. */
void status_print_warnings(struct ctl *ctl);

/* In place of status_run when several run and none was named. */
enum ctl_exit status_list(struct ctl *ctl);
enum ctl_exit restart_run(struct ctl *ctl);
enum ctl_exit exec_run(struct ctl *ctl);
enum ctl_exit logs_run(struct ctl *ctl);
enum ctl_exit reset_run(struct ctl *ctl);
enum ctl_exit env_run(struct ctl *ctl);
enum ctl_exit wait_run(struct ctl *ctl);
enum ctl_exit doctor_run(struct ctl *ctl);
enum ctl_exit completion_run(struct ctl *ctl);
enum ctl_exit manual_run(struct ctl *ctl);
enum ctl_exit version_run(struct ctl *ctl);
enum ctl_exit help_run(struct ctl *ctl);

/* The command of that number, from 0, or of that name; NULL when there is none. */
const struct ctl_command *commands_at(size_t i);
const struct ctl_command *commands_find(slice name);
