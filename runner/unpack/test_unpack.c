/* Tests of awssim-unpack: layers as overlayfs wants them, and archives that try to reach out of their folder. */
#include "common/arena.h"
#include "common/fdio.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

enum { MANY = 100000, SIDE_BY_SIDE = 4 };

/* One member of an archive: of a link, content is where it leads. */
struct member {
    unsigned type;
    const char *name;
    const char *content;
    unsigned mode;
};

static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char *program;
static char dir[64];

static const char *path_of(const char *rest)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, rest);
    return path;
}

static const char *layer_path(const char *rest)
{
    char text[256];
    snprintf(text, sizeof(text), "layers/%s/%s", hex, rest);
    return path_of(text);
}

static void write_member(struct archive *archive, const struct member *member)
{
    struct archive_entry *entry = archive_entry_new();
    bool file = member->type == AE_IFREG && member->content;
    archive_entry_set_pathname(entry, member->name);
    archive_entry_set_mode(entry, member->type | (member->mode ? member->mode : 0755));
    archive_entry_set_uid(entry, getuid());
    archive_entry_set_gid(entry, getgid());
    archive_entry_set_size(entry, file ? (la_int64_t)strlen(member->content) : 0);
    if (member->type == AE_IFLNK)
        archive_entry_set_symlink(entry, member->content);
    if (member->type == 0) {
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_hardlink(entry, member->content);
    }
    if (member->type == AE_IFBLK)
        archive_entry_set_rdev(entry, makedev(8, 0));
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (file)
        archive_write_data(archive, member->content, strlen(member->content));
    archive_entry_free(entry);
}

static struct archive *begin_blob(void)
{
    struct archive *archive = archive_write_new();
    const char *path = path_of("blobs/01");
    assert_int_equal(fdio_mkdirs(path, 0755), 0);
    archive_write_set_format_pax_restricted(archive);
    archive_write_add_filter_gzip(archive);
    char name[512];
    snprintf(name, sizeof(name), "%s/%s", path, hex);
    assert_int_equal(archive_write_open_filename(archive, name), ARCHIVE_OK);
    return archive;
}

static void end_blob(struct archive *archive)
{
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}

static void make_blob(const struct member *members)
{
    struct archive *archive = begin_blob();
    for (; members->name; members++)
        write_member(archive, members);
    end_blob(archive);
}

