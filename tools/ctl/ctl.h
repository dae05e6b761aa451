/* ctl: what all commands of awssimctl share: the options as given, and the exit codes. */
#pragma once

#include "common/conf.h"

enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,      /* it did not work; a message says why and what to do */
    CTL_USAGE = 2,       /* the command line is wrong */
    CTL_NOT_RUNNING = 3, /* no awssim is running in this state directory */
};

/* Options that belong to awssimctl, as bits: a command says which it takes. */
enum ctl_option {
    CTL_FOREGROUND = 1 << 0,
    CTL_JSON = 1 << 1,
    CTL_FOLLOW = 1 << 2,
    CTL_SHELL = 1 << 3,
    CTL_TIMEOUT = 1 << 4,
    CTL_INTERACTIVE = 1 << 5,
    CTL_TTY = 1 << 6,
    CTL_USER = 1 << 7,
    CTL_WORKDIR = 1 << 8,
    CTL_VARIABLE = 1 << 9,
    CTL_COMMAND = 1 << 10, /* no option: it takes a second argument and, behind --, a command */
};

struct ctl {
    struct arena *arena;
    const char *program; /* as typed, for hints that can be pasted */
    struct conf conf;    /* ephemeral or not, state_dir is the folder the instance is known by */
    slice state_option;  /* " --state-dir X" when it is not the default one; for hints */
    slice argument;      /* of the command; absent when there is none */
    unsigned options;    /* those given */
    slice shell;
    int64_t timeout_ms;
    bool takes_second;
    slice second;                /* argument; absent when there is none */
    char *const *words;          /* behind --, NULL-terminated; NULL when there is no -- */
    slice user, workdir;         /* of a command in a container */
    struct slice_list variables; /* NAME=VALUE, or NAME: this process's */
};

struct ctl_command {
    const char *name;
    enum ctl_exit (*run)(struct ctl *ctl);
    unsigned options;      /* those allowed */
    bool of_instance;      /* it is about a running awssim, which is looked for when no --state-dir is given */
    const char *argument;  /* its name in the help; NULL: the command takes none */
    const char *summary;   /* one line */
    const char *long_help; /* paragraphs; lines end with newlines */
};
