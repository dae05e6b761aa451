/* zip: deployment packages unpacked. Nothing gets out of the folder: neither by names nor through links. */
#include "services/lambda/zip.h"

#include "common/beneath.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/fdio.h"
#include "common/limits.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const int extract_flags =
    ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_UNLINK;

struct unpacking {
    struct archive *in, *out;
    const char *folder;
    struct buf path;   /* of the entry */
    struct buf parent; /* of the entry before, NUL-terminated when it is not empty */
    slice *why;
    int64_t bytes;
    size_t files;
};

static int refuse(struct unpacking *u, const char *why)
{
    *u->why = slice_of(why);
    return BAD_INPUT;
}

static int broken(struct unpacking *u)
{
    return refuse(u, "Could not unzip uploaded file. Please check your file, then try to upload again.");
}

/* Relative, without "..". */
static bool stays_inside(slice path)
{
    slice part;
    if (path.len == 0 || path.ptr[0] == '/')
        return false;
    while (path.ptr) {
        slice_cut(path, '/', &part, &path);
        if (slice_eq(part, S("..")))
            return false;
    }
    return true;
}

/* A link may go up as far as the root: counted from where it stands. */
static bool link_stays_inside(slice from, slice target)
{
    int depth = 0;
    slice part;
    if (target.len == 0 || target.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < from.len; i++)
        depth += from.ptr[i] == '/' && i > 0 && from.ptr[i - 1] != '/';
    while (target.ptr) {
        slice_cut(target, '/', &part, &target);
        if (slice_eq(part, S("..")))
            depth--;
        else if (part.len > 0 && !slice_eq(part, S(".")))
            depth++;
        if (depth < 0)
            return false;
    }
    return true;
}

/* Whoever runs the function is not who owns the files. */
static mode_t readable(mode_t type, mode_t mode)
{
    if (type == AE_IFDIR)
        return 0755;
    return (mode & 0777) ? ((mode & 0777) | 0444 | ((mode & 0111) ? 0111 : 0)) : 0644;
}

/* Folders that the archive only implies would be closed to whoever runs the function. What is in their way is left to
 * libarchive. */
static void make_parents(struct unpacking *u, slice path)
{
    struct buf *parent = &u->parent;
    if (slice_eq(path, slice_sub(buf_slice(parent), 0, parent->len > 0 ? parent->len - 1 : 0)))
        return;
    buf_clear(parent);
    buf_add(parent, path);
    buf_add_char(parent, '\0');
    __attribute__((cleanup(fdio_cleanup))) int root = open(u->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    __attribute__((cleanup(fdio_cleanup))) int made =
        root < 0 ? -1 : beneath_mkdirs(root, parent->ptr, 0755, NULL, NULL);
    (void)made;
}

static slice parent_of(slice path)
{
    while (path.len > 0 && path.ptr[path.len - 1] != '/')
        path.len--;
    return path;
}

static int copy_content(struct unpacking *u)
{
    const void *bytes;
    size_t size;
    la_int64_t offset;
    for (;;) {
        int result = archive_read_data_block(u->in, &bytes, &size, &offset);
        if (result == ARCHIVE_EOF)
            return 0;
        if (result < ARCHIVE_WARN)
            return broken(u);
        u->bytes += (int64_t)size;
        if (u->bytes > LIMIT_LAMBDA_UNZIPPED_BYTES)
            return refuse(u, "Unzipped size must be smaller than 262144000 bytes");
        if (archive_write_data_block(u->out, bytes, size, offset) < ARCHIVE_WARN)
            return archive_errno(u->out) > 0 ? -archive_errno(u->out) : -EIO;
    }
}

static int unpack_entry(struct unpacking *u, struct archive_entry *entry)
{
    slice path = slice_of(archive_entry_pathname(entry));
    slice link = slice_of(archive_entry_symlink(entry));
    mode_t type = archive_entry_filetype(entry);
    if (++u->files > LIMIT_LAMBDA_FILES)
        return refuse(u, "The uploaded file contains more than 100000 files.");
    if (!path.ptr || !stays_inside(path) || archive_entry_hardlink(entry) ||
        (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK) ||
        (type == AE_IFLNK && (!link.ptr || !link_stays_inside(path, link))))
        return broken(u);
    make_parents(u, parent_of(path));
    buf_clear(&u->path);
    buf_printf(&u->path, "%s/%.*s", u->folder, SLICE_ARG(path));
    buf_add_char(&u->path, '\0');
    archive_entry_copy_pathname(entry, u->path.ptr);
    if (type != AE_IFLNK)
        archive_entry_set_perm(entry, readable(type, archive_entry_perm(entry)));
    if (archive_write_header(u->out, entry) < ARCHIVE_WARN)
        return fdio_is_shortage(-archive_errno(u->out)) ? -archive_errno(u->out) : broken(u);
    TRY(type == AE_IFREG ? copy_content(u) : 0);
    return archive_write_finish_entry(u->out) < ARCHIVE_WARN ? -EIO : 0;
}

static int unpack_all(struct unpacking *u)
{
    struct archive_entry *entry;
    for (;;) {
        int result = archive_read_next_header(u->in, &entry);
        if (result == ARCHIVE_EOF)
            return u->files > 0 ? 0 : refuse(u, "Uploaded file must be a non-empty zip");
        if (result < ARCHIVE_WARN)
            return broken(u);
        TRY(unpack_entry(u, entry));
    }
}

int zip_unpack(slice zip, const char *folder, slice *why)
{
    struct unpacking u = {.why = why};
    char root[PATH_MAX];
    if (mkdir(folder, 0755) != 0 || !realpath(folder, root))
        return -errno;
    chmod(folder, 0755);
    u.folder = root;
    u.in = archive_read_new();
    u.out = archive_write_disk_new();
    archive_read_support_format_zip(u.in);
    archive_write_disk_set_options(u.out, extract_flags);
    int result = archive_read_open_memory(u.in, zip.ptr, zip.len) < ARCHIVE_WARN ? broken(&u) : unpack_all(&u);
    archive_read_free(u.in);
    if (archive_write_free(u.out) < ARCHIVE_WARN && result == 0)
        result = -EIO;
    buf_deinit(&u.path);
    buf_deinit(&u.parent);
    return result;
}