static pid_t start(void)
{
    char blobs[512], layers[512], digits[sizeof(hex)], name[] = "awssim-unpack";
    char *argv[] = {name, blobs, layers, digits, NULL}, *envp[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    snprintf(blobs, sizeof(blobs), "%s/blobs", dir);
    snprintf(layers, sizeof(layers), "%s/layers", dir);
    memcpy(digits, hex, sizeof(hex));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, path_of("why"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, argv, envp), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int end(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int unpack(void)
{
    return end(start());
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/awssim-test-unpack-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    return mkdir(path_of("outside"), 0777);
}

static int teardown(void **state)
{
    (void)state;
    return fdio_remove_tree(dir);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Refused, with nothing left behind and nothing made outside. */
static void refused(const struct member *members, const char *why)
{
    slice text;
    struct arena *arena = arena_open();
    make_blob(members);
    assert_int_not_equal(unpack(), 0);
    assert_int_equal(fdio_read_file(arena, path_of("why"), 4096, &text), 0);
    if (slice_find(text, slice_of(why)) < 0)
        fail_msg("%s: %.*s", why, SLICE_ARG(text));
    arena_close(arena);
    assert_int_equal(rmdir(path_of("layers")), 0);
    assert_int_equal(rmdir(path_of("outside")), 0);
    assert_int_equal(mkdir(path_of("outside"), 0777), 0);
}

static void test_layer(void **state)
{
    const struct member members[] = {
        {AE_IFDIR, "./", NULL, 0},       {AE_IFDIR, "./bin", NULL, 0750},  {AE_IFREG, "./bin/a", "text", 04711},
        {0, "bin/b", "bin/a", 0},        {AE_IFLNK, "bin/c", "/bin/a", 0}, {AE_IFREG, "implied/deep/x", "y", 0666},
        {AE_IFBLK, "dev/disk", NULL, 0}, {AE_IFIFO, "pipe", NULL, 0},      {0}};
    struct stat a, b;
    char size[sizeof(hex) + 16];
    make_blob(members);
    assert_int_equal(unpack(), 0);
    assert_int_equal(stat(layer_path("bin/a"), &a), 0);
    assert_int_equal(stat(layer_path("bin/b"), &b), 0);
    assert_true(a.st_ino == b.st_ino && (a.st_mode & 0777) == 0711);
    assert_int_equal(stat(layer_path("bin"), &a), 0);
    assert_int_equal(a.st_mode & 07777, 0750);
    assert_int_equal(stat(layer_path("implied/deep"), &a), 0);
    assert_int_equal(a.st_mode & 07777, 0755);
    assert_int_equal(stat(layer_path("implied/deep/x"), &a), 0);
    assert_int_equal(a.st_mode & 07777, 0666);
    assert_false(exists(layer_path("dev/disk")));
    assert_true(exists(layer_path("pipe")));
    snprintf(size, sizeof(size), "layers/%s.size", hex);
    assert_true(exists(path_of(size)));
    assert_int_equal(unpack(), 0);
}

static void test_whiteouts(void **state)
{
    const struct member members[] = {
        {AE_IFREG, "a/.wh.gone", NULL, 0}, {AE_IFDIR, "b", NULL, 0}, {AE_IFREG, "b/.wh..wh..opq", NULL, 0}, {0}};
    struct stat st;
    char value;
    make_blob(members);
    assert_int_equal(unpack(), 0);
    assert_int_equal(lstat(layer_path("a/gone"), &st), 0);
    assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
    const char *attribute = geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
    assert_int_equal(getxattr(layer_path("b"), attribute, &value, 1), 1);
    assert_int_equal(value, 'y');
    assert_false(exists(layer_path("b/.wh..wh..opq")));
}

static void test_names_that_lead_out(void **state)
{
    refused((struct member[]){{AE_IFREG, "../../outside/x", "x", 0}, {0}}, "leads out");
    refused((struct member[]){{AE_IFREG, "a/../../../outside/x", "x", 0}, {0}}, "leads out");
    refused((struct member[]){{AE_IFREG, "/../outside/x", "x", 0}, {0}}, "leads out");
    refused((struct member[]){{AE_IFREG, "..", "x", 0}, {0}}, "leads out");
    refused((struct member[]){{0, "a", "../../blobs/01", 0}, {0}}, "leads out");
    refused((struct member[]){{0, "a", "/../etc/passwd", 0}, {0}}, "leads out");
    refused((struct member[]){{0, "a", "/etc/passwd", 0}, {0}}, "etc/passwd"); /* the layer has none */
}

/* As docker and containerd have them: absolute names begin at the layer's root. */
static void test_names_inside(void **state)
{
    const struct member members[] = {{AE_IFREG, path_of("outside/x"), "x", 0},
                                     {AE_IFREG, "/a/b", "text", 0},
                                     {0, "/a/hard", "/a/b", 0},
                                     {AE_IFREG, "/a/./c/../../d//e", "text", 0},
                                     {AE_IFDIR, "/a/..", NULL, 0},
                                     {AE_IFREG, "f/.wh...", NULL, 0},
                                     {0}};
    struct stat a, b;
    make_blob(members);
    assert_int_equal(unpack(), 0);
    assert_true(exists(layer_path(path_of("outside/x") + 1)));
    assert_int_equal(stat(layer_path("a/b"), &a), 0);
    assert_int_equal(stat(layer_path("a/hard"), &b), 0);
    assert_true(a.st_ino == b.st_ino);
    assert_true(exists(layer_path("d/e")));
    assert_int_equal(rmdir(path_of("outside")), 0);
    assert_int_equal(mkdir(path_of("outside"), 0777), 0);
}

/* Overlayfs is told nothing by an image. */
static void test_attributes(void **state)
{
    static const char *const names[] = {"trusted.overlay.redirect", "trusted.overlay.metacopy", "trusted.x",
                                        "user.overlay.redirect",    "user.overlay.opaque",      "user.kept"};
    struct archive *archive = begin_blob();
    struct archive_entry *entry = archive_entry_new();
    char value[16];
    archive_entry_set_pathname(entry, "a");
    archive_entry_set_mode(entry, AE_IFDIR | 0755);
    archive_entry_set_uid(entry, getuid());
    archive_entry_set_gid(entry, getgid());
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        archive_entry_xattr_add_entry(entry, names[i], "y", 1);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    archive_entry_free(entry);
    end_blob(archive);
    assert_int_equal(unpack(), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        bool kept = strcmp(names[i], "user.kept") == 0 && geteuid() == 0;
        assert_int_equal(getxattr(layer_path("a"), names[i], value, sizeof(value)), kept ? 1 : -1);
    }
}

/* A small archive that would fill the disk ends early; a large file of zeros alone is none. */
static void test_bombs(void **state)
{
    static char zeros[1024 * 1024];
    static const int mebibytes[] = {128, 600};
    for (size_t n = 0; n < sizeof(mebibytes) / sizeof(*mebibytes); n++) {
        struct archive *archive = begin_blob();
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, "zeros");
        archive_entry_set_mode(entry, AE_IFREG | 0644);
        archive_entry_set_uid(entry, getuid());
        archive_entry_set_gid(entry, getgid());
        archive_entry_set_size(entry, (la_int64_t)mebibytes[n] * (la_int64_t)sizeof(zeros));
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        for (int i = 0; i < mebibytes[n]; i++)
            assert_int_equal(archive_write_data(archive, zeros, sizeof(zeros)), sizeof(zeros));
        archive_entry_free(entry);
        end_blob(archive);
        assert_int_equal(unpack() == 0, n == 0);
        assert_int_equal(exists(layer_path("")), n == 0);
        fdio_remove_tree(path_of("layers"));
    }
}

/* Whatever becomes of the archive, nothing appears where its link leads. */
static void test_links_that_lead_out(void **state)
{
    static const char *const names[] = {"link/x", "link/.wh.x", "link/made/.wh.x"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        make_blob((struct member[]){{AE_IFLNK, "link", path_of("outside"), 0}, {AE_IFREG, names[i], "x", 0}, {0}});
        unpack();
        assert_int_equal(rmdir(path_of("outside")), 0);
        assert_int_equal(mkdir(path_of("outside"), 0777), 0);
        make_blob((struct member[]){{AE_IFLNK, "link", "../../outside", 0}, {AE_IFREG, names[i], "x", 0}, {0}});
        unpack();
        assert_int_equal(rmdir(path_of("outside")), 0);
        assert_int_equal(mkdir(path_of("outside"), 0777), 0);
        fdio_remove_tree(path_of("layers"));
    }
}

static void test_broken(void **state)
{
    char blob[512];
    refused((struct member[]){{AE_IFREG, "a/.wh.", NULL, 0}, {AE_IFREG, "../x", "x", 0}, {0}}, "layer sha256:");
    snprintf(blob, sizeof(blob), "%s/%s", path_of("blobs/01"), hex);
    assert_int_equal(fdio_replace_file(blob, S("no archive at all"), 0644), 0);
    assert_int_not_equal(unpack(), 0);
    make_blob((struct member[]){{AE_IFREG, "a", "some text of a file", 0}, {0}});
    assert_int_equal(truncate(blob, 60), 0);
    assert_int_not_equal(unpack(), 0);
    assert_false(exists(layer_path("")));
    assert_int_equal(unlink(blob), 0);
    assert_int_not_equal(unpack(), 0);
}

static void test_many(void **state)
{
    struct archive *archive = begin_blob();
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "d%d/f%d", i % 100, i);
        write_member(archive, &(struct member){AE_IFREG, name, NULL, 0644});
    }
    end_blob(archive);
    assert_int_equal(unpack(), 0);
    assert_true(exists(layer_path("d99/f99999")));
}

/* They share one unpacking, also after one that was killed in the middle. */
static void test_side_by_side(void **state)
{
    pid_t pids[SIDE_BY_SIDE];
    char left[256];
    make_blob((struct member[]){{AE_IFREG, "a", "text", 0}, {0}});
    snprintf(left, sizeof(left), "layers/.%s/half", hex);
    assert_int_equal(fdio_mkdirs(path_of(left), 0755), 0);
    for (int i = 0; i < SIDE_BY_SIDE; i++)
        pids[i] = start();
    for (int i = 0; i < SIDE_BY_SIDE; i++)
        assert_int_equal(end(pids[i]), 0);
    assert_true(exists(layer_path("a")));
    assert_false(exists(layer_path("half")));
    snprintf(left, sizeof(left), "layers/.%s", hex);
    assert_false(exists(path_of(left)));
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whiteouts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_that_lead_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bombs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_that_lead_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_side_by_side, setup, teardown),
    };
    if (argc != 2)
        return 2;
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
