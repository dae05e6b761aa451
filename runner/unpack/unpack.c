/* unpack: see unpack.h. As root the process moves into the directory, so that no link leads out of it. */
#include "runner/unpack/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MAX_PATH = 4096, MAX_ENTRIES = 2000000, READ_BYTES = 256 * 1024, MIB = 1024 * 1024 };

/* How much a layer may become. Images compress to a fifth or less; what has more than MAX_RATIO times the size of its
 * archive is made to fill the disk, but up to ANY_RATIO_BYTES it does no harm (a file of zeros is no attack). */
enum { MAX_RATIO = 200 };

static const long long max_bytes = 64LL * 1024 * MIB, any_ratio_bytes = 512LL * MIB;

/* The disk is looked at each time so much has been written; so much of it is left free, or a twentieth if that is less.
 */
static const long long look_bytes = 64LL * MIB, spare_bytes = 256LL * MIB;

static const char opaque_name[] = ".wh..wh..opq";
static const char whiteout_prefix[] = ".wh.";

struct job {
    struct archive *in, *out;
    char *why;
    size_t why_size;
    long long bytes, looked_at;
    long long archive_bytes;
    long entries;
};

static int __attribute__((format(printf, 2, 3))) refuse(struct job *job, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(job->why, job->why_size, format, args);
    va_end(args);
    return -1;
}

/* The name as docker and containerd read it: below the layer's root even when it is absolute, "." and ".." resolved by
 * the text alone; "." for the root itself. False when it leads out, or is too long. */
static bool clean(const char *name, char path[MAX_PATH])
{
    size_t length = 0;
    if (!name || strlen(name) >= MAX_PATH)
        return false;
    while (*(name += strspn(name, "/"))) {
        size_t part = strcspn(name, "/");
        if (part == 2 && memcmp(name, "..", 2) == 0) {
            if (length == 0)
                return false;
            while (length > 0 && path[--length] != '/')
                ;
        } else if (part != 1 || *name != '.') {
            if (length > 0)
                path[length++] = '/';
            memcpy(path + length, name, part);
            length += part;
        }
        name += part;
    }
    if (length == 0)
        path[length++] = '.';
    path[length] = '\0';
    return true;
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

/* ".wh.NAME" hides NAME of the layers below; ".wh..wh..opq" everything in its directory. */
static int write_whiteout(struct job *job, const char *name)
{
    char path[MAX_PATH];
    const char *last = last_part(name);
    int folder = (int)(last - name);
    if (strcmp(last, opaque_name) == 0) {
        snprintf(path, sizeof(path), "%.*s.", folder, name);
        const char *attribute = geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
        return setxattr(path, attribute, "y", 1, 0) == 0 ? 0 : refuse(job, "%s: %s", name, strerror(errno));
    }
    snprintf(path, sizeof(path), "%.*s%s", folder, name, last + sizeof(whiteout_prefix) - 1);
    if (mknod(path, S_IFCHR, makedev(0, 0)) != 0 && errno != EEXIST)
        return refuse(job, "%s: %s", name, strerror(errno));
    return 0;
}

static int check_disk(struct job *job)
{
    struct statvfs fs;
    job->looked_at = job->bytes;
    if (statvfs(".", &fs) != 0)
        return 0;
    long long free_bytes = (long long)fs.f_bavail * (long long)fs.f_frsize,
              part = (long long)fs.f_blocks * (long long)fs.f_frsize / 20;
    if (free_bytes >= (part < spare_bytes ? part : spare_bytes))
        return 0;
    return refuse(job, "no space left on device: the layer does not fit on the disk, %lld MiB are left",
                  free_bytes / MIB);
}

static int check_size(struct job *job)
{
    if (job->bytes > max_bytes)
        return refuse(job, "the layer unpacks to more than %lld bytes", max_bytes);
    if (job->bytes > any_ratio_bytes && job->bytes / MAX_RATIO > job->archive_bytes)
        return refuse(job, "the layer unpacks to more than %d times its size and more than %lld MiB", MAX_RATIO,
                      any_ratio_bytes / MIB);
    return job->bytes - job->looked_at >= look_bytes ? check_disk(job) : 0;
}

static int copy_content(struct job *job, const char *name)
{
    const void *bytes;
    size_t size;
    int64_t offset;
    for (;;) {
        int result = archive_read_data_block(job->in, &bytes, &size, &offset);
        if (result == ARCHIVE_EOF)
            return 0;
        if (result != ARCHIVE_OK)
            return refuse(job, "%s: %s", name, archive_error_string(job->in));
        job->bytes += (long long)size;
        if (check_size(job) != 0)
            return -1;
        if (archive_write_data_block(job->out, bytes, size, offset) != ARCHIVE_OK)
            return refuse(job, "%s: %s", name, archive_error_string(job->out));
    }
}

/* What a parent's directory needs so that names can be made in it. None may be a link: without a root of its own, the
 * process would follow it to elsewhere. */
static int make_parents(const char *name)
{
    char path[MAX_PATH];
    struct stat st;
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof(path), "%.*s", (int)(slash - name), name);
        if (mkdir(path, 0755) == 0)
            continue;
        if (errno != EEXIST || lstat(path, &st) != 0)
            return -1;
        errno = ENOTDIR;
        if (!S_ISDIR(st.st_mode))
            return -1;
    }
    return 0;
}

