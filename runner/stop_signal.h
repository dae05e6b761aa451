/* stop_signal: the names of signals as images' STOPSIGNAL has them. */
#pragma once

#include "common/slice.h"

/* "SIGTERM", "term", "15", "SIGRTMIN+3", "RTMAX-1" → the number. What names no signal is SIGTERM. */
int stop_signal_number(slice name);
