/* What a match costs in instructions: with 10,000 rules against 10, and with paths made
   to be slow at twice the length. Usage: route_count; it runs itself under valgrind's
   callgrind:

       valgrind --tool=callgrind --toggle-collect=measured route_count CASE RULES LENGTH

   and fails when more rules cost more than 1.2 times as much, or twice the length more
   than 2.3 times. `route_count --time` prints nanoseconds for each match instead. */
#include "route.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FEW = 10, MANY = 10000, MATCHES = 20, TIMED = 1000000 };

static struct arena arena;

static void add(struct route_map *map, const char *text, const char *host)
{
    const struct str get = STR("GET");
    struct route_options o = {.text = str_from(text),
                              .host = str_from(host),
                              .methods = &get,
                              .methods_n = 1,
                              .max_content_length = -1};
    struct fault fault;
    int earlier;
    if (route_map_add(map, NULL, &o, &earlier, &fault) < 0) {
        fprintf(stderr, "%s: %s\n", text, fault.message);
        exit(1);
    }
}

/* Rules of one shape, and a path that the middle one of them matches; %d is its number.
 */
static const struct shape {
    const char *name, *rule, *path;
    bool is_found;
} shapes[] = {
    {"static", "/page%d", "/page%d", true},
    {"int", "/page%d/<int:id>", "/page%d/42", true},
    {"string", "/user/<name>/page%d", "/user/ann/page%d", true},
    {"prefix", "/page%d-<int:id>", "/page%d-42", true},
    {"suffix", "/<name>.v%d", "/ann.v%d", true},
    {"path", "/files%d/<path:file>", "/files%d/a/b/c.txt", true},
    {"two", "/page%d/<int:y>-<m>.<ext>", "/page%d/2024-05.html", true},
    {"missing", "/page%d/<int:id>", "/none%d/42", false},
};

/* Rules and paths (a piece, repeated, and an end) that try to make matching slow: they
   fit almost, in many ways. */
static const struct attack {
    const char *name;
    const char *rules[4];
    const char *piece, *end;
} attacks[] = {
    {"slashes", {"/<path:a>/<path:b>/<int:c>/x", "/a/<path:d>/", "/<a>/<b>"}, "/", "/x"},
    {"paths",
     {"/<path:a>/<path:b>/<path:c>/<int:d>/x", "/<path:a>/a/<path:b>/z"},
     "/a",
     "/x"},
    {"dashes", {"/<a>-<b>-<c>-<d>-<e>-<int:f>x", "/<a>--<int:b>--<c>x"}, "-", "x"},
    {"digits", {"/<int:a><int:b><int:c>-<d>x", "/<int:a>-<e><int:b>x"}, "1", "x"},
    {"floats", {"/<float:a>.<float:b>.<float:c>-<d>x", "/<float:a>1<b>-<c>x"}, "1.", "x"},
    {"words",
     {"/<any(a, aa):a><any(aa, a):b><c>-<d>x", "/<any(a):a>a<int:b>x"},
     "a",
     "x"},
    {"doubled", {"/a/b/c", "/<a>/<b>/c/<path:d>/<int:e>/x"}, "/%41//", "/x"},
};

static struct route_map *make_shape(const struct shape *s, int rules, char *path)
{
    struct route_map *map = route_map_new();
    char text[100];
    for (int i = 0; i < rules; i++) {
        snprintf(text, sizeof text, s->rule, 10000 + i); /* names of one length */
        add(map, text, NULL);
    }
    sprintf(path, s->path, 10000 + rules / 2);
    return map;
}

static struct route_map *make_attack(const struct attack *a, int length, char *path)
{
    struct route_map *map = route_map_new();
    for (int i = 0; i < 4 && a->rules[i]; i++)
        add(map, a->rules[i], NULL);
    size_t piece = strlen(a->piece), n = 0;
    path[n++] = '/';
    path[n++] = 'a';
    while (n + piece <= (size_t)length) {
        memcpy(path + n, a->piece, piece);
        n += piece;
    }
    strcpy(path + n, a->end);
    return map;
}

