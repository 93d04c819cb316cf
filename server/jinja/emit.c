/* Instructions, and how compiling fails. */
#include "jinja/compile.h"
#include <stdarg.h>
#include <stdio.h>

void compile_fail(struct compiler *c, const char *type, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->error.type = type;
    c->error.line = line;
    c->error.message = arena_copy(c->a, str_from(text));
    longjmp(c->fail, 1);
}

void *compile_alloc(struct compiler *c, size_t n)
{
    void *p = arena_alloc(c->a, n);
    if (!p)
        longjmp(c->fail, 1);
    memset(p, 0, n);
    return p;
}

enum { MAX_OPERAND = 0x7fffff };

void emit_word(struct compiler *c, struct unit *u, uint32_t w)
{
    struct code *code = u->code;
    if (code->n == u->cap) {
        int cap = u->cap ? u->cap * 2 : 64;
        uint32_t *words = compile_alloc(c, (size_t)cap * sizeof *words);
        int *lines = compile_alloc(c, (size_t)cap * sizeof *lines);
        if (code->n) {
            memcpy(words, code->words, (size_t)code->n * sizeof *words);
            memcpy(lines, code->lines, (size_t)code->n * sizeof *lines);
        }
        code->words = words;
        code->lines = lines;
        u->cap = cap;
    }
    if (code->n >= MAX_OPERAND)
        compile_fail(c, "TemplateSyntaxError", c->line, "the template is too large");
    code->lines[code->n] = c->line;
    code->words[code->n++] = w;
}

void emit(struct compiler *c, struct unit *u, enum op op, int a, int push)
{
    u->pushes += push;
    if (u->pushes > u->code->n_stack)
        u->code->n_stack = u->pushes;
    emit_word(c, u, (uint32_t)op | (uint32_t)a << 8);
}

int emit_jump(struct compiler *c, struct unit *u, enum op op, int push)
{
    emit(c, u, op, 0, push);
    return u->code->n - 1;
}

void patch_to(struct unit *u, int place, int target)
{
    uint32_t *w = &u->code->words[place];
    *w = (*w & 0xff) | (uint32_t)target << 8;
}

void patch_here(struct unit *u, int place)
{
    patch_to(u, place, u->code->n);
}
