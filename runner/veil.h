/* veil: what of a folder of the host is not for everybody's eyes, is not in the overlay above it: root in a container
 * is not root of the machine. */
#pragma once

/* Gives the folder `upper` the owner and the mode of the host's, as far as this process may. 0, or -1. */
int veil_attributes(const char *from, const char *upper);

/* Hides, in the folder upper that an overlay will have above from, what everybody may not read of from/below ("" is all
 * of it), at any depth. A folder that is not there has nothing. 0, or -1. */
int veil_private(const char *from, const char *below, const char *upper);
