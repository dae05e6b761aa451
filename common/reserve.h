/* reserve: disk space that is kept for when there is none, so that deleting works on a full disk; and whether a disk
 * counts as full. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    RESERVE_BYTES = 256 * 1024, /* of each database */
    RESERVE_FULL_BYTES =
        8 * 1024 * 1024, /* with less than this left to it awssim stores nothing new until more is free */
};

/* A file of its own, whose space is given back when it is needed. */
struct reserve;

/* path is copied. Takes the space if it is to be had. */
struct reserve *reserve_open(const char *path);

/* So many bytes will be needed beyond the usual: those of a log that is not copied into its database yet. Cheap when
 * nothing changes. */
void reserve_hold(struct reserve *reserve, int64_t bytes);

/* There is no room: gives the space back to the disk. */
void reserve_release(struct reserve *reserve);

/* Whether the disk counts as full; asks it every 10 ms at most. When it no longer does, the space is taken
 * again. */
bool reserve_is_needed(struct reserve *reserve);

/* Removes the file. */
void reserve_close(struct reserve *reserve);

/* Bytes that are free where path is, or -1. */
int64_t reserve_free_bytes(const char *path);

/* Whether a system call's error says that there is no room. */
bool reserve_is_full(int error);
