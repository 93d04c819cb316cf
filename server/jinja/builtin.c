/* The tables of what is written in C. */
#include "jinja/builtin.h"
#include <pthread.h>
#include <string.h>

static const struct builtin *const tables[] = {
    builtin_filters_text,   builtin_filters_html,  builtin_filters_list,
    builtin_filters_number, builtin_filters_group, builtin_filters_format,
    builtin_tests,          builtin_functions,     builtin_str_methods,
    builtin_list_methods,   builtin_dict_methods,  builtin_other_methods,
    builtin_internals,
};

enum { N_TABLES = sizeof tables / sizeof *tables };

/* Where each table ends; found once. */
static const struct builtin *ends[N_TABLES];
static pthread_once_t ends_once = PTHREAD_ONCE_INIT;

static void find_ends(void)
{
    for (int i = 0; i < N_TABLES; i++) {
        const struct builtin *b = tables[i];
        while (b->name)
            b++;
        ends[i] = b;
    }
}

bool builtin_is(const void *p)
{
    pthread_once(&ends_once, find_ends);
    for (int i = 0; i < N_TABLES; i++)
        if ((const char *)p >= (const char *)tables[i] &&
            (const char *)p < (const char *)ends[i])
            return true;
    return false;
}

const struct builtin *builtin_find(const struct builtin *table, const char *name,
                                   size_t n)
{
    for (; table->name; table++)
        if (n && table->name[0] == name[0] && strlen(table->name) == n &&
            memcmp(table->name, name, n) == 0)
            return table;
    return NULL;
}
