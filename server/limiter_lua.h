/* The limiter's buckets for lua/cflask/limiter.lua. */
#ifndef LIMITER_LUA_H
#define LIMITER_LUA_H

#include "base/lua_compat.h"

/* core.limit(name, {amount, seconds, amount, seconds, ...}) -> limit, with
   limit:take(key) -> is allowed, and of the rate that tells most (the one that refuses
   for the longest, else the one with the fewest tokens left): its number, tokens left,
   seconds until the bucket is full, seconds until a token is there (whole ones, rounded
   up). Limits of one name share their buckets over all workers; in the test client each
   has its own. */
int limiter_limit_lua(lua_State *L);

#endif
