/* HTTP dates: the calendar's arithmetic and the three forms. */
#include "date.h"

#include <time.h>

#define DAY       86400
#define YEAR_ONE  (-62135596800) /* 0001-01-01 00:00:00 */
#define YEAR_LAST (253402300799) /* 9999-12-31 23:59:59 */

static const char day_names[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct civil {
    int64_t year;
    int month, day; /* from 1 */
};

/* Counts in years that begin in March, so that the leap day is a year's last, and in eras
   of 400 years, which all have the same length. */
static int64_t days_from_civil(struct civil c)
{
    int64_t year = c.month <= 2 ? c.year - 1 : c.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year =
        (153 * (c.month > 2 ? c.month - 3 : c.month + 9) + 2) / 5 + c.day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int march_month = (int)((5 * day_of_year + 2) / 153);
    int month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct civil){
        .year = year_of_era + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * march_month + 2) / 5) + 1,
    };
}

static char *put_digits(char *to, int64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + digits;
}

static char *put_text(char *to, const char *text, size_t n)
{
    memcpy(to, text, n);
    return to + n;
}

void date_format(char out[DATE_LENGTH + 1], int64_t t)
{
    t = t < YEAR_ONE ? YEAR_ONE : t > YEAR_LAST ? YEAR_LAST : t;
    int64_t days = t / DAY - (t % DAY < 0);
    int64_t second = t - days * DAY;
    struct civil c = civil_from_days(days);
    char *to = put_text(out, day_names[(days % 7 + 11) % 7], 3);
    to = put_text(to, ", ", 2);
    to = put_digits(to, c.day, 2);
    *to++ = ' ';
    to = put_text(to, month_names + 3 * (c.month - 1), 3);
    *to++ = ' ';
    to = put_digits(to, c.year, 4);
    *to++ = ' ';
    to = put_digits(to, second / 3600, 2);
    *to++ = ':';
    to = put_digits(to, second / 60 % 60, 2);
    *to++ = ':';
    to = put_digits(to, second % 60, 2);
    put_text(to, " GMT", 5);
}

/* What is read so far; is_bad stays set, so that a form is one straight line of steps. */
struct reader {
    struct str rest;
    bool is_bad;
};

static void skip_text(struct reader *r, struct str text)
{
    if (r->rest.n < text.n || !str_ieq((struct str){r->rest.p, text.n}, text))
        r->is_bad = true;
    else
        r->rest = str_skip(r->rest, text.n);
}

static int read_digits(struct reader *r, size_t digits)
{
    int value = 0;
    if (r->rest.n < digits)
        r->is_bad = true;
    for (size_t i = 0; i < digits && !r->is_bad; i++) {
        char c = r->rest.p[i];
        if (c < '0' || c > '9')
            r->is_bad = true;
        value = value * 10 + (c - '0');
    }
    if (r->is_bad)
        return 0;
    r->rest = str_skip(r->rest, digits);
    return value;
}

static int read_month(struct reader *r)
{
    for (int i = 0; i < 12 && r->rest.n >= 3; i++)
        if (str_ieq((struct str){r->rest.p, 3}, (struct str){month_names + 3 * i, 3})) {
            r->rest = str_skip(r->rest, 3);
            return i + 1;
        }
    r->is_bad = true;
    return 1;
}

static int read_clock(struct reader *r)
{
    int hour = read_digits(r, 2);
    skip_text(r, STR(":"));
    int minute = read_digits(r, 2);
    skip_text(r, STR(":"));
    int second = read_digits(r, 2); /* 60 is a leap second: the next minute's first */
    if (hour > 23 || minute > 59 || second > 60)
        r->is_bad = true;
    return hour * 3600 + minute * 60 + second;
}

static int days_in_month(int64_t year, int month)
{
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month == 2)
        return is_leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static int64_t finish(const struct reader *r, struct civil c, int clock)
{
    if (r->is_bad || r->rest.n || c.year < 1 || c.day < 1 ||
        c.day > days_in_month(c.year, c.month))
        return -1;
    return days_from_civil(c) * DAY + clock;
}

/* "06 Nov 1994 08:49:37 GMT", behind "Sun, " */
static int64_t parse_imf(struct reader *r)
{
    struct civil c = {.day = read_digits(r, 2)};
    skip_text(r, STR(" "));
    c.month = read_month(r);
    skip_text(r, STR(" "));
    c.year = read_digits(r, 4);
    skip_text(r, STR(" "));
    int clock = read_clock(r);
    skip_text(r, STR(" GMT"));
    return finish(r, c, clock);
}

/* "06-Nov-94 08:49:37 GMT", behind "Sunday, " */
static int64_t parse_rfc850(struct reader *r, int64_t now)
{
    struct civil c = {.day = read_digits(r, 2)};
    skip_text(r, STR("-"));
    c.month = read_month(r);
    skip_text(r, STR("-"));
    int64_t this_year = civil_from_days(now / DAY).year;
    c.year = this_year - this_year % 100 + read_digits(r, 2);
    if (c.year > this_year + 50)
        c.year -= 100;
    else if (c.year <= this_year - 50)
        c.year += 100;
    skip_text(r, STR(" "));
    int clock = read_clock(r);
    skip_text(r, STR(" GMT"));
    return finish(r, c, clock);
}

/* "Nov  6 08:49:37 1994", behind "Sun " */
static int64_t parse_asctime(struct reader *r)
{
    struct civil c = {.month = read_month(r)};
    skip_text(r, STR(" "));
    bool is_padded = r->rest.n && *r->rest.p == ' ';
    if (is_padded)
        skip_text(r, STR(" "));
    c.day = read_digits(r, is_padded ? 1 : 2);
    skip_text(r, STR(" "));
    int clock = read_clock(r);
    skip_text(r, STR(" "));
    c.year = read_digits(r, 4);
    return finish(r, c, clock);
}

int64_t date_parse_at(struct str s, int64_t now)
{
    struct reader r = {str_trim(s), false};
    for (int i = 0; i < 7; i++) {
        struct str name = str_from(day_names[i]);
        if (r.rest.n >= 3 &&
            str_ieq((struct str){r.rest.p, 3}, (struct str){name.p, 3})) {
            bool is_long =
                r.rest.n >= name.n && str_ieq((struct str){r.rest.p, name.n}, name);
            r.rest = str_skip(r.rest, is_long ? name.n : 3);
            if (!r.rest.n || *r.rest.p != ',') {
                skip_text(&r, STR(" "));
                return is_long ? -1 : parse_asctime(&r);
            }
            skip_text(&r, STR(", "));
            return is_long ? parse_rfc850(&r, now) : parse_imf(&r);
        }
    }
    return -1;
}

int64_t date_parse(struct str s)
{
    return date_parse_at(s, time(NULL));
}
