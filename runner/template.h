/* template: what the sandboxes of tasks are laid over: the folders of an empty root, and whiteouts for what of the
 * host's /etc is not for everybody's eyes (veil.h). It is made once, and again when something there has changed: the
 * kernel announces that. Sandboxes that were laid over an older one keep it. */
#pragma once

struct template_version;

struct templates {
    int changes; /* inotify; -1: there is none, and each sandbox has a template of its own */
    struct template_version *current;
    long long made;
    const char *below; /* the folder of all */
};

/* Makes one in the folder, which does not exist. 0, or -errno. */
int template_make(const char *folder);

/* The folder `below` is for templates only; what a former runner has left there is removed. */
void templates_open(struct templates *templates, const char *below);
void templates_close(struct templates *templates);

/* A template that is true now: to be released. NULL with errno set. */
struct template_version *templates_take(struct templates *templates);
void template_release(struct template_version *version); /* NULL is none */

const char *template_path(const struct template_version *version);
