/* A part with one variable is text, value, text: two comparisons. One with several is
   matched without backtracking: going from the last piece to the first, a table notes for
   each place in the text whether the pieces from here on fit there; then, from the first
   piece on, each takes the best place of which the table says that the rest will fit. */
#include "segment.h"

#include <stdlib.h>

enum {
    KEPT_SCRATCH = 16 * 1024, /* entries that stay between matches */
    FREE_TRIES = 32 * 1024, /* what trying own converters may cost, in bytes looked at */
    TRIES_PER_CODE_POINT = 32, /* ... and this for each code point of the text */
    COST_OF_TRY = 16
};

#define NONE UINT32_MAX

/* Places count code points: a value never ends within one. */
struct table {
    struct str text;
    uint32_t n;             /* code points */
    const uint32_t *offset; /* of each place, in bytes; n + 1 of them */
    const uint32_t *digits; /* where the digits that begin here end (here: none) */
    const uint32_t *slash;  /* the first slash from here on, or n */
    const uint32_t *line;   /* the first newline from here on, or n */
    const struct rule_piece *pieces; /* the first and the last are variables */
    size_t pieces_n;
    /* fits[j]: for each place the nearest one, upwards when pieces[j-1] takes as little
       as it can, else downwards, at which the pieces from j on fit; NONE when there is
       none. */
    uint32_t *fits;
    struct converter_lua *lua;
    struct str *captures;
    size_t budget;
    bool has_own;
};

static uint32_t *fits_of(const struct table *t, size_t piece)
{
    return t->fits + piece * (t->n + 1);
}

static bool is_lazy(const struct rule_piece *p)
{
    return p->converter && p->converter->kind == CONVERTER_PATH;
}

static bool do_fit(const struct table *t, size_t piece, uint32_t at)
{
    return at <= t->n && fits_of(t, piece)[at] == at;
}

static struct str between(const struct table *t, uint32_t from, uint32_t to)
{
    return (struct str){t->text.p + t->offset[from], t->offset[to] - t->offset[from]};
}

static char byte_at(const struct table *t, uint32_t at)
{
    return at < t->n ? t->text.p[t->offset[at]] : '\0';
}

