/* STEP 2: what trusted proxies say of a client, in place of what its connection shows. */
#ifndef PROXY_FIX_H
#define PROXY_FIX_H

#include "base/lua_compat.h"
#include "request.h"

/* How many proxies' word is taken for each of X-Forwarded-For, -Proto, -Host, -Port and
   -Prefix; 0: nobody's. */
struct proxy_trust {
    int x_for, x_proto, x_host, x_port, x_prefix;
};

/* Reads app.config.PROXY_FIX, the value at `index`: a number of proxies (for x_for and
   x_proto alone), or a table of the five, with Werkzeug's defaults: x_for and x_proto 1,
   the others 0. False when it is neither: nobody is trusted. */
bool proxy_fix_read(lua_State *L, int index, struct proxy_trust *trust);

/* Sets peer, authority and the Host field of *r by the fields that the trusted proxies
   have set: the n-th value from the right, as Werkzeug's ProxyFix. Values are parted at
   each comma, so that a quotation mark of the client's can't swallow what a proxy has
   added. A value that can't be what it should (a host with a space) is passed over, and
   so are fields with fewer values. Returns the prefix of all URLs, "" without one, with a
   slash before it and none behind. */
struct str proxy_fix_apply(struct request *r, const struct proxy_trust *trust);

#endif
