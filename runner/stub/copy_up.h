/* copy_up: a new volume gets what the image has at the path where it is mounted, as docker does it. */
#pragma once

/* When the folder `volume` is empty: copies everything below the folder at path `image` into it, with owners, modes,
 * times, extended attributes and links, and gives the folder itself the other's owner and mode. Containers that do so
 * at once with the same volume wait for each other. An `image` that is no folder is nothing to copy. 0, or -1. */
int copy_up(const char *image, int volume);
