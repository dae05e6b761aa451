/* supervised: the child's side of the supervisor's protocol: descriptor 3 takes a newline when the process is ready,
 * descriptor 4 is at its end when the supervisor is gone, descriptor 5 is the router's listening socket,
 * descriptor 6 a lock that lasts as long as any part of an awssim. Started by hand, a process has none of them. */
#pragma once

#include <stdbool.h>

/* First thing in main, before anything else opens a descriptor. Without a supervisor the two numbers are taken all the
 * same, so that nothing else ever gets them. */
void supervised_begin(void);

/* Says that the process can serve; once. */
void supervised_ready(void);

/* The listening socket the process has been handed, or -1 when it has to open one. */
int supervised_listener(void);

/* The descriptor to watch for reading (non-blocking), or -1 without a supervisor. */
int supervised_control(void);

/* Whether the control descriptor, having become readable, says that the supervisor is gone. */
bool supervised_orphaned(void);
