-- flask.limiter: who may come how often. The buckets are in C (server/limiter.c) and shared
-- by all workers; here are the texts of limits, whom they count and which views they are for.
local core = require "cflask.core"
local errors = require "cflask.errors"
local misuse = require "cflask.misuse"
local wrapped = require "cflask.wrapped"

local Limiter = {}
Limiter.__index = Limiter
Limiter.__name = "Limiter"

-- ## Texts of limits: "5/minute", "10 per 2 hours", "1/second; 100/day"

local UNITS = {
    second = 1, minute = 60, hour = 3600, day = 86400, week = 7 * 86400, month = 30 * 86400,
    year = 365 * 86400,
}

local function refuse(text, why)
    misuse.fail("the limit %s %s: write \"5/minute\", \"10 per 2 hours\" or several of them "
                .. "with \";\" between", misuse.show(text), why)
end

-- One of the parts: how many, and in how many seconds.
local function parse_rate(text, part)
    local amount, rest = part:match("^%s*(%d+)%s*/%s*(.-)%s*$")
    if not amount then
        amount, rest = part:match("^%s*(%d+)%s+per%s+(.-)%s*$")
    end
    local count, unit = (rest or ""):match("^(%d*)%s*(%a+)$")
    unit = unit and UNITS[unit:lower():gsub("s$", "")]
    if not unit then
        refuse(text, "can't be read")
    end
    amount = tonumber(amount)
    local seconds = (count == "" and 1 or tonumber(count)) * unit
    if amount < 1 or amount > 1e9 or seconds < 1 or seconds > 1e9 then
        refuse(text, "is out of range")
    end
    return amount, seconds
end

