/* conf: the options all programs of awssim share. One table (conf.def) makes the flags, the environment variables, the
 * defaults and --help. A flag wins over the environment, the environment over the default. */
#pragma once

#include "common/list.h"

struct conf {
#define CONF(field, type, flag, environment, otherwise, help) CONF_FIELD_##type(field)
#define CONF_FIELD_TEXT(field) slice field;
#define CONF_FIELD_SECRET(field) slice field;
#define CONF_FIELD_NUMBER(field) int64_t field;
#define CONF_FIELD_SWITCH(field) bool field;
#include "common/conf.def"
#undef CONF_FIELD_TEXT
#undef CONF_FIELD_SECRET
#undef CONF_FIELD_NUMBER
#undef CONF_FIELD_SWITCH
#undef CONF
    bool state_dir_given; /* by a flag or the environment; not the default folder */
};

/* Reads the options from arguments and environment. Accepts --flag VALUE, --flag=VALUE and bare switches; arguments
 * that are no options are collected in *rest, in order. Answers 0, or BAD_INPUT with a sentence in *why (unknown
 * flag, missing value, bad number, bad word). Resolves state_dir and run_dir. */
int conf_parse(struct arena *arena, int argc, char *const argv[], struct conf *conf, struct slice_list *rest,
               slice *why);

/* Whether a program of this name is to be what the simulator that awssim replaces was: then conf_parse's defaults are
 * lenient, ephemeral, any free port for DNS, and all interfaces. */
bool conf_replaces_simulator(const char *program);

/* Where an ephemeral awssim without a state directory is: this and six letters. Nobody else's, and gone with it. */
#define CONF_PRIVATE_DIR "/tmp/awssim-private-"

/* Makes such a folder; absent with errno when that fails. */
slice conf_make_private_dir(struct arena *arena);

/* Where sockets are when nobody says so: below the state directory; where a socket's path would be too long, in the
 * user's runtime directory; where there is none, CONF_TEMPORARY_RUN_DIR, of which the supervisor makes a folder whose
 * name nobody can know before, and which the lock file tells. */
slice conf_usual_run_dir(struct arena *arena, slice state_dir);

#define CONF_TEMPORARY_RUN_DIR "/tmp/awssim-run-XXXXXX"

/* The options as arguments ("--port=4566", …) for a child process, so that it needs no environment but for secrets.
 * NULL-terminated; first is argv[0]. */
char **conf_argv(struct arena *arena, const struct conf *conf, const char *first);

/* The same with one argument more at the end. */
char **conf_argv_and(struct arena *arena, const struct conf *conf, const char *first, const char *last);

/* An option, for help, manual page and completion. */
struct conf_option {
    slice flag; /* without "--" */
    const char *environment;
    slice otherwise;   /* the default */
    slice help;        /* one line */
    const char *words; /* what it may be, separated by spaces; NULL: anything */
    bool is_switch;
    bool is_path;
};

/* The option of that number, from 0; false when there are not so many. */
bool conf_option_at(size_t i, struct conf_option *option);

/* Puts the secrets into this process's environment, from where its children read them: a command line is readable by
 * everybody. */
void conf_export_secrets(struct arena *arena, const struct conf *conf);

/* Their variables, NULL-terminated: children that have no use for them are started without. */
extern const char *const conf_secret_variables[];

/* One line an option, for --help. */
slice conf_help(struct arena *arena);

/* One line an environment variable, with the defaults of what replaces the simulator, for its --help. */
slice conf_environment(struct arena *arena);
