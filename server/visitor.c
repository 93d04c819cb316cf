/* Whom debug mode tells what it knows of the app: errors, frames, source lines.

   Being on this machine is not enough. A browser here runs the pages of strangers, who
   can have a name of theirs lead to 127.0.0.1: so Host and Origin must be names of this
   machine. And a proxy here brings requests from anywhere. */
#include "visitor.h"

#include "request.h"
#include <string.h>

bool visitor_is_loopback(const char *address)
{
    if (strncmp(address, "::ffff:", 7) == 0)
        address += 7;
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ":80", or nothing */
static struct str without_port(struct str host)
{
    size_t n = host.n;
    while (n && is_digit(host.p[n - 1]))
        n--;
    return n && n < host.n && host.p[n - 1] == ':' ? (struct str){host.p, n - 1} : host;
}

/* 127.x.y.z: four numbers, so that 127.0.0.1.example is none. */
static bool is_loopback_number(struct str name)
{
    int n = 0;
    if (!str_starts(name, STR("127.")))
        return false;
    while (name.p) {
        struct str part = str_cut(&name, '.');
        if (part.n == 0 || part.n > 3)
            return false;
        for (size_t i = 0; i < part.n; i++)
            if (!is_digit(part.p[i]))
                return false;
        n++;
    }
    return n == 4;
}

/* localhost, and NAME.localhost: no resolver asks anybody for them (RFC 6761, 6.3). */
static bool is_localhost(struct str name)
{
    const struct str suffix = STR(".localhost");
    if (str_ieq(name, STR("localhost")))
        return true;
    return name.n > suffix.n && str_ieq(str_skip(name, name.n - suffix.n), suffix);
}

static bool is_own_host(struct str host)
{
    struct str name = without_port(host);
    return is_localhost(name) || is_loopback_number(name) || str_eq(name, STR("[::1]"));
}

static bool is_own_origin(struct str origin)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (int i = 0; i < 2; i++)
        if (str_starts(origin, str_from(schemes[i])))
            return is_own_host(str_skip(origin, strlen(schemes[i])));
    return false;
}

static bool is_passed_on(const struct http1_head *head)
{
    static const char *const names[] = {"X-Forwarded-For", "X-Forwarded-Host",
                                        "Forwarded", "X-Real-IP", "Via"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (http1_field(head, str_from(names[i])))
            return true;
    return false;
}

enum visitor visitor_of(const struct request *r)
{
    const struct str *host = http1_field(&r->head, STR("Host"));
    const struct str *origin = http1_field(&r->head, STR("Origin"));
    if (!r->peer.is_loopback)
        return VISITOR_FAR;
    if (is_passed_on(&r->head))
        return VISITOR_PASSED_ON;
    if (!host || !is_own_host(*host))
        return VISITOR_FOREIGN_HOST;
    return origin && !is_own_origin(*origin) ? VISITOR_FOREIGN_ORIGIN : VISITOR_OWN;
}
