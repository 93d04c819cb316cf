/* Fuzzes jinja/lexer.h: any bytes become tokens with rising lines that end in T_EOF or
   T_ERROR. The first byte chooses the delimiters and the options. */
#include "jinja/lexer.h"
#include <stdint.h>
#include <stdlib.h>

static struct lexer_options options_by(uint8_t flags)
{
    struct lexer_options o = {
        .block_start = STR("{%"),
        .block_end = STR("%}"),
        .variable_start = STR("{{"),
        .variable_end = STR("}}"),
        .comment_start = STR("{#"),
        .comment_end = STR("#}"),
        .newline = flags & 1 ? STR("\r\n") : STR("\n"),
        .trim_blocks = (flags & 2) != 0,
        .lstrip_blocks = (flags & 4) != 0,
        .keep_trailing_newline = (flags & 8) != 0,
    };
    if (flags & 16) {
        o.line_statement = STR("#");
        o.line_comment = STR("##");
    }
    if (flags & 32) {
        o.block_start = STR("<%");
        o.block_end = STR("%>");
        o.variable_start = STR("<%=");
        o.variable_end = STR("%>");
        o.comment_start = STR("<!--");
        o.comment_end = STR("-->");
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena a = {0};
    struct token_list tokens;
    struct lexer_options o = options_by(data[0]);
    struct str source = {(const char *)data + 1, size - 1};
    if (lexer_run(&a, &o, source, &tokens)) {
        enum token_type last = tokens.items[tokens.n - 1].type;
        if (last != T_EOF && last != T_ERROR)
            abort();
        for (size_t i = 1; i + 1 < tokens.n; i++)
            if (tokens.items[i].line < tokens.items[i - 1].line)
                abort();
    }
    arena_free(&a);
    return 0;
}
