/* completion: prints what makes a shell complete awssimctl's commands, options and their words, from the same tables as
 * the help. */
#include "tools/ctl/commands.h"
#include "tools/ctl/options.h"
#include "tools/ctl/say.h"

#include <stdio.h>

#define SHELLS "bash zsh fish"
#define SERVICES AWSSIM_SERVICES /* separated by spaces */

/* What the arguments of some commands may be. */
static const struct {
    const char *command;
    const char *words;
} arguments[] = {
    {"restart", "router runner " SERVICES},
    {"logs", "supervisor init router runner " SERVICES},
    {"reset", SERVICES},
    {"completion", SHELLS},
};

static const char *argument_words(const struct ctl_command *command)
{
    for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
        if (slice_eq(slice_of(arguments[i].command), slice_of(command->name)))
            return arguments[i].words;
    }
    return NULL;
}

static void print_command_names(void)
{
    for (size_t i = 0; commands_at(i); i++)
        printf("%s%s", i > 0 ? " " : "", commands_at(i)->name);
}

static void print_flags(const struct ctl_command *command)
{
    struct conf_option option;
    for (size_t i = 0; options_own_at(i); i++) {
        if (command->options & options_own_at(i)->bit)
            printf("%.*s ", SLICE_ARG(options_own_at(i)->flag));
    }
    for (size_t i = 0; conf_option_at(i, &option); i++)
        printf("%s--%.*s", i > 0 ? " " : "", SLICE_ARG(option.flag));
}

static void print_bash_values(void)
{
    struct conf_option option;
    for (size_t i = 0; conf_option_at(i, &option); i++) {
        if (option.words)
            printf("    --%.*s) COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n", SLICE_ARG(option.flag),
                   option.words);
        else if (option.is_path)
            printf("    --%.*s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", SLICE_ARG(option.flag));
        else if (!option.is_switch)
            printf("    --%.*s) return ;;\n", SLICE_ARG(option.flag));
    }
    puts("    --shell) COMPREPLY=($(compgen -W 'bash fish powershell json' -- \"$word\")); return ;;");
}

static void print_bash(void)
{
    puts("_awssimctl() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
         "    COMPREPLY=()");
    printf("    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '");
    print_command_names();
    puts("' -- \"$word\"))\n        return\n    fi\n    case \"$before\" in");
    print_bash_values();
    puts("    esac\n    case \"$command\" in");
    for (size_t i = 0; commands_at(i); i++) {
        const struct ctl_command *command = commands_at(i);
        const char *words = argument_words(command);
        printf("    %s)\n", command->name);
        if (words)
            printf("        [[ $word == -* ]] || { COMPREPLY=($(compgen -W '%s' -- \"$word\")); return; }\n", words);
        printf("        COMPREPLY=($(compgen -W '");
        print_flags(command);
        puts("' -- \"$word\")) ;;");
    }
    puts("    esac\n}");
}

static void print_fish_option(const struct ctl_command *command, const struct conf_option *option)
{
    printf("complete -c awssimctl -n '__fish_seen_subcommand_from %s' -l %.*s", command->name, SLICE_ARG(option->flag));
    if (!option->is_switch)
        printf(" -r");
    if (option->words)
        printf(" -f -a '%s'", option->words);
    else if (!option->is_path && !option->is_switch)
        printf(" -f");
    /* The texts have no quotation marks. */
    printf(" -d \"%.*s\"\n", SLICE_ARG(option->help));
}

static void print_fish(void)
{
    struct conf_option option;
    puts("complete -c awssimctl -f");
    for (size_t i = 0; commands_at(i); i++) {
        const struct ctl_command *command = commands_at(i);
        const char *words = argument_words(command);
        printf("complete -c awssimctl -n __fish_use_subcommand -a %s -d \"%s\"\n", command->name, command->summary);
        if (words)
            printf("complete -c awssimctl -n '__fish_seen_subcommand_from %s' -a '%s'\n", command->name, words);
        for (size_t k = 0; options_own_at(k); k++) {
            const struct ctl_own_option *own = options_own_at(k);
            if (command->options & own->bit)
                printf("complete -c awssimctl -n '__fish_seen_subcommand_from %s' -l %.*s -s %.*s%s -d \"%s\"\n",
                       command->name, SLICE_ARG(slice_sub(own->flag, 2, own->flag.len)),
                       SLICE_ARG(slice_sub(own->letter, 1, own->letter.len)), own->value ? " -r -f" : "", own->help);
        }
        for (size_t k = 0; conf_option_at(k, &option); k++)
            print_fish_option(command, &option);
    }
}

enum ctl_exit completion_run(struct ctl *ctl)
{
    slice shell = ctl->argument;
    if (slice_eq(shell, S("bash")) || slice_eq(shell, S("zsh"))) {
        /* zsh understands bash's completions once it is told to. */
        if (slice_eq(shell, S("zsh")))
            puts("#compdef awssimctl\nautoload -U +X bashcompinit && bashcompinit");
        print_bash();
        puts("complete -F _awssimctl awssimctl");
    } else if (slice_eq(shell, S("fish"))) {
        print_fish();
    } else {
        return say(CTL_USAGE, "name the shell: %s completion bash, zsh or fish", ctl->program);
    }
    return CTL_OK;
}
