/* Filters, tests, functions and methods that are written in C. */
#ifndef JINJA_BUILTIN_H
#define JINJA_BUILTIN_H

#include "base/lua_compat.h"
#include <stdbool.h>

struct machine;

enum builtin_result {
    BUILTIN_DONE, /* the result is the top value */
    BUILTIN_CALL  /* machine_call has prepared a call of Lua; run comes again with its
                     result  on top and the next machine_phase */
};

enum builtin_flags {
    BUILTIN_VARARGS = 1, /* after the parameters: a list of the other arguments */
    BUILTIN_KWARGS = 2,  /* after that: a dict of the other keyword arguments */
    BUILTIN_LAZY = 4, /* as a filter gives a generator, run when that is gone through */
    BUILTIN_RAW = 8   /* takes a generator or an object as it is */
};

/* run finds its parameters at base, base + 1, ...; those not given are nil. */
struct builtin {
    const char *name;
    int (*run)(struct machine *m, int base);
    int n_required, n_params;
    unsigned flags;
    const char *params; /* their names, with spaces between */
};

/* The tables, each ended by a NULL name. */
extern const struct builtin builtin_filters_text[], builtin_filters_html[],
    builtin_filters_list[], builtin_filters_number[], builtin_filters_group[],
    builtin_filters_format[], builtin_tests[], builtin_functions[], builtin_str_methods[],
    builtin_list_methods[], builtin_dict_methods[], builtin_other_methods[],
    builtin_internals[];

/* Whether the pointer is to one of them. */
bool builtin_is(const void *p);

/* The one with that name in a table, or NULL. */
const struct builtin *builtin_find(const struct builtin *table, const char *name,
                                   size_t n);

#endif
