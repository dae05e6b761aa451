/* program: where awssim's other programs are. */
#pragma once

struct arena;

/* The program of that name, as installed or in the folder of the build tree; NULL when it is nowhere. */
const char *program_find(struct arena *arena, const char *name, const char *build_folder);
