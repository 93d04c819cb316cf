/* The log: records to stderr, in Flask's form. */
#include "log.h"

#include "base/utf8.h"
#include "dispatch.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level least = LOG_INFO;
static int access_is_on;

static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

static const char *const colours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};

bool log_has_colours(int fd)
{
    const char *off = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fd) && !(off && *off) && !(terminal && strcmp(terminal, "dumb") == 0);
}

void log_set_level(enum log_level level)
{
    least = level;
}

void log_set_access(int is_on)
{
    access_is_on = is_on;
}

/* Within one line of the access log the target stands in quotes. */
static bool is_clean(unsigned char c, bool one_line)
{
    if (one_line)
        return c >= 0x20 && c != '"' && c != '\\' && c != 0x7F;
    return (c >= 0x20 && c != 0x7F) || c == '\t' || c == '\n';
}

/* The character at the front of s can go out: how many bytes it has, else 0. U+0080 to
   U+009F control a terminal as ESC does. */
static size_t clean_character(struct str s, bool one_line)
{
    int n = utf8_sequence(s.p, s.n);
    if (n == 1)
        return is_clean((unsigned char)*s.p, one_line);
    bool is_control =
        n == 2 && (unsigned char)s.p[0] == 0xC2 && (unsigned char)s.p[1] < 0xA0;
    return is_control ? 0 : (size_t)n;
}

static void add_clean(struct buf *out, struct str s, bool one_line)
{
    while (s.n) {
        size_t n = clean_character(s, one_line);
        if (n)
            buf_add(out, s.p, n);
        else
            buf_addf(out, "\\x%02x", (unsigned char)*s.p);
        s = str_skip(s, n ? n : 1);
    }
}

static void add_time(struct buf *out, const char *format)
{
    char text[64];
    struct tm now;
    time_t t = time(NULL);
    localtime_r(&t, &now);
    strftime(text, sizeof text, format, &now);
    buf_addstr(out, str_from(text));
}

/* One write for one record, so that records of several processes don't mix. */
static void write_out(struct buf *record)
{
    buf_addc(record, '\n');
    size_t done = 0;
    while (done < record->n) {
        ssize_t n = write(STDERR_FILENO, record->p + done, record->n - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    buf_free(record);
}

static void log_record(enum log_level level, struct str text)
{
    if (level < least)
        return;
    struct buf record = {0};
    add_time(&record, "[%Y-%m-%d %H:%M:%S %z] ");
    bool is_coloured = log_has_colours(STDERR_FILENO);
    buf_addf(&record, "%s%s%s in app: ", is_coloured ? colours[level] : "", names[level],
             is_coloured ? "\033[0m" : "");
    add_clean(&record, text, false);
    write_out(&record);
}

void log_text(enum log_level level, const char *text)
{
    log_record(level, str_from(text ? text : "(no text)"));
}

void log_format(enum log_level level, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    log_text(level, n < 0 ? format : text);
    if (n >= 0)
        free(text);
}

/* "/path [GET]" */
static void add_request(struct buf *out, const struct exchange *ex)
{
    const struct http1_head *head = &ex->request.head;
    add_clean(out, head->path, true);
    buf_addf(out, " [%.*s]", (int)head->method.n, head->method.p);
}

void log_held_up(struct exchange *ex, int milliseconds, const char *text)
{
    struct buf record = {0};
    if (ex)
        add_request(&record, ex);
    else
        buf_addstr(&record, STR("a spawned task"));
    buf_addf(&record, " holds up the server for over %d ms%s", milliseconds, text);
    log_record(LOG_WARNING, buf_str(&record));
    buf_free(&record);
}

void log_request_error(struct exchange *ex, const char *text)
{
    struct buf record = {0};
    buf_addstr(&record, STR("Exception on "));
    add_request(&record, ex);
    buf_addf(&record, "\n%s", text);
    log_record(LOG_ERROR, buf_str(&record));
    buf_free(&record);
}

void log_access(struct exchange *ex)
{
    if (!access_is_on || !ex->answer)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double ms = (double)(now.tv_sec - ex->began.tv_sec) * 1e3 +
                (double)(now.tv_nsec - ex->began.tv_nsec) / 1e6;
    const struct http1_head *head = &ex->request.head;
    struct buf record = {0};
    buf_addf(&record, "%s - - ", ex->request.peer.address);
    add_time(&record, "[%d/%b/%Y:%H:%M:%S %z]");
    buf_addf(&record, " \"%.*s ", (int)head->method.n, head->method.p);
    add_clean(&record, head->target, true);
    buf_addf(&record, " HTTP/1.%d\" %d %llu %.1fms", head->minor, ex->answer->status,
             (unsigned long long)ex->sent, ms);
    write_out(&record);
}

void log_refusal(const char *address, int status)
{
    if (!access_is_on)
        return;
    struct buf record = {0};
    buf_addf(&record, "%s - - ", address);
    add_time(&record, "[%d/%b/%Y:%H:%M:%S %z]");
    buf_addf(&record, " \"-\" %d 0", status);
    write_out(&record);
}

static enum log_level check_level(lua_State *L)
{
    static const char *const options[] = {"debug", "info", "warning", "error", NULL};
    return (enum log_level)luaL_checkoption(L, 1, "info", options);
}

int log_lua(lua_State *L)
{
    struct str text;
    text.p = luaL_checklstring(L, 2, &text.n);
    log_record(check_level(L), text);
    return 0;
}

int log_set_level_lua(lua_State *L)
{
    log_set_level(check_level(L));
    return 0;
}
