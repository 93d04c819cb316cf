-- Microseconds per page of the engine: Fortunes, a page with inheritance and macros, and how long
-- a template of 500 lines takes to compile. Run by tests/bench/jinja, which passes the folder
-- where the same templates are for Python's Jinja2.
local jinja = require "cflask.jinja"
local dir, rounds = arg[1], tonumber(arg[2] or 2000)
local env = jinja.Environment {loader = dir, autoescape = true}

local messages = {
    [0] = "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "<script>alert(\"This should not be displayed in a browser alert box.\");</script>",
}
local rows = {}
for i = 1, 100 do rows[i] = {id = i, message = messages[i % 5]} end

local function measure(name, n, work)
    local size = work()
    local from = os.clock()
    for _ = 1, n do work() end
    print(("%-24s %8.1f us (%d bytes)"):format(name, (os.clock() - from) / n * 1e6, size))
end

local function page_of(name, context)
    local template = env:get_template(name)
    return function() return #template:render(context) end
end

local users = {}
for i = 1, 20 do
    users[i] = {name = "user <" .. i .. ">", mail = "u" .. i .. "@example.org", active = i % 3 == 0}
end

measure("fortunes", rounds, page_of("fortunes.html", {rows = rows}))
measure("inheritance and macros", rounds, page_of("page.html", {users = users, title = "A & B"}))

local lines = {}
for i = 1, 125 do
    lines[#lines + 1] = "<div class=\"row\">{{ user.name|upper }}"
    lines[#lines + 1] = "{% if user.age > " .. i .. " and loop is not defined %}<b>{{ i }}</b>"
    lines[#lines + 1] = "{% else %}{{ url_for('page', id=" .. i .. ")|e }}{% endif %}"
    lines[#lines + 1] = "</div>{# row " .. i .. " #}"
end
local source = table.concat(lines, "\n")
measure("compile 500 lines", 200, function()
    env:from_string(source)
    return #source
end)
