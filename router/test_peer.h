/* test_peer: a stand-in for a worker or the runner, for tests and measurements of the router: a process on the bus that
 * tells what it was sent. What it does is chosen by the request's operation:
 *
 *   Die        kills itself                      DescribeLogGroups with body "die once": kills itself the first time
 *   Hold       is answered at the next Release   Release answers those, then itself
 *   Cancelled  is answered when a CANCEL has come
 *   Status     answers with the status in the body
 *   File       body "NAME OFFSET LENGTH": answers with that part of the file
 *   Segments   body "LEASE\n" and segments (proto/segments.h): answers with them
 *   Constant   a short fixed answer
 *
 * Everything else is answered with a description of the envelope. Events are noted in <run_dir>/events, and refused
 * when <run_dir>/refuse-NAME exists. */
#pragma once

/* The whole process: argv is PROGRAM peer NAME RUN_DIR STATE_DIR. Answers the exit code. */
int test_peer_main(char *argv[]);
