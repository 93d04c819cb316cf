/* Fuzzes jinja/parser.h and jinja/compiler.h: any bytes become code, or an error with a
   line and a message. The first byte chooses extensions and autoescape. */
#include "jinja/compiler.h"
#include "jinja/lexer.h"
#include "jinja/template.h"
#include <stdint.h>
#include <stdlib.h>

/* Filters and tests exist when their names are not too long. */
static bool has_name(void *context, struct str name)
{
    (void)context;
    return name.n < 8;
}

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void compile(struct template *t, const struct parser_options *po,
                    bool is_autoescaped)
{
    static const struct lexer_options lo = {
        .block_start = {"{%", 2},
        .block_end = {"%}", 2},
        .variable_start = {"{{", 2},
        .variable_end = {"}}", 2},
        .comment_start = {"{#", 2},
        .comment_end = {"#}", 2},
        .newline = {"\n", 1},
    };
    struct compiler_names names = {has_name, has_name, NULL};
    struct token_list tokens;
    struct parser_error error;
    if (!lexer_run(&t->work, &lo, t->source, &tokens))
        return;
    struct node *root = parser_run(&t->work, po, &tokens, &error);
    if (root && compiler_run(t, root, is_autoescaped, &names, &error))
        check(template_keep(t) && t->n_codes > 0 && t->codes[0]->n > 0);
    else
        check(error.line > 0 && error.message.p && error.message.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t flags = data[0];
    struct template t = {.source = {(const char *)data + 1, size - 1}};
    struct parser_options po = {(flags & 1) != 0, (flags & 2) != 0,  (flags & 4) != 0,
                                (flags & 8) != 0, (flags & 16) != 0, (flags & 32) != 0};
    compile(&t, &po, (flags & 64) != 0);
    arena_free(&t.arena);
    arena_free(&t.work);
    return 0;
}
