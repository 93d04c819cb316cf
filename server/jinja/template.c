/* Compiling takes ten times the memory that its result does: the result is copied out. */
#include "jinja/template.h"

struct keeper {
    struct arena *to;
    bool is_exhausted;
};

static void *copy(struct keeper *k, const void *from, size_t n)
{
    void *p = arena_alloc(k->to, n ? n : 1);
    if (!p)
        k->is_exhausted = true;
    else if (n)
        memcpy(p, from, n);
    return p;
}

static struct str copy_str(struct keeper *k, struct str s)
{
    return s.p ? (struct str){copy(k, s.p, s.n), s.n} : s;
}

static struct code *copy_code(struct keeper *k, struct template *t,
                              const struct code *from)
{
    struct code *c = copy(k, from, sizeof *c);
    if (!c)
        return NULL;
    c->template = t;
    c->name = copy_str(k, from->name);
    c->words = copy(k, from->words, (size_t)from->n * sizeof *c->words);
    c->lines = copy(k, from->lines, (size_t)from->n * sizeof *c->lines);
    if (from->n_params && from->params)
        c->params = copy(k, from->params, (size_t)from->n_params * sizeof *c->params);
    return c;
}

static void copy_codes(struct keeper *k, struct template *t)
{
    struct code **codes = copy(k, t->codes, (size_t)t->n_codes * sizeof *codes);
    for (int i = 0; codes && i < t->n_codes; i++)
        codes[i] = copy_code(k, t, t->codes[i]);
    t->codes = codes;
    t->blocks = NULL;
    for (int i = 0; codes && !k->is_exhausted && i < t->n_codes; i++) {
        if (codes[i]->kind != CODE_BLOCK)
            continue;
        codes[i]->next_block = t->blocks;
        t->blocks = codes[i];
    }
}

bool template_keep(struct template *t)
{
    struct keeper k = {&t->arena, false};
    copy_codes(&k, t);
    t->texts = copy(&k, t->texts, (size_t)t->n_texts * sizeof *t->texts);
    for (int i = 0; t->texts && i < t->n_texts; i++)
        t->texts[i] = copy_str(&k, t->texts[i]);
    t->constants = copy(&k, t->constants, (size_t)t->n_constants * sizeof *t->constants);
    for (int i = 0; t->constants && i < t->n_constants; i++)
        t->constants[i].s = copy_str(&k, t->constants[i].s);
    arena_free(&t->work);
    return !k.is_exhausted;
}
