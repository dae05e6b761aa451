/* unpack: one layer of an image as a directory that overlayfs can use. */
#pragma once

#include <stddef.h>

/* Unpacks the archive (tar, plain or compressed) read from fd into the directory, which exists and is empty. Whatever
 * the archive says, nothing outside of the directory is touched: names with "..", absolute names and names that lead
 * through a symbolic link to elsewhere are refused, devices are left out. Whiteouts become those of overlayfs. 0, or -1
 * with why set. Changes the process's root or working directory: it is to end afterwards. */
int unpack_layer(int fd, const char *directory, char *why, size_t why_size);
