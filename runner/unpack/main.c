/* awssim-unpack: unpacks layers of an image for the runner, each into a directory of its own that appears whole or not
 * at all, whatever dies meanwhile; and removes those that were given up.
 * usage: awssim-unpack BLOBS LAYERS HEX…     BLOBS/he/HEX is the archive, LAYERS/HEX becomes the directory and
 *                                            LAYERS/HEX.size says how many bytes it has
 *        awssim-unpack --remove LAYERS       removes LAYERS/.gone-…
 * Ends with 0, or with 1 and one line on standard error. */
#include "runner/unpack/unpack.h"

#include "common/fdio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PATH = 4096 };

static int complain(const char *hex, const char *why)
{
    fprintf(stderr, "layer sha256:%s: %s\n", hex, why);
    return 1;
}

/* In a process of its own, which gives up its root. */
static int unpack_in_child(int fd, const char *directory, const char *hex)
{
    char why[1024] = "it ended unexpectedly";
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(unpack_layer(fd, directory, why, sizeof(why)) == 0 ? 0 : complain(hex, why));
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return complain(hex, strerror(errno));
    if (WIFSIGNALED(status))
        return complain(hex, strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status);
}

static long long bytes_below;

static int add_bytes(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)path;
    (void)type;
    (void)place;
    bytes_below += (long long)st->st_blocks * 512 / (S_ISDIR(st->st_mode) ? 1 : (long long)st->st_nlink);
    return 0;
}

/* Puts it in place, when all of it is on the disk: after a loss of power a layer must not be there in half. */
static int finish(const char *directory, const char *final)
{
    char text[32], size[MAX_PATH + 8];
    bytes_below = 0;
    if (nftw(directory, add_bytes, 16, FTW_PHYS) != 0)
        return -1;
    snprintf(size, sizeof(size), "%s.size", final);
    snprintf(text, sizeof(text), "%lld", bytes_below);
    if (fdio_replace_file(size, slice_of(text), 0644) != 0)
        return -1;
    __attribute__((cleanup(fdio_cleanup))) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && syncfs(fd) == 0 ? rename(directory, final) : -1;
}

static int unpack(const char *blobs, const char *layers, const char *hex)
{
    char blob[MAX_PATH], final[MAX_PATH], beside[MAX_PATH];
    struct stat st;
    snprintf(blob, sizeof(blob), "%s/%.2s/%s", blobs, hex, hex);
    snprintf(final, sizeof(final), "%s/%s", layers, hex);
    snprintf(beside, sizeof(beside), "%s/.%s", layers, hex);
    if (stat(final, &st) == 0)
        return 0;
    __attribute__((cleanup(fdio_cleanup))) int fd = open(blob, O_RDONLY | O_CLOEXEC);
    /* One process unpacks a layer, the others wait for it. What one that was killed has left is the lock's as well. */
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        return complain(hex, strerror(errno));
    if (stat(final, &st) == 0)
        return 0;
    fdio_remove_tree(beside);
    /* The folder around it is closed; this is a container's root. */
    if (mkdir(beside, 0755) != 0 || chmod(beside, 0755) != 0)
        return complain(hex, strerror(errno));
    int result = unpack_in_child(fd, beside, hex);
    if (result == 0 && finish(beside, final) != 0)
        result = complain(hex, strerror(errno));
    if (result != 0)
        fdio_remove_tree(beside);
    return result;
}

static int remove_given_up(const char *layers)
{
    char path[MAX_PATH];
    int result = 0;
    DIR *dir = opendir(layers);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        snprintf(path, sizeof(path), "%s/%s", layers, entry->d_name);
        if (strncmp(entry->d_name, ".gone-", 6) == 0 && fdio_remove_tree(path) != 0)
            result = 1;
    }
    if (dir)
        closedir(dir);
    return result;
}

int main(int argc, char *argv[])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc < 3) {
        fputs("usage: awssim-unpack BLOBS LAYERS HEX...\n       awssim-unpack --remove LAYERS\n", stderr);
        return 1;
    }
    if (strcmp(argv[1], "--remove") == 0)
        return remove_given_up(argv[2]);
    if (fdio_mkdirs(argv[2], 0700) != 0)
        return complain("", strerror(errno));
    for (int i = 3; i < argc; i++) {
        if (strlen(argv[i]) != 64 || strspn(argv[i], "0123456789abcdef") != 64)
            return complain(argv[i], "no digest");
        if (unpack(argv[1], argv[2], argv[i]) != 0)
            return 1;
    }
    return 0;
}
