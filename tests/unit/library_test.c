/* Libraries out of private copies: built here by cc, overwritten, replaced, broken. */
#include "library.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

static char folder[] = "/tmp/cflask-library-XXXXXX", path[64];

/* Writes the library whose number() gives that number over the old one. */
static void build(int number)
{
    char command[512];
    snprintf(
        command, sizeof command,
        "cd %s && echo 'static int n = %d; int number(void *L) { (void)L; return n++; "
        "}' > x.c && ${CC:-cc} -shared -fPIC x.c -o new.so && cat new.so > x.so",
        folder, number);
    assert_int_equal(system(command), 0);
}

static int count_descriptors(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int number_of(struct library **list)
{
    char error[256] = "";
    lua_CFunction number = library_find(list, path, "number", error, sizeof error);
    if (!number)
        fail_msg("%s", error);
    return number(NULL);
}

static void overwriting_changes_nothing_that_runs(void **state)
{
    struct library *old = NULL, *new = NULL;
    int before = count_descriptors();
    (void)state;
    build(10);
    assert_int_equal(number_of(&old), 10);
    build(20);
    assert_int_equal(number_of(&old), 11);
    assert_int_equal(number_of(&new), 20);
    assert_int_equal(number_of(&old), 12);
    libraries_close(&old);
    assert_int_equal(number_of(&new), 21);
    libraries_close(&new);
    assert_null(new);
    assert_int_equal(count_descriptors(), before);
}

static void each_list_has_its_own_statics(void **state)
{
    struct library *a = NULL, *b = NULL;
    (void)state;
    build(1);
    assert_int_equal(number_of(&a), 1);
    assert_int_equal(number_of(&a), 2);
    assert_int_equal(number_of(&b), 1);
    libraries_close(&a);
    libraries_close(&b);
    for (int i = 0; i < 20; i++) { /* descriptors' numbers come again */
        build(i);
        assert_int_equal(number_of(&a), i);
        libraries_close(&a);
    }
}

static void fails(const char *file, const char *symbol, const char *wanted)
{
    struct library *list = NULL;
    char error[256] = "";
    int before = count_descriptors();
    assert_null(library_find(&list, file, symbol, error, sizeof error));
    if (!strstr(error, file) || !strstr(error, wanted))
        fail_msg("%s: not \"%s\"", error, wanted);
    libraries_close(&list);
    assert_int_equal(count_descriptors(), before);
}

static void what_can_not_be_loaded_is_named(void **state)
{
    (void)state;
    build(1);
    fails("/no/such.so", "number", "No such file");
    fails(path, "another", "it has no function another");
    FILE *file = fopen(path, "w");
    fputs("this is no library, though it is long enough to be looked at: an ELF header "
          "has 64 bytes",
          file);
    fclose(file);
    fails(path, "number", "invalid ELF header");
    fails(folder, "number", "");
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/x.so", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overwriting_changes_nothing_that_runs),
        cmocka_unit_test(each_list_has_its_own_statics),
        cmocka_unit_test(what_can_not_be_loaded_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
