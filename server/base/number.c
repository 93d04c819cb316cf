/* Numbers as text. The C library's printf and strtod are exact but heed the locale's
   decimal point: here they never see one. */
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The powers of ten that a double holds exactly. */
static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define LARGEST_EXACT_POWER   22
#define LARGEST_EXACT_INTEGER (UINT64_C(1) << 53)

/* Writes the digits of n; returns their number. */
static int format_unsigned(uint64_t n, char *out)
{
    char reversed[20];
    int length = 0;
    do
        reversed[length++] = (char)('0' + n % 10);
    while (n /= 10);
    for (int i = 0; i < length; i++)
        out[i] = reversed[length - 1 - i];
    return length;
}

int number_format_int(int64_t value, char out[NUMBER_INT_SIZE])
{
    int sign = value < 0;
    if (sign)
        out[0] = '-';
    uint64_t size = sign ? 0 - (uint64_t)value : (uint64_t)value;
    int length = sign + format_unsigned(size, out + sign);
    out[length] = '\0';
    return length;
}

/* Significant digits, without zeros at the end, and where the point stands: the value is
   0.d1d2d3... times ten to the `point`. */
struct decimal {
    char digits[24];
    int n, point;
};

static void drop_final_zeros(struct decimal *d)
{
    while (d->n > 1 && d->digits[d->n - 1] == '0')
        d->n--;
}

/* Most numbers that people write: v = m / 10^k with at most 15 digits in m. The division
   is correctly rounded, so m / 10^k == v proves that these digits read back as v; and two
   numbers of at most 15 digits never read as the same double, so there are none shorter.
 */
static bool decompose_short(double v, struct decimal *d)
{
    if (v >= 1e15 || v < 1e-20)
        return false;
    for (int k = 0; k <= LARGEST_EXACT_POWER; k++) {
        double m = nearbyint(v * power_of_ten[k]);
        if (m >= 1e15)
            return false;
        if (m / power_of_ten[k] != v)
            continue;
        d->n = format_unsigned((uint64_t)m, d->digits);
        d->point = d->n - k;
        drop_final_zeros(d);
        return true;
    }
    return false;
}

/* v correctly rounded to n digits. The decimal point's place is skipped whatever stands
   there. */
static void round_to(double v, int n, struct decimal *d)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", n - 1, v);
    const char *p = text;
    d->n = 0;
    for (; *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9')
            d->digits[d->n++] = *p;
    }
    d->point = atoi(p + 1) + 1;
}

static bool reads_back(const struct decimal *d, double v)
{
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", d->n, d->digits, d->point - d->n);
    return strtod(text, NULL) == v;
}

/* The next larger number of as many digits. */
static void increment(struct decimal *d)
{
    int i = d->n - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
        return;
    }
    d->digits[0] = '1';
    d->point++;
}

/* The nearest number of n digits is the only candidate but at a power of two: there the
   gap below v is half of that above, and a number above may read as v where a nearer one
   below does not. */
static bool shorten_to(double v, int n, struct decimal *d)
{
    int exponent;
    round_to(v, n, d);
    if (reads_back(d, v))
        return true;
    if (frexp(v, &exponent) != 0.5)
        return false;
    increment(d);
    return reads_back(d, v);
}

static void decompose(double v, struct decimal *d)
{
    if (decompose_short(v, d))
        return;
    /* A normal double that n < 15 digits tell has the same digits, then zeros, at 15. */
    int n = v < 0x1p-1022 ? 1 : 15;
    while (n < 17 && !shorten_to(v, n, d))
        n++;
    if (n == 17)
        round_to(v, 17, d);
    drop_final_zeros(d);
}

static int add_zeros(char *out, int n)
{
    memset(out, '0', (size_t)n);
    return n;
}

static int add_digits(char *out, const struct decimal *d, int from, int to)
{
    memcpy(out, d->digits + from, (size_t)(to - from));
    return to - from;
}

static int write_scientific(char *out, const struct decimal *d)
{
    int n = add_digits(out, d, 0, 1);
    if (d->n > 1) {
        out[n++] = '.';
        n += add_digits(out + n, d, 1, d->n);
    }
    return n + sprintf(out + n, "e%c%02d", d->point > 0 ? '+' : '-', abs(d->point - 1));
}

static int write_fixed(char *out, const struct decimal *d)
{
    int n = 0, whole = d->point < d->n ? d->point : d->n;
    if (whole > 0)
        n += add_digits(out, d, 0, whole);
    if (d->point > d->n)
        n += add_zeros(out + n, d->point - d->n);
    if (d->point <= 0)
        out[n++] = '0';
    out[n++] = '.';
    if (d->point < 0)
        n += add_zeros(out + n, -d->point);
    if (whole < d->n)
        n += add_digits(out + n, d, whole > 0 ? whole : 0, d->n);
    else
        out[n++] = '0';
    return n;
}