static uint32_t code_points(struct str s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Where the word ends that stands at this place, or NONE. */
static uint32_t end_of_word(const struct table *t, uint32_t at, struct str word)
{
    struct str rest = str_skip(t->text, t->offset[at]);
    return str_starts(rest, word) ? at + code_points(word) : NONE;
}

/* The greatest end up to `high`, and below the one tried before, from `low` on. */
static uint32_t greedy(const struct table *t, size_t piece, uint32_t low, uint32_t high,
                       uint32_t before)
{
    if (before != NONE && before == 0)
        return NONE;
    if (before != NONE && before - 1 < high)
        high = before - 1;
    uint32_t end = low <= high && high <= t->n ? fits_of(t, piece + 1)[high] : NONE;
    return end != NONE && end >= low ? end : NONE;
}

static uint32_t end_of_string(const struct table *t, size_t piece, uint32_t at,
                              uint32_t before)
{
    const struct converter *c = t->pieces[piece].converter;
    if (c->min_length > t->n - at)
        return NONE;
    uint32_t high = t->slash[at];
    if (c->max_length < high - at)
        high = at + (uint32_t)c->max_length;
    return greedy(t, piece, at + (uint32_t)c->min_length, high, before);
}

static uint32_t end_of_int(const struct table *t, size_t piece, uint32_t at,
                           uint32_t before)
{
    const struct converter *c = t->pieces[piece].converter;
    uint32_t start = at + (c->is_signed && byte_at(t, at) == '-');
    uint32_t low = start + 1, high = t->digits[start];
    if (c->fixed_digits) {
        if (c->fixed_digits > t->n - at || at + c->fixed_digits < low)
            return NONE;
        low = at + (uint32_t)c->fixed_digits;
        high = low < high ? low : high;
    }
    return greedy(t, piece, low, high, before);
}

static uint32_t end_of_float(const struct table *t, size_t piece, uint32_t at,
                             uint32_t before)
{
    const struct converter *c = t->pieces[piece].converter;
    uint32_t start = at + (c->is_signed && byte_at(t, at) == '-');
    uint32_t dot = t->digits[start];
    if (dot == start || byte_at(t, dot) != '.')
        return NONE;
    return greedy(t, piece, dot + 2, t->digits[dot + 1], before);
}

/* As little as fits: Python's `[^/].*?`, whose dot takes no newline. */
static uint32_t end_of_path(const struct table *t, size_t piece, uint32_t at,
                            uint32_t before)
{
    if (at == t->n || byte_at(t, at) == '/')
        return NONE;
    uint32_t low = before == NONE ? at + 1 : before + 1;
    uint32_t end = low <= t->n ? fits_of(t, piece + 1)[low] : NONE;
    return end != NONE && end <= t->line[at + 1] ? end : NONE;
}

/* The first word in their order that fits, behind the one tried before. */
static uint32_t end_of_any(const struct table *t, size_t piece, uint32_t at,
                           uint32_t before)
{
    const struct converter *c = t->pieces[piece].converter;
    bool is_past = before == NONE;
    for (size_t i = 0; i < c->words_n; i++) {
        uint32_t end = end_of_word(t, at, c->words[i]);
        if (is_past && end != NONE && end != before && do_fit(t, piece + 1, end))
            return end;
        is_past = is_past || end == before;
    }
    return NONE;
}

static uint32_t end_of_uuid(const struct table *t, size_t piece, uint32_t at)
{
    struct str rest = str_skip(t->text, t->offset[at]);
    rest.n = rest.n > 36 ? 36 : rest.n;
    return do_fit(t, piece + 1, at + 36) && converter_is_uuid(rest) ? at + 36 : NONE;
}

static uint32_t end_of_text(const struct table *t, size_t piece, uint32_t at)
{
    uint32_t end = end_of_word(t, at, t->pieces[piece].text);
    return end != NONE && do_fit(t, piece + 1, end) ? end : NONE;
}

/* Where the piece may end that begins at `at`: the best end after the one tried before
   (NONE: the very best). */
static uint32_t end_of_piece(const struct table *t, size_t piece, uint32_t at,
                             uint32_t before)
{
    const struct converter *c = t->pieces[piece].converter;
    if (!c)
        return before == NONE ? end_of_text(t, piece, at) : NONE;
    switch (c->kind) {
    case CONVERTER_STRING:
        return end_of_string(t, piece, at, before);
    case CONVERTER_INT:
        return end_of_int(t, piece, at, before);
    case CONVERTER_FLOAT:
        return end_of_float(t, piece, at, before);
    case CONVERTER_PATH:
        return end_of_path(t, piece, at, before);
    case CONVERTER_ANY:
        return end_of_any(t, piece, at, before);
    case CONVERTER_UUID:
        return before == NONE ? end_of_uuid(t, piece, at) : NONE;
    default: /* an own one may take anything: it is asked when the ends are chosen */
        return greedy(t, piece, at, c->takes_slash ? t->n : t->slash[at], before);
    }
}

/* fits[piece] at first says for each place whether it fits; this makes it the nearest. */
static void spread(const struct table *t, size_t piece)
{
    uint32_t *fits = fits_of(t, piece), nearest = NONE;
    bool is_upwards = piece && is_lazy(&t->pieces[piece - 1]);
    for (uint32_t i = 0; i <= t->n; i++) {
        uint32_t at = is_upwards ? t->n - i : i;
        if (fits[at] != NONE)
            nearest = at;
        fits[at] = nearest;
    }
}

static void fill_fits(const struct table *t)
{
    uint32_t *last = fits_of(t, t->pieces_n);
    for (uint32_t at = 0; at <= t->n; at++)
        last[at] = at == t->n ? at : NONE;
    spread(t, t->pieces_n);
    for (size_t piece = t->pieces_n; piece-- > 0;) {
        uint32_t *fits = fits_of(t, piece);
        for (uint32_t at = 0; at <= t->n; at++)
            fits[at] = end_of_piece(t, piece, at, NONE) == NONE ? NONE : at;
        spread(t, piece);
    }
}

static bool is_accepted(struct table *t, const struct converter *c, struct str value)
{
    if (!c || c->kind != CONVERTER_OWN)
        return true;
    size_t cost = COST_OF_TRY + value.n;
    if (t->budget < cost) {
        t->budget = 0;
        return false;
    }
    t->budget -= cost;
    return converter_takes(c, value, t->lua);
}

/* Chooses the ends of the pieces from this one on. Without own converters the first
   choice is right; with them it may have to be taken back. */
static bool choose(struct table *t, size_t piece, uint32_t at, size_t variable)
{
    if (piece == t->pieces_n)
        return true;
    const struct converter *c = t->pieces[piece].converter;
    uint32_t end = NONE;
    while (t->budget && (end = end_of_piece(t, piece, at, end)) != NONE) {
        t->budget -= t->has_own;
        struct str value = between(t, at, end);
        if (!is_accepted(t, c, value) ||
            !choose(t, piece + 1, end, variable + (c != NULL)))
            continue;
        if (c)
            t->captures[variable] = value;
        return true;
    }
    return false;
}

/* The arrays that depend on the text alone; all are n + 1 long. */
static void fill_places(struct table *t, uint32_t *offset, uint32_t *digits,
                        uint32_t *slash, uint32_t *line)
{
    uint32_t n = 0;
    for (size_t i = 0; i < t->text.n; i++)
        if ((t->text.p[i] & 0xC0) != 0x80)
            offset[n++] = (uint32_t)i;
    offset[n] = (uint32_t)t->text.n;
    digits[n] = slash[n] = line[n] = n;
    for (uint32_t at = n; at-- > 0;) {
        char c = t->text.p[offset[at]];
        bool is_digit = c >= '0' && c <= '9';
        bool next_is = at + 1 < n && digits[at + 1] > at + 1;
        digits[at] = !is_digit ? at : next_is ? digits[at + 1] : at + 1;
        slash[at] = c == '/' ? at : slash[at + 1];
        line[at] = c == '\n' ? at : line[at + 1];
    }
    t->offset = offset;
    t->digits = digits;
    t->slash = slash;
    t->line = line;
}

static uint32_t *reserve(struct segment_scratch *s, size_t n)
{
    if (s->n >= n)
        return s->p;
    uint32_t *p = realloc(s->p, n * sizeof *p);
    if (!p)
        return NULL;
    s->p = p;
    s->n = n;
    return p;
}

static bool match_pieces(struct table *t, struct segment_scratch *scratch)
{
    size_t places = (size_t)code_points(t->text) + 1;
    if (t->text.n >= UINT32_MAX / 2)
        return false;
    uint32_t *p = reserve(scratch, places * (t->pieces_n + 5));
    if (!p)
        return false;
    t->n = (uint32_t)places - 1;
    t->budget = FREE_TRIES + (size_t)TRIES_PER_CODE_POINT * places;
    fill_places(t, p, p + places, p + 2 * places, p + 3 * places);
    t->fits = p + 4 * places;
    fill_fits(t);
    return do_fit(t, 0, 0) && choose(t, 0, 0, 0);
}

static bool has_own(const struct rule_piece *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pieces[i].converter && pieces[i].converter->kind == CONVERTER_OWN)
            return true;
    return false;
}

