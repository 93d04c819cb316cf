/* Names beneath a folder, and a real tree with links inside and out of it: opened by
   openat2 and by the walk that stands in for it. */
#include "open_beneath.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

/* ---- names ---- */

static void a_name_is_normalized(void **state)
{
    static const struct {
        const char *path, *name; /* NULL: refused */
    } rows[] = {
        {"a", "a"},
        {"a/b/c.txt", "a/b/c.txt"},
        {"./a/./b", "a/b"},
        {"a//b/", "a/b"},
        {"a/../b", "b"},
        {"a/b/../../c", "c"},
        {"a/..b/...", "a/..b/..."},
        {"a\\..\\b", "a\\..\\b"},
        {"", NULL},
        {".", NULL},
        {"./", NULL},
        {"a/..", NULL},
        {"..", NULL},
        {"../a", NULL},
        {"a/../../a", NULL},
        {"a/b/../../../c", NULL},
        {"/", NULL},
        {"/a", NULL},
        {"//a", NULL},
    };
    char out[PATH_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool is_fine = open_beneath_normalize(str_from(rows[i].path), out);
        assert_int_equal(is_fine, rows[i].name != NULL);
        if (is_fine)
            assert_string_equal(out, rows[i].name);
    }
}

static void a_name_has_no_nul(void **state)
{
    char out[PATH_MAX];
    (void)state;
    assert_false(open_beneath_normalize(STR("a\0b"), out));
    assert_false(open_beneath_normalize(STR("\0"), out));
    assert_false(open_beneath_normalize(STR("a\0/../b"), out));
}

static void a_name_is_shorter_than_path_max(void **state)
{
    char path[PATH_MAX + 1], out[PATH_MAX];
    (void)state;
    memset(path, 'a', sizeof path);
    assert_true(open_beneath_normalize((struct str){path, PATH_MAX - 1}, out));
    assert_int_equal(strlen(out), PATH_MAX - 1);
    assert_false(open_beneath_normalize((struct str){path, PATH_MAX}, out));
    assert_false(open_beneath_normalize((struct str){path, PATH_MAX + 1}, out));
}

static void a_segment_may_be_hidden(void **state)
{
    (void)state;
    assert_false(open_beneath_is_hidden("a/b.c/d."));
    assert_false(open_beneath_is_hidden(".well-known/a"));
    assert_false(open_beneath_is_hidden("a/.well-known"));
    assert_true(open_beneath_is_hidden(".a"));
    assert_true(open_beneath_is_hidden("a/.b/c"));
    assert_true(open_beneath_is_hidden(".well-known/.a"));
    assert_true(open_beneath_is_hidden(".well-known2"));
    assert_true(open_beneath_is_hidden(".Well-Known"));
}

/* ---- files ---- */

static char tree[] = "/tmp/open_beneath_XXXXXX";
static char root[64], away[64];

static int make_file(const char *name)
{
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    return fd < 0 || write(fd, name, strlen(name)) < 0 || close(fd);
}

static int make_tree(void **state)
{
    char inside[128], outside[128];
    (void)state;
    if (!mkdtemp(tree) || chdir(tree) < 0)
        return -1;
    snprintf(root, sizeof root, "%s/root", tree);
    snprintf(away, sizeof away, "%s/root2", tree);
    snprintf(inside, sizeof inside, "%s/d/f", root);
    snprintf(outside, sizeof outside, "%s/f", away);
    return mkdir("root", 0700) || mkdir("root/d", 0700) || mkdir("root2", 0700) ||
           make_file("root/f") || make_file("root/d/f") || make_file("root2/f") ||
           mkfifo("root/fifo", 0600) || symlink("d/f", "root/in") ||
           symlink("../root2/f", "root/out") || symlink("d", "root/dir") ||
           symlink("../root2", "root/outdir") || symlink("../../root2/f", "root/d/out") ||
           symlink("loop", "root/loop") || symlink("none", "root/dangling") ||
           symlink(inside, "root/abs_in") || symlink(outside, "root/abs_out") ||
           symlink("out", "root/twice") || symlink("root", "link_to_root");
}

static int drop_tree(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", tree);
    return chdir("/") || system(command);
}

static void check_opens(int (*opener)(const char *, const char *), const char *path)
{
    int fd = opener(root, path);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void check_refuses(int (*opener)(const char *, const char *), const char *path,
                          int error)
{
    errno = 0;
    assert_int_equal(opener(root, path), -1);
    assert_int_equal(errno, error);
}

static void check_tree(int (*opener)(const char *, const char *))
{
    static const char *const inside[] = {"f",      "d/f", "in",  "dir/f",
                                         "abs_in", "d",   "fifo"};
    static const char *const outside[] = {"out",     "outdir/f", "outdir", "d/out",
                                          "abs_out", "twice",    "dir/out"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        check_opens(opener, inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        check_refuses(opener, outside[i], EXDEV);
    check_refuses(opener, "none", ENOENT);
    check_refuses(opener, "d/none", ENOENT);
    check_refuses(opener, "dangling", ENOENT);
    check_refuses(opener, "f/x", ENOTDIR);
    check_refuses(opener, "loop", ELOOP);
}

static void only_what_lies_beneath_opens(void **state)
{
    (void)state;
    check_tree(open_beneath);
}

static void without_openat2_the_same_opens(void **state)
{
    (void)state;
    check_tree(open_resolved);
}

static void the_folder_may_be_a_link(void **state)
{
    char link[64];
    (void)state;
    snprintf(link, sizeof link, "%s/link_to_root", tree);
    for (int i = 0; i < 2; i++) {
        int fd = (i ? open_resolved : open_beneath)(link, "abs_in");
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal((i ? open_resolved : open_beneath)(link, "out"), -1);
    }
}

static void the_folder_must_be_one(void **state)
{
    char file[80];
    (void)state;
    snprintf(file, sizeof file, "%s/f", root);
    assert_int_equal(open_beneath(file, "f"), -1);
    assert_int_equal(open_beneath("/nowhere", "f"), -1);
    assert_int_equal(open_beneath("", "f"), -1);
}

/* A link that takes a folder's place behind the resolution is not followed. */
static void the_walk_follows_no_link(void **state)
{
    (void)state;
    assert_int_equal(walk(open(root, PASSING), "dir/f"), -1);
    assert_int_equal(walk(open(root, PASSING), "in"), -1);
    assert_int_equal(errno, ELOOP);
}

static void no_descriptor_is_left(void **state)
{
    (void)state;
    int before = dup(0);
    close(before);
    only_what_lies_beneath_opens(state);
    without_openat2_the_same_opens(state);
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_normalized),
        cmocka_unit_test(a_name_has_no_nul),
        cmocka_unit_test(a_name_is_shorter_than_path_max),
        cmocka_unit_test(a_segment_may_be_hidden),
        cmocka_unit_test(only_what_lies_beneath_opens),
        cmocka_unit_test(without_openat2_the_same_opens),
        cmocka_unit_test(the_folder_may_be_a_link),
        cmocka_unit_test(the_folder_must_be_one),
        cmocka_unit_test(the_walk_follows_no_link),
        cmocka_unit_test(no_descriptor_is_left),
    };
    return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