static struct route_map *make(const char *name, int rules, int length, char *path,
                              bool *is_found)
{
    *is_found = false;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(shapes[i].name, name) == 0) {
            *is_found = shapes[i].is_found;
            return make_shape(&shapes[i], rules, path);
        }
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (strcmp(attacks[i].name, name) == 0)
            return make_attack(&attacks[i], length, path);
    fprintf(stderr, "no case %s\n", name);
    exit(2);
}

static void match(struct route_map *map, const char *path, bool is_found, int times)
{
    const struct route_request q = {.path = str_from(path),
                                    .method = STR("GET"),
                                    .scheme = STR("http"),
                                    .host = STR("localhost")};
    struct route_result result;
    struct fault fault;
    for (int i = 0; i < times; i++) {
        enum route_outcome outcome = route_match(map, &q, &arena, &result, &fault);
        if (outcome != ROUTE_FOUND && is_found) {
            fprintf(stderr, "%s was not found\n", path);
            exit(1);
        }
        arena_reset(&arena);
    }
}

/* What is counted. */
__attribute__((noinline, noclone)) void measured(struct route_map *map, const char *path,
                                                 bool is_found)
{
    match(map, path, is_found, MATCHES);
}

/* The first match makes what is made once. */
static int run_case(const char *name, int rules, int length)
{
    static char path[100000];
    bool is_found;
    struct route_map *map = make(name, rules, length, path, &is_found);
    match(map, path, is_found, 1);
    measured(map, path, is_found);
    route_map_free(map);
    arena_free(&arena);
    return 0;
}

/* Instructions for one match, by callgrind; -1 without valgrind. */
static int64_t count(const char *self, const char *name, int rules, int length)
{
    char command[1000], line[300];
    int64_t counted = -1;
    snprintf(command, sizeof command,
             "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
             "--toggle-collect=measured '%s' %s %d %d 2>&1",
             self, name, rules, length);
    FILE *out = popen(command, "r");
    while (out && fgets(line, sizeof line, out)) {
        const char *at = strstr(line, "Collected : ");
        if (at)
            counted = strtoll(at + 12, NULL, 10) / MATCHES;
    }
    if (out)
        pclose(out);
    return counted;
}

static int compare(const char *self, const char *name, const char *what, int rules[2],
                   int lengths[2], double most)
{
    int64_t a = count(self, name, rules[0], lengths[0]);
    int64_t b = count(self, name, rules[1], lengths[1]);
    double ratio = a > 0 ? (double)b / (double)a : 0;
    bool is_good = a > 0 && b > 0 && ratio <= most;
    printf("%-8s %9" PRId64 " %9" PRId64 " instructions, %s: %.2f times%s\n", name, a, b,
           what, ratio, is_good ? "" : "  FAILED");
    return is_good ? 0 : 1;
}

static int compare_all(const char *self)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        failed += compare(self, shapes[i].name, "10 and 10000 rules", (int[]){FEW, MANY},
                          (int[]){0, 0}, 1.2);
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        failed += compare(self, attacks[i].name, "4000 and 8000 bytes", (int[]){0, 0},
                          (int[]){4000, 8000}, 2.3);
    return failed != 0;
}

static double nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void time_case(const char *name, int rules, int length, int times)
{
    static char path[100000];
    bool is_found;
    struct route_map *map = make(name, rules, length, path, &is_found);
    match(map, path, is_found, 1);
    double start = nanoseconds();
    match(map, path, is_found, times);
    printf("%-8s %6d rules %9.0f ns\n", name, rules, (nanoseconds() - start) / times);
    route_map_free(map);
}

static int time_all(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        time_case(shapes[i].name, FEW, 0, TIMED);
        time_case(shapes[i].name, MANY, 0, TIMED);
    }
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        time_case(attacks[i].name, 0, 8000, TIMED / 10000);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return run_case(argv[1], atoi(argv[2]), atoi(argv[3]));
    if (argc == 2 && strcmp(argv[1], "--time") == 0)
        return time_all();
    if (system("valgrind --version >/dev/null 2>&1") != 0) {
        printf("route_count: valgrind is not installed, nothing was counted\n");
        return 0;
    }
    return compare_all(argv[0]);
}