static int copy_word(const char *word, char *out)
{
    size_t n = strlen(word);

    memcpy(out, word, n + 1);
    return (int)n;
}

int number_format_repr(double value, char out[NUMBER_REPR_SIZE])
{
    if (isnan(value))
        return copy_word("nan", out);
    if (isinf(value))
        return copy_word(value < 0 ? "-inf" : "inf", out);
    if (value == 0)
        return copy_word(signbit(value) ? "-0.0" : "0.0", out);
    int sign = value < 0;
    if (sign)
        out[0] = '-';
    struct decimal d;
    decompose(fabs(value), &d);
    bool is_scientific = d.point > 16 || d.point < -3;
    int n =
        is_scientific ? write_scientific(out + sign, &d) : write_fixed(out + sign, &d);
    out[sign + n] = '\0';
    return sign + n;
}

/* Reading. */

/* More digits than this never decide how a double is rounded, but for whether one of
   those behind is not 0 (the longest midpoint between two doubles has 767). */
#define DECISIVE_DIGITS  800
#define LARGEST_EXPONENT (INT64_C(1) << 40)

/* What the text says: the digits without leading zeros, as the slice that holds them (a
   point may stand among them), and the power of ten of the last digit of all. */
struct reading {
    const char *p, *end;
    int64_t exponent;
    uint64_t head; /* value of the first 19 digits */
    size_t n;      /* digits in the slice */
    bool is_negative;
};

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* Takes digits in; those that are zeros before the first other one count for nothing. */
static const char *read_digits(const char *p, const char *end, struct reading *r)
{
    for (; is_digit(p, end); p++) {
        if (r->n == 0 && *p == '0')
            continue;
        if (r->n++ == 0)
            r->p = p;
        if (r->n <= 19)
            r->head = r->head * 10 + (uint64_t)(*p - '0');
    }
    return p;
}

static const char *read_exponent(const char *p, const char *end, struct reading *r)
{
    bool is_negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (!is_digit(p, end))
        return NULL;
    int64_t exponent = 0;
    for (; is_digit(p, end); p++) {
        if (exponent < LARGEST_EXPONENT)
            exponent = exponent * 10 + (*p - '0');
    }
    r->exponent += is_negative ? -exponent : exponent;
    return p;
}

static bool read_number(struct str text, struct reading *r)
{
    const char *p = text.p, *end = text.p + text.n;
    r->is_negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    const char *whole = p;
    p = read_digits(p, end, r);
    size_t places = (size_t)(p - whole);
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = read_digits(p, end, r);
        r->exponent = -(int64_t)(p - fraction);
        places += (size_t)(p - fraction);
    }
    r->end = p;
    if (places && p < end && (*p == 'e' || *p == 'E'))
        p = read_exponent(p + 1, end, r);
    return places && p == end;
}

/* Both operands are exact, so the one operation rounds correctly. */
static bool convert_exactly(const struct reading *r, double *value)
{
    if (r->n > 19 || r->head > LARGEST_EXACT_INTEGER)
        return false;
    if (r->exponent < -LARGEST_EXACT_POWER || r->exponent > LARGEST_EXACT_POWER)
        return false;
    *value = r->exponent < 0 ? (double)r->head / power_of_ten[-r->exponent]
                             : (double)r->head * power_of_ten[r->exponent];
    return true;
}

/* Gives strtod an integer of a bounded number of digits and an exponent. */
static double convert(const struct reading *r)
{
    char text[DECISIVE_DIGITS + 32];
    size_t n = 0;
    bool has_rest = false;
    for (const char *p = r->p; p < r->end; p++) {
        if (*p == '.')
            continue;
        if (n < DECISIVE_DIGITS)
            text[n++] = *p;
        else if (*p != '0')
            has_rest = true;
    }
    int64_t exponent = r->exponent + (int64_t)(r->n - n);
    if (has_rest) {
        text[n++] = '1';
        exponent--;
    }
    exponent = exponent > 99999 ? 99999 : exponent < -99999 ? -99999 : exponent;
    snprintf(text + n, sizeof text - n, "e%d", (int)exponent);
    return strtod(text, NULL);
}

bool number_parse_double(struct str text, double *value)
{
    struct reading r = {0};
    if (!read_number(text, &r))
        return false;
    if (r.n == 0)
        *value = 0;
    else if (!convert_exactly(&r, value))
        *value = convert(&r);
    if (r.is_negative)
        *value = -*value;
    return true;
}