/* Takes the text that must stand at an end of the rest from it; false when it doesn't. */
static bool cut_start(struct str *rest, struct str text)
{
    bool is_there = str_starts(*rest, text);
    *rest = is_there ? str_skip(*rest, text.n) : *rest;
    return is_there;
}

static bool cut_end(struct str *rest, struct str text)
{
    if (rest->n < text.n ||
        (text.n && memcmp(rest->p + rest->n - text.n, text.p, text.n) != 0))
        return false;
    rest->n -= text.n;
    return true;
}

bool segment_match(const struct rule_part *part, struct str text,
                   struct segment_scratch *scratch, struct converter_lua *lua,
                   struct str *captures, bool *has_slash)
{
    const struct rule_piece *first = part->pieces, *end = first + part->pieces_n;
    *has_slash = part->is_suffixed && text.n && text.p[text.n - 1] == '/';
    text.n -= *has_slash;
    if (part->is_suffixed && text.n && text.p[text.n - 1] == '/')
        return false;
    if (first < end && !first->converter && !cut_start(&text, first++->text))
        return false;
    if (first < end && !end[-1].converter && !cut_end(&text, (--end)->text))
        return false;
    if (end - first == 1) {
        captures[0] = text;
        return converter_takes(first->converter, text, lua);
    }
    struct table t = {.text = text,
                      .pieces = first,
                      .pieces_n = (size_t)(end - first),
                      .lua = lua,
                      .captures = captures};
    t.has_own = has_own(first, t.pieces_n);
    return match_pieces(&t, scratch);
}

void segment_trim(struct segment_scratch *scratch)
{
    if (scratch->n > KEPT_SCRATCH)
        segment_free(scratch);
}

void segment_free(struct segment_scratch *scratch)
{
    free(scratch->p);
    *scratch = (struct segment_scratch){0};
}
