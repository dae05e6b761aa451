/* unpack: one layer of an image as a directory that overlayfs can use. */
#pragma once

#include <stddef.h>

/* Unpacks the archive (tar, plain or compressed) read from fd into the directory, which exists and is empty. Whatever
 * the archive says, nothing outside of the directory is touched: absolute names are of the directory, names that lead
 * out of it by ".." or through a symbolic link are refused, devices and attributes that overlayfs would take for its
 * own are left out. Whiteouts become those of overlayfs. What becomes much larger than its archive, or does not fit on
 * the disk, is refused. 0, or -1 with why set. Changes the process's root or working directory: it is to end
 * afterwards. */
int unpack_layer(int fd, const char *directory, char *why, size_t why_size);