-- A text or a list of them as {amount, seconds, amount, seconds, ...}, as core.limit wants.
local function parse(what)
    local texts = type(what) == "table" and what or {what}
    local rates = {}
    for _, text in ipairs(texts) do
        if type(text) ~= "string" then
            misuse.fail("a limit must be a string such as \"5/minute\", not %s",
                        misuse.show(text))
        end
        for part in (text .. ";"):gmatch("([^;,|]*)[;,|]") do
            local amount, seconds = parse_rate(text, part)
            table.insert(rates, amount)
            table.insert(rates, seconds)
        end
    end
    if #rates == 0 or #rates > 16 then
        misuse.fail("a limit has one to eight rates, not %d", #rates / 2)
    end
    return rates
end

-- ## Whom to count

-- The groups of a part of an IPv6 address, as numbers.
local function groups_of(text)
    local groups = {}
    for group in text:gmatch("[^:]+") do
        table.insert(groups, tonumber(group, 16) or 0)
    end
    return groups
end

-- The network of an IPv6 address that one customer has: its first 64 bits.
local function network_of(address)
    local left, right = address:match("^(.-)::(.*)$")
    local groups, behind = groups_of(left or address), groups_of(right or "")
    for _ = #groups + #behind + 1, 8 do
        table.insert(groups, 0)
    end
    for _, group in ipairs(behind) do
        table.insert(groups, group)
    end
    return ("%x:%x:%x:%x::/64"):format(groups[1], groups[2], groups[3], groups[4])
end

-- The client's address without a port; of IPv6 its network, as one client has 2^64 addresses
-- to choose from.
local function client_of(address)
    local plain = address:match("^%[(.-)%]") or address:match("^([%d.]+):%d+$") or address
    local v4 = plain:match("^::[fF][fF][fF][fF]:(%d+%.%d+%.%d+%.%d+)$")
    if v4 or not plain:find(":", 1, true) or not plain:find("^[%x:.]+") then
        return v4 or plain
    end
    return network_of((plain:gsub("%%.*$", "")))
end

local function default_key()
    return client_of(core.request.remote_addr)
end

-- ## Rules: what limit() makes of its arguments, {limit=, amounts=, key=, ...}

local RULE_OPTIONS = {
    key = true, methods = true, per_method = true, scope = true, exempt_when = true,
    override_default = true,
}

local function method_set(list)
    if list == nil then
        return nil
    end
    local set = {}
    for _, method in ipairs(misuse.check(list, "table", "the methods of a limit")) do
        set[misuse.check(method, "string", "a method of a limit"):upper()] = true
    end
    return set
end

-- The same text has the same buckets all over the limiter.
local function limit_of(self, what)
    local rates = parse(what)
    local text = table.concat(rates, " ")
    self._known[text] = self._known[text] or core.limit(self._name, rates)
    return self._known[text], rates
end

local function make_rule(self, what, options)
    options = misuse.options(options, RULE_OPTIONS, "limit")
    for _, name in ipairs{"key", "exempt_when"} do
        if options[name] ~= nil then
            misuse.check(options[name], "function", "the option " .. name .. " of a limit")
        end
    end
    if options.scope ~= nil then
        misuse.check(options.scope, "string", "the option scope of a limit")
    end
    local limit, rates = limit_of(self, what)
    return {
        limit = limit, rates = rates, key = options.key or self._key,
        methods = method_set(options.methods), per_method = options.per_method,
        scope = options.scope and "scope\0" .. options.scope,
        exempt_when = options.exempt_when,
        keeps_default = options.override_default == false,
    }
end

-- ## Checking a request

local UNIT_NAMES = {"year", "month", "week", "day", "hour", "minute", "second"}

-- {5, 120} as "5 per 2 minutes".
local function describe(amount, seconds)
    for _, name in ipairs(UNIT_NAMES) do
        local count = seconds / UNITS[name]
        if count % 1 == 0 then
            return count == 1 and ("%d per %s"):format(amount, name)
                or ("%d per %d %ss"):format(amount, count, name)
        end
    end
end

-- What the running request's headers will say: the tightest of the limits that it met.
local function note(state, amount, left, reset, retry)
    local old = state.told
    if not old or retry > old.retry or (retry == old.retry and left < old.left) then
        state.told = {amount = amount, left = left, reset = reset, retry = retry}
    end
end

local function refuse_request(rule, which, retry)
    local text = describe(rule.rates[2 * which - 1], rule.rates[2 * which])
    error(errors.exceptions.TooManyRequests{
        description = ("The limit is %s: try again in %d second%s."):format(
            text, retry, retry == 1 and "" or "s"),
        limit = text, retry_after = retry,
        headers = {["Retry-After"] = tostring(retry)},
    }, 0)
end

-- Takes a token for the request, or raises 429. `scope` names what is limited where the rule
-- has no scope of its own.
local function apply(state, rule, scope)
    local method = core.request.method
    if state.seen[rule] or rule.methods and not rule.methods[method]
        or rule.exempt_when and rule.exempt_when() then
        return
    end
    state.seen[rule] = true
    local key = rule.key()
    if key == nil or key == false then
        return
    end
    local is_allowed, which, left, reset, retry = rule.limit:take(table.concat({
        rule.scope or scope, rule.per_method and method or "", tostring(key)}, "\0"))
    note(state, rule.rates[2 * which - 1], left, reset, retry)
    if not is_allowed then
        refuse_request(rule, which, retry)
    end
end

-- What the limiter remembers of the running request.
local function state_of(self)
    local private = core.private()
    local states = private.limiter or {}
    private.limiter = states
    states[self] = states[self] or {seen = {}}
    return states[self]
end

-- The marks of the view that was matched and of its blueprints, as a list of {mark, scope};
-- nil when one of them exempts the request.
local function marks_of(self, request)
    local found = {}
    local function add(thing, scope)
        local mark = self._marks[thing]
        if mark then
            table.insert(found, {mark, scope})
        end
        return not (mark and mark.is_exempt)
    end
    for view in wrapped.chain(core.current_view()) do
        if not add(view, "view\0" .. request.endpoint) then
            return nil
        end
    end
    local blueprints = core.current_app().blueprints
    for _, name in ipairs(request.blueprints) do
        local blueprint = blueprints[name]
        if blueprint and not add(blueprint, "blueprint\0" .. name) then
            return nil
        end
    end
    return found
end

-- Files and automatic answers to OPTIONS are not counted.
local function is_uncounted(request)
    local endpoint = request.endpoint or ""
    return request.method == "OPTIONS" or endpoint == "static" or endpoint:find("%.static$")
end

-- The before_request function.
local function check(self)
    local request = core.request
    local marks = not is_uncounted(request) and marks_of(self, request)
    if not marks then
        return
    end
    local state, is_own = state_of(self), false
    for _, found in ipairs(marks) do
        for _, rule in ipairs(found[1]) do
            apply(state, rule, found[2])
            is_own = is_own or not rule.keeps_default
        end
    end
    if self._default and not is_own then
        apply(state, self._default, "default\0" .. (request.endpoint or ""))
    end
    if self._application then
        apply(state, self._application, "application")
    end
end

-- The after_request function.
local function tell(self, response)
    local states = core.private().limiter
    local told = states and states[self] and states[self].told
    if not told then
        return
    end
    local headers = response.headers
    if self._has_headers then
        headers:setdefault("RateLimit-Limit", tostring(told.amount))
        headers:setdefault("RateLimit-Remaining", tostring(told.left))
        headers:setdefault("RateLimit-Reset", tostring(told.reset))
    end
    if told.retry > 0 and response.status_code == 429 then
        headers:setdefault("Retry-After", tostring(told.retry))
    end
end

-- ## What apps call

local function check_self(self, name)
    if getmetatable(self) ~= Limiter then
        misuse.fail("%s is a method: call it with a colon, as in limiter:%s(...)", name, name)
    end
end

local function is_blueprint(thing)
    return type(thing) == "table" and rawget(thing, "_steps") ~= nil
end

local function mark_of(self, thing)
    self._marks[thing] = self._marks[thing] or {}
    return self._marks[thing]
end

local function check_thing(thing, what)
    if not is_blueprint(thing) and not misuse.is_callable(thing) then
        misuse.fail("%s needs a view or a blueprint, not %s", what, misuse.show(thing))
    end
end

-- limiter:limit("5/minute", {key=, methods=, per_method=, scope=, exempt_when=,
-- override_default=}): a function that takes a view and returns it limited; or a blueprint,
-- whose views it limits together. Raises when the text can't be read.
function Limiter:limit(what, options)
    check_self(self, "limit")
    local rule = make_rule(self, what, options)
    return function(thing)
        check_thing(thing, "limit(...)")
        if is_blueprint(thing) then
            table.insert(mark_of(self, thing), rule)
            return thing
        end
        -- The view checks too, for decorators of the app's own that stand around it hide its
        -- mark.
        local function limited(...)
            apply(state_of(self), rule, "view\0" .. tostring(core.request.endpoint))
            return thing(...)
        end
        table.insert(mark_of(self, limited), rule)
        return wrapped.note(limited, thing)
    end
end

-- limiter:exempt(view or blueprint): not limited. Returns it.
function Limiter:exempt(thing)
    check_self(self, "exempt")
    check_thing(thing, "exempt")
    mark_of(self, thing).is_exempt = true
    return thing
end

-- Whether requests for the view (of the blueprint, if any) are counted, by a limit of its
-- own or by one of all views; for `cflask-lua check`.
function Limiter:_limits(view, blueprint)
    local marks = {blueprint and self._marks[blueprint]}
    for each in wrapped.chain(view) do
        table.insert(marks, self._marks[each])
    end
    for _, mark in ipairs(marks) do
        if mark.is_exempt then
            return false
        end
    end
    return marks[1] ~= nil or (self._default or self._application) ~= nil
end

local OPTIONS = {
    default = true, application = true, key = true, headers = true, exempt_when = true,
}

-- flask.limiter(app, {default=, application=, key=, headers=, exempt_when=}): limits how often
-- clients may come. Returns the limiter.
local function new(app, options)
    if type(app) ~= "table" or rawget(app, "_handle") == nil then
        misuse.fail("flask.limiter needs an app, not %s", misuse.show(app))
    end
    options = misuse.options(options, OPTIONS, "flask.limiter")
    local former = app.extensions.limiter
    local self = setmetatable({
        _number = (former and former._number or 0) + 1,
        _key = options.key or default_key, _has_headers = options.headers ~= false,
        _known = {}, _marks = setmetatable({}, {__mode = "k"}),
    }, Limiter)
    self._name = ("%s\0%d"):format(app.name, self._number)
    if options.key ~= nil then
        misuse.check(options.key, "function", "the option key of flask.limiter")
    end
    for _, name in ipairs{"default", "application"} do
        if options[name] then
            self["_" .. name] = make_rule(self, options[name],
                                          {exempt_when = options.exempt_when})
        end
    end
    app:before_request(function() check(self) end)
    app:after_request(function(response) tell(self, response) end)
    app.extensions.limiter = self
    return self
end

return {new = new, client_of = client_of, parse = parse}
