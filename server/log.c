/* The log: records to stderr, in Flask's form. */
#include "log.h"

#include "base/buf.h"
#include "dispatch.h"
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static enum log_level least = LOG_INFO;
static int access_is_on;

static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

void log_set_level(enum log_level level)
{
    least = level;
}

void log_set_access(int is_on)
{
    access_is_on = is_on;
}

static void add_clean(struct buf *out, struct str s, bool one_line)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t' && (c != '\n' || one_line)) || c == 0x7F)
            buf_addf(out, "\\x%02x", c);
        else
            buf_addc(out, (char)c);
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

void log_text(enum log_level level, const char *text)
{
    if (level < least)
        return;
    struct buf record = {0};
    add_time(&record, "[%Y-%m-%d %H:%M:%S %z] ");
    buf_addf(&record, "%s in app: ", names[level]);
    add_clean(&record, str_from(text ? text : "(no text)"), false);
    write_out(&record);
}

void log_format(enum log_level level, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_text(level, text);
}

void log_request_error(struct exchange *ex, const char *text)
{
    struct buf record = {0};
    const struct http1_head *head = &ex->request.head;
    buf_addstr(&record, STR("Exception on "));
    add_clean(&record, head->path, true);
    buf_addf(&record, " [%.*s]\n%s", (int)head->method.n, head->method.p, text);
    buf_addc(&record, '\0');
    log_text(LOG_ERROR, record.p);
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

static enum log_level check_level(lua_State *L)
{
    static const char *const options[] = {"debug", "info", "warning", "error", NULL};
    return (enum log_level)luaL_checkoption(L, 1, "info", options);
}

int log_lua(lua_State *L)
{
    log_text(check_level(L), luaL_checkstring(L, 2));
    return 0;
}

int log_set_level_lua(lua_State *L)
{
    log_set_level(check_level(L));
    return 0;
}
