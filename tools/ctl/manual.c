/* manual: prints the manual page, awssimctl(1), from the same tables as the help. */
#include "tools/ctl/commands.h"
#include "tools/ctl/options.h"

#include <stdio.h>

/* Text for troff: a backslash is two, a hyphen is one that can be copied, and no line begins with a request. */
static void print_text(slice text)
{
    bool begins = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (begins && (c == '.' || c == '\''))
            fputs("\\&", stdout);
        if (c == '\\')
            fputs("\\e", stdout);
        else if (c == '-')
            fputs("\\-", stdout);
        else
            putchar(c);
        begins = c == '\n';
    }
}

static void print_line(const char *before, slice text)
{
    fputs(before, stdout);
    print_text(text);
    putchar('\n');
}

static void print_own_option(const struct ctl_own_option *option)
{
    printf(".TP\n.B ");
    print_text(option->letter);
    printf(", ");
    print_text(option->flag);
    printf("%s%s\n", option->value ? " \\fI" : "", option->value ? option->value : "");
    print_line("\\fR", slice_of(option->help));
}

static void print_command(const struct ctl_command *command)
{
    printf(".SS %s %s\n", command->name, command->argument ? command->argument : "");
    /* Lines that begin with spaces are examples and keep their ends. */
    puts(".nf");
    print_text(slice_of(*command->long_help ? command->long_help : command->summary));
    puts("\n.fi");
    for (size_t i = 0; options_own_at(i); i++) {
        if (command->options & options_own_at(i)->bit)
            print_own_option(options_own_at(i));
    }
}

static void print_options(void)
{
    struct conf_option option;
    puts(".SH OPTIONS\nAll commands take these; a flag wins over the environment.");
    for (size_t i = 0; conf_option_at(i, &option); i++) {
        print_line(".TP\n.B \\-\\-", option.flag);
        print_text(option.help);
        printf(".\nIn the environment: \\fB%s\\fR.\n", option.environment);
        if (option.otherwise.len > 0)
            print_line("Default: ", option.otherwise);
    }
}

enum ctl_exit manual_run(struct ctl *ctl)
{
    puts(".TH AWSSIMCTL 1 \"\" \"awssim " AWSSIM_VERSION "\" \"awssim\"\n"
         ".SH NAME\nawssimctl \\- run AWS on your own machine\n"
         ".SH SYNOPSIS\n.B awssimctl\n.I COMMAND\n[\\fIOPTIONS\\fR]\n"
         ".SH DESCRIPTION\nawssimctl starts, stops and looks after awssim, a local AWS on which ECS tasks and Lambda "
         "functions really run.\n"
         ".SH COMMANDS");
    for (size_t i = 0; commands_at(i); i++)
        print_command(commands_at(i));
    print_options();
    puts(".SH EXIT STATUS\n0: it worked. 1: it did not, and why is printed. 2: wrong usage. 3: awssim is not running.\n"
         ".SH FILES\n/var/lib/awssim, ~/.local/state/awssim: the state directory of root, and of other users.\n.br\n"
         "/etc/awssim/init: init scripts.\n"
         ".SH EXAMPLE\n.nf\nawssimctl start\neval \"$(awssimctl env)\"\naws ecs create\\-cluster \\-\\-cluster\\-name "
         "demo\n.fi");
    return CTL_OK;
}
