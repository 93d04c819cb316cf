/* Every setting and limit of the server in one table, with its default. */
#include "options.h"

#include "limiter.h"
#include <limits.h>
#include <stddef.h>

enum unit { SECONDS, SECONDS_OR_OFF, BYTES, COUNT };

struct option {
    const char *key;
    enum unit unit;
    double value;  /* the default, in that unit */
    size_t offset; /* into struct options, or NOT_HERE: read when used */
    const char *text;
};

#define NOT_HERE  ((size_t)-1)
#define AT(field) offsetof(struct options, field)

static const struct option table[] = {
    {"HEADER_TIMEOUT", SECONDS_OR_OFF, 10, AT(header_timeout),
     "from the first byte, or the connect, to the end of the head: 408"},
    {"BODY_TIMEOUT", SECONDS_OR_OFF, 30, AT(body_timeout),
     "without a byte of the body: 408"},
    {"WRITE_TIMEOUT", SECONDS_OR_OFF, 60, AT(write_timeout),
     "without a byte taken by the client: the connection is closed"},
    {"KEEPALIVE_TIMEOUT", SECONDS_OR_OFF, 60, AT(keepalive_timeout),
     "idle between requests: the connection is closed"},
    {"REQUEST_TIMEOUT", SECONDS_OR_OFF, 60, AT(request_timeout),
     "from the head to the answer's first byte: 503"},
    {"HANDLER_CPU_LIMIT", SECONDS, 10, NOT_HERE,
     "of CPU that a request computes, or a spawned task: 503"},
    {"SHUTDOWN_TIMEOUT", SECONDS, 10, AT(shutdown_timeout),
     "given to requests and spawned tasks when the server stops"},
    {"WATCHDOG_TIMEOUT", SECONDS_OR_OFF, 60, AT(watchdog_timeout),
     "in which a worker's event loop does not turn: it is replaced; false: never"},
    {"MAX_HEADER_SIZE", BYTES, 16384, AT(max_header_size),
     "of request line and fields: 414 or 431"},
    {"MAX_HEADER_COUNT", COUNT, 100, AT(max_header_count), "of field lines: 431"},
    {"MAX_CONNECTIONS", COUNT, 4096, AT(max_connections),
     "open at a time; more wait in the listen queue"},
    {"MAX_OFFLOADED", COUNT, 256, NOT_HERE,
     "pieces of work (password hashes) that wait for a thread: 503"},
    {"MAX_CONTENT_LENGTH", BYTES, 16777216, NOT_HERE, "of a request's body: 413"},
    {"MAX_FORM_MEMORY_SIZE", BYTES, 500000, NOT_HERE,
     "of a multipart form's fields together, files not counted: 413"},
    {"MAX_FORM_PARTS", COUNT, 1000, NOT_HERE, "of a multipart form: 413"},
    {"LIMITER_BUCKETS", COUNT, LIMITER_BUCKETS, NOT_HERE,
     "clients that flask.limiter counts at a time: the one that is fullest gives way"},
    {"MAX_INFLATED_SIZE", BYTES, 1048576, NOT_HERE,
     "of a compressed session or token once inflated: it counts as badly signed"},
};

#define N_OPTIONS (sizeof table / sizeof *table)

static bool is_time(const struct option *option)
{
    return option->unit == SECONDS || option->unit == SECONDS_OR_OFF;
}

static int64_t in_struct(const struct option *option, double value)
{
    return (int64_t)(is_time(option) ? value * 1000 : value);
}

/* Not so little that it would be none, nor more than what counts with it can hold. */
static bool is_limit(const struct option *option, double value)
{
    double most = option->unit == COUNT ? INT_MAX : 1e12 - 1;
    return value > 0 && value <= most && in_struct(option, value) > 0;
}

void options_defaults(struct options *o)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (table[i].offset != NOT_HERE)
            *(int64_t *)((char *)o + table[i].offset) =
                in_struct(&table[i], table[i].value);
}

int options_read(lua_State *L, int index, struct options *o, struct fault *fault)
{
    index = lua_absindex(L, index);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *option = &table[i];
        if (option->offset == NOT_HERE)
            continue;
        lua_pushstring(L, option->key);
        lua_rawget(L, index);
        bool is_there = !lua_isnil(L, -1);
        bool is_number = lua_type(L, -1) == LUA_TNUMBER;
        bool is_off = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
        double value = lua_tonumber(L, -1);
        lua_pop(L, 1);
        if (!is_there)
            continue;
        if (is_off && option->unit == SECONDS_OR_OFF) {
            *(int64_t *)((char *)o + option->offset) = OPTIONS_NEVER;
            continue;
        }
        if (!is_number || !is_limit(option, value))
            return fault_set(fault, 0, "app.config.%s must be a positive number%s",
                             option->key, is_time(option) ? " of seconds" : "");
        *(int64_t *)((char *)o + option->offset) = in_struct(option, value);
    }
    return 0;
}

void options_push_table(lua_State *L)
{
    static const char *const units[] = {"seconds", "seconds", "bytes", "count"};
    lua_createtable(L, (int)N_OPTIONS, 0);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        bool is_at_start = table[i].offset != NOT_HERE;
        lua_createtable(L, 0, 6);
        lua_pushstring(L, table[i].key);
        lua_setfield(L, -2, "key");
        lua_pushinteger(L, (lua_Integer)table[i].value);
        lua_setfield(L, -2, "default");
        lua_pushstring(L, units[table[i].unit]);
        lua_setfield(L, -2, "unit");
        lua_pushstring(L, table[i].text);
        lua_setfield(L, -2, "text");
        lua_pushboolean(L, is_at_start);
        lua_setfield(L, -2, "at_start");
        lua_pushboolean(L, !is_at_start || table[i].unit == SECONDS_OR_OFF);
        lua_setfield(L, -2, "can_be_off");
        lua_rawseti(L, -2, (int)i + 1);
    }
}

/* math.huge says that there is no limit. */
static int64_t clamp(double value)
{
    if (value >= 9.2e18)
        return INT64_MAX;
    return value <= -9.2e18 ? INT64_MIN : (int64_t)value;
}

int64_t options_integer(lua_State *L, int index, const char *key, int64_t missing)
{
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    lua_rawget(L, index);
    bool is_number = lua_type(L, -1) == LUA_TNUMBER;
    double value = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return is_number && value == value ? clamp(value) : missing;
}

int64_t options_limit(lua_State *L, int index, const char *key, int64_t missing)
{
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    lua_rawget(L, index);
    bool is_off = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_off ? INT64_MAX : options_integer(L, index, key, missing);
}
