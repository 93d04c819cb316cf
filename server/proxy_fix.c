/* STEP 2: what trusted proxies say of a client, in place of what its connection shows. */
#include "proxy_fix.h"

/* ---- whom to trust ---- */

static int read_count(lua_State *L, int table, const char *key, int missing)
{
    lua_getfield(L, table, key);
    int count = lua_isnumber(L, -1) ? (int)lua_tonumber(L, -1) : missing;
    lua_pop(L, 1);
    return count > 0 ? count : 0;
}

bool proxy_fix_read(lua_State *L, int index, struct proxy_trust *trust)
{
    *trust = (struct proxy_trust){0};
    if (lua_type(L, index) == LUA_TNUMBER) {
        trust->x_for = trust->x_proto = (int)lua_tonumber(L, index);
        return trust->x_for > 0;
    }
    if (!lua_istable(L, index))
        return false;
    index = lua_absindex(L, index);
    trust->x_for = read_count(L, index, "x_for", 1);
    trust->x_proto = read_count(L, index, "x_proto", 1);
    trust->x_host = read_count(L, index, "x_host", 0);
    trust->x_port = read_count(L, index, "x_port", 0);
    trust->x_prefix = read_count(L, index, "x_prefix", 0);
    return true;
}

/* ---- what they say ---- */

/* Cuts *s at its last comma and returns what stands behind it; without one returns all of
   it and leaves *s with p NULL. */
static struct str cut_last(struct str *s)
{
    struct str item = *s;
    const char *comma = s->n ? memrchr(s->p, ',', s->n) : NULL;
    *s = (struct str){NULL, 0};
    if (comma) {
        *s = (struct str){item.p, (size_t)(comma - item.p)};
        item = str_skip(item, s->n + 1);
    }
    return str_trim(item);
}

static struct str without_quotes(struct str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return (struct str){s.p + 1, s.n - 2};
    return s;
}

/* The value that the n-th proxy, counted from us, has added to the fields of that name;
   empty when there are fewer. Empty values don't count. */
static struct str nth_value(const struct http1_head *head, struct str name, int n)
{
    for (int i = head->n_fields; n > 0 && i-- > 0;) {
        struct str rest = head->fields[i].value;
        if (!str_ieq(head->fields[i].name, name))
            continue;
        while (rest.p) {
            struct str item = cut_last(&rest);
            if (item.n && --n == 0)
                return without_quotes(item);
        }
    }
    return (struct str){NULL, 0};
}

/* Visible ASCII alone: what is shown to Lua and written to the log. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    return s.n > 0;
}

static void take_address(struct request *r, struct str address)
{
    if (!is_plain(address) || address.n >= sizeof r->peer.address)
        return;
    memcpy(r->peer.address, address.p, address.n);
    r->peer.address[address.n] = '\0';
    r->peer.port = 0; /* the proxy's own says nothing of the client */
}

static void take_scheme(struct request *r, struct str scheme)
{
    if (str_ieq(scheme, STR("https")))
        r->peer.is_secure = true;
    else if (str_ieq(scheme, STR("http")))
        r->peer.is_secure = false;
}

static void take_host(struct request *r, struct str host)
{
    if (!http1_is_authority(host))
        return;
    r->head.authority = host;
    for (int i = 0; i < r->head.n_fields; i++)
        if (str_ieq(r->head.fields[i].name, STR("Host")))
            r->head.fields[i].value = host;
}

static void take_port(struct request *r, struct str port)
{
    struct str name = request_host_name(r);
    char *text = port.n ? arena_alloc(&r->arena, name.n + 1 + port.n) : NULL;
    if (!text || name.n == 0)
        return;
    memcpy(text, name.p, name.n);
    text[name.n] = ':';
    memcpy(text + name.n + 1, port.p, port.n);
    take_host(r, (struct str){text, name.n + 1 + port.n});
}

static struct str checked_prefix(struct str prefix)
{
    while (prefix.n && prefix.p[prefix.n - 1] == '/')
        prefix.n--;
    if (!is_plain(prefix) || prefix.p[0] != '/' || str_starts(prefix, STR("//")))
        return STR("");
    return prefix;
}

struct str proxy_fix_apply(struct request *r, const struct proxy_trust *trust)
{
    const struct http1_head *head = &r->head;
    take_address(r, nth_value(head, STR("X-Forwarded-For"), trust->x_for));
    take_scheme(r, nth_value(head, STR("X-Forwarded-Proto"), trust->x_proto));
    take_host(r, nth_value(head, STR("X-Forwarded-Host"), trust->x_host));
    take_port(r, nth_value(head, STR("X-Forwarded-Port"), trust->x_port));
    return checked_prefix(nth_value(head, STR("X-Forwarded-Prefix"), trust->x_prefix));
}
