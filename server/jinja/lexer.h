/* Cuts a template's source into tokens, by Jinja's rules for delimiters and white space.
 */
#ifndef JINJA_LEXER_H
#define JINJA_LEXER_H

#include "base/arena.h"
#include "base/str.h"
#include <stdint.h>

enum token_type {
    T_DATA, /* text between tags, newlines normalised */
    T_BLOCK_BEGIN,
    T_BLOCK_END,
    T_VARIABLE_BEGIN,
    T_VARIABLE_END,
    T_NAME,
    T_INTEGER,
    T_FLOAT,
    T_STRING, /* text: unescaped */
    T_EOF,
    T_ERROR, /* text: the message; the last token */
    T_ADD,
    T_ASSIGN,
    T_COLON,
    T_COMMA,
    T_DIV,
    T_DOT,
    T_EQ,
    T_FLOORDIV,
    T_GT,
    T_GTEQ,
    T_LBRACE,
    T_LBRACKET,
    T_LPAREN,
    T_LT,
    T_LTEQ,
    T_MOD,
    T_MUL,
    T_NE,
    T_PIPE,
    T_POW,
    T_RBRACE,
    T_RBRACKET,
    T_RPAREN,
    T_SEMICOLON,
    T_SUB,
    T_TILDE
};

struct token {
    enum token_type type;
    int line; /* of its first character, from 1 */
    struct str text;
    union {
        int64_t integer;
        double number;
    } value;
};

/* The environment's options that the lexer needs. Empty prefixes are switched off. */
struct lexer_options {
    struct str block_start, block_end;
    struct str variable_start, variable_end;
    struct str comment_start, comment_end;
    struct str line_statement, line_comment;
    struct str newline; /* what a newline in text becomes */
    bool trim_blocks, lstrip_blocks, keep_trailing_newline;
};

struct token_list {
    struct token *items;
    size_t n, cap;
};

/* Cuts all of source. The tokens and their texts come from the arena; the list ends with
   T_EOF or with T_ERROR (whose text is Jinja's message: the parser raises it when it gets
   there, as Jinja's lexer is lazy). false when memory is out. Linear in the source's
   length. */
bool lexer_run(struct arena *a, const struct lexer_options *o, struct str source,
               struct token_list *out);

/* What Jinja calls a kind of token in its messages: "end of print statement", "integer".
 */
const char *lexer_type_name(enum token_type t);

#endif
