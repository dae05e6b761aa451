/* syscall_compile: the rows of syscalls.def as a program for the kernel, by libseccomp. It takes some 10 ms: what is
 * common is compiled when awssim is built (syscall_gen.c), the rest when a container starts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sock_filter;

/* Those of these capabilities that make a difference: two sets for which this is the same have the same program. */
uint64_t syscall_compile_key(uint64_t capabilities);

/* The program for a container that can have these capabilities, allocated, and the number of its instructions; NULL
 * with errno. */
struct sock_filter *syscall_compile(uint64_t capabilities, size_t *count);