/* What the kernel or overlayfs would take for its own: an image must not say where overlayfs looks for a file. */
static bool is_foreign_attribute(const char *name)
{
    static const char *const prefixes[] = {"trusted.", "user.overlay.", "security.selinux"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

static void drop_attributes(struct archive_entry *entry)
{
    const char *name;
    const void *value;
    size_t size;
    struct archive_entry *kept = archive_entry_new();
    for (archive_entry_xattr_reset(entry); archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK;) {
        if (!is_foreign_attribute(name))
            archive_entry_xattr_add_entry(kept, name, value, size);
    }
    archive_entry_xattr_clear(entry);
    for (archive_entry_xattr_reset(kept); archive_entry_xattr_next(kept, &name, &value, &size) == ARCHIVE_OK;)
        archive_entry_xattr_add_entry(entry, name, value, size);
    archive_entry_free(kept);
}

static int write_member(struct job *job, struct archive_entry *entry, const char *path)
{
    if (archive_write_header(job->out, entry) != ARCHIVE_OK)
        return refuse(job, "%s: %s", path, archive_error_string(job->out));
    if (archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) && copy_content(job, path) != 0)
        return -1;
    if (archive_write_finish_entry(job->out) < ARCHIVE_WARN)
        return refuse(job, "%s: %s", path, archive_error_string(job->out));
    return 0;
}

static int write_entry(struct job *job, struct archive_entry *entry)
{
    char path[MAX_PATH], target[MAX_PATH];
    mode_t type = archive_entry_filetype(entry);
    if (!clean(archive_entry_pathname(entry), path))
        return refuse(job, "%s: the name leads out of the layer", archive_entry_pathname(entry));
    if (++job->entries > MAX_ENTRIES)
        return refuse(job, "the layer has more than %d entries", MAX_ENTRIES);
    if (strcmp(path, ".") == 0 || type == AE_IFCHR || type == AE_IFBLK)
        return 0;
    if (strncmp(last_part(path), whiteout_prefix, sizeof(whiteout_prefix) - 1) == 0)
        return make_parents(path) == 0 ? write_whiteout(job, path) : refuse(job, "%s: %s", path, strerror(errno));
    const char *link = archive_entry_hardlink(entry);
    if (link && !clean(link, target))
        return refuse(job, "%s: its link leads out of the layer", path);
    archive_entry_set_pathname(entry, path);
    if (link)
        archive_entry_set_hardlink(entry, target);
    drop_attributes(entry);
    return write_member(job, entry, path);
}

static int write_all(struct job *job)
{
    struct archive_entry *entry;
    for (;;) {
        int result = archive_read_next_header(job->in, &entry);
        if (result == ARCHIVE_EOF)
            return 0;
        if (result < ARCHIVE_WARN)
            return refuse(job, "the layer is broken: %s", archive_error_string(job->in));
        if (write_entry(job, entry) != 0)
            return -1;
    }
}

static int enter(const char *directory)
{
    if (chdir(directory) != 0)
        return -1;
    return geteuid() != 0 ? 0 : chroot(".");
}

static int flags(void)
{
    int common = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                 ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS | ARCHIVE_EXTRACT_UNLINK;
    return geteuid() == 0 ? common | ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_XATTR
                          : common | ARCHIVE_EXTRACT_SECURE_SYMLINKS;
}

int unpack_layer(int fd, const char *directory, char *why, size_t why_size)
{
    struct job job = {.in = archive_read_new(), .out = archive_write_disk_new(), .why = why, .why_size = why_size};
    struct stat st;
    job.archive_bytes = fstat(fd, &st) == 0 ? (long long)st.st_size : 0;
    int result = -1;
    archive_read_support_filter_gzip(job.in);
    archive_read_support_filter_zstd(job.in);
    archive_read_support_format_tar(job.in);
    archive_read_support_format_empty(job.in);
    archive_write_disk_set_options(job.out, flags());
    umask(022); /* for folders the archive only implies; its entries have the permissions it says */
    if (archive_read_open_fd(job.in, fd, READ_BYTES) != ARCHIVE_OK)
        refuse(&job, "the layer is no archive: %s", archive_error_string(job.in));
    else if (enter(directory) != 0)
        refuse(&job, "%s: %s", directory, strerror(errno));
    else
        result = write_all(&job);
    /* Directories get their times and permissions only now. */
    if (archive_write_close(job.out) < ARCHIVE_WARN && result == 0)
        result = refuse(&job, "%s", archive_error_string(job.out));
    archive_write_free(job.out);
    archive_read_free(job.in);
    return result;
}
