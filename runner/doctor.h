/* doctor: what this machine lets awssim do with tasks and functions, for `awssimctl doctor`. */
#pragma once

struct runner;

/* Tries it, prints it, and answers the exit code: 0 when there is everything. The runner has its stub, its arena and
 * its name, and runs nothing. */
int doctor_run(struct runner *runner);
