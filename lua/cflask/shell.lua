-- `cflask-lua shell`: a prompt at which an app can be tried.
local completion = require "cflask.completion"
local core = require "cflask.core"
local inspect = require "cflask.inspect"
local plan = require "cflask.plan"
local sessions = require "cflask.sessions"
local testing = require "cflask.testing"
local traceback = require "cflask.traceback"

local unpack = table.unpack or unpack
local terminal = core.shell

local Shell = {}
Shell.__index = Shell

local function pack(...)
    return {n = select("#", ...), ...}
end

-- ## Lines

-- How messages about text that ends too early end.
local UNFINISHED = "near '?<eof>'?$"

-- A chunk of the text: an expression, whose values are returned, or statements. Without one:
-- the message, and whether more lines could help.
local function compile(text, environment)
    local source = text:gsub("^%s*=", "")
    local chunk, first = load("return " .. source, "=prompt", "t", environment)
    if chunk then
        return chunk
    end
    local message
    chunk, message = load(source, "=prompt", "t", environment)
    if chunk then
        return chunk
    end
    if message:find(UNFINISHED) then
        return nil, message, true
    end
    return nil, first:find(UNFINISHED) and first or message, first:find(UNFINISHED) ~= nil
end

-- The next line: a text, nil at the end of input, false after Ctrl-C.
function Shell:read(prompt)
    if not self.is_terminal then
        return io.read("*l")
    elseif terminal.read_line then
        return terminal.read_line(self:paint(prompt, "\1\27[1;34m\1", "\1\27[0m\1"))
    end
    io.stdout:write(prompt)
    io.stdout:flush()
    terminal.begin()
    local line = io.read("*l")
    local was_interrupted = terminal.was_interrupted()
    if was_interrupted or not line then
        io.stdout:write("\n")
    end
    return not was_interrupted and line
end

function Shell:paint(text, on, off)
    return self.colours and on .. text .. (off or "\27[0m") or text
end

-- Reads lines until they are whole; returns a chunk, or false for none, or nil at the end.
function Shell:read_chunk()
    local text = self:read("> ")
    if not text then
        return text
    end
    self:remember(text)
    while true do
        if text:find("^%s*$") then
            return false
        elseif text:find("^%s*[eq][xu]it%s*$") and self.environment[text:match("%a+")] == nil then
            return nil
        end
        local chunk, message, may_go_on = compile(text, self.environment)
        if chunk then
            return chunk
        end
        local more = may_go_on and self:read(">> ")
        if not more then
            if not may_go_on or more == nil then
                self:complain(message)
            end
            return false
        end
        self:remember(more)
        text = text .. "\n" .. more
    end
end

-- ## History

local MOST_KEPT = 1000

-- Where the history is: a file in XDG_STATE_HOME, where that is set, else in HOME; or nil.
local function history_path()
    local state, home = core.getenv("XDG_STATE_HOME"), core.getenv("HOME")
    if state and state:sub(1, 1) == "/" then
        core.make_folder(state)
        core.make_folder(state .. "/cflask-lua")
        return state .. "/cflask-lua/history"
    end
    return home and home ~= "" and home .. "/.cflask_lua_history" or nil
end

-- Takes what earlier shells have left; a file that has grown long is cut.
function Shell:load_history()
    self.history = self.is_terminal and terminal.remember and history_path()
    local text = self.history and core.read_file(self.history) or ""
    local lines = {}
    for line in text:gmatch("[^\n]+") do
        table.insert(lines, line)
    end
    local kept = {unpack(lines, math.max(1, #lines - MOST_KEPT + 1))}
    for _, line in ipairs(kept) do
        terminal.remember(line)
    end
    if #lines > 2 * MOST_KEPT then
        os.remove(self.history)
        core.append_private(self.history, table.concat(kept, "\n") .. "\n")
    end
end

-- Lines that begin with a blank are not kept: for what is secret.
function Shell:remember(line)
    if self.history and line:find("^%S") then
        terminal.remember(line)
        core.append_private(self.history, line .. "\n")
    end
end

-- ## Running

-- What a line's coroutine yields to have a function called outside of its task.
local OUTSIDE = {}

-- Has functions of the core called outside of the task that a line runs in, as the test
-- client's requests and other contexts need.
function Shell:leave_tasks()
    local in_task = core.in_task
    local function is_line()
        return self.line ~= nil and coroutine.running() == self.line
    end
    for _, name in ipairs{"exchange", "with_request", "with_app", "run_task"} do
        local inner = core[name]
        core[name] = function(...)
            if is_line() then
                return (function(is_fine, ...)
                    if not is_fine then
                        error((...), 0)
                    end
                    return ...
                end)(coroutine.yield(OUTSIDE, inner, ...))
            end
            return inner(...)
        end
    end
    core.in_task = function()
        return not is_line() and in_task()
    end
end

-- The handler of a line's errors: of the traceback only what tells more than the message.
local function explain(raised)
    local text = traceback.handler(raised)
    local message, frames = text:match("^(.-)\nstack traceback:\n(.*)$")
    frames = frames and frames:gsub("\n?[^\n]*prompt:%d+: in main chunk$", "")
        :gsub("\n?[^\n]*%(%.%.%.tail calls%.%.%.%)$", "")
    if not frames or not frames:find("\t[^%[]") then
        return message or text
    end
    return message .. "\nstack traceback:\n" .. frames
end

-- Goes on with the line's coroutine in a task of the shell's request. Returns as pcall does:
-- what the coroutine gave.
function Shell:step(values)
    local line = self.line
    return pack(pcall(self.within, function()
        return coroutine.resume(line, unpack(values, 1, values.n))
    end))
end

-- Runs the chunk; returns whether it has succeeded and its results, or the error's text.
function Shell:run(chunk)
    self.line = coroutine.create(function() return xpcall(chunk, explain) end)
    local values = pack()
    terminal.begin()
    while true do
        local result = self:step(values)
        if not result[1] then
            return false, tostring(result[2])
        elseif coroutine.status(self.line) == "dead" then
            return unpack(result, result[2] and 3 or 2, result.n)
        elseif result[3] ~= OUTSIDE then
            return false, "coroutine.yield leads nowhere at the prompt"
        end
        values = pack(pcall(unpack(result, 4, result.n)))
    end
end

function Shell:complain(text)
    self.has_failed = true
    io.stdout:flush()
    local message, rest = text:match("^([^\n]*)(.*)$")
    io.stderr:write(self:paint(message, "\27[31m"), rest, "\n")
end

-- Shows what a line gave, and keeps the last value as `_`.
function Shell:show(is_fine, ...)
    local was_interrupted = terminal.was_interrupted()
    self.line = nil
    if not is_fine then
        self:complain(was_interrupted and "interrupted" or tostring((...)))
        return
    end
    for i = 1, select("#", ...) do
        local value = select(i, ...)
        local is_shown, text = pcall(self.within, function()
            return inspect.text(value, {colours = self.colours})
        end)
        io.stdout:write(is_shown and text or tostring(text), "\n")
    end
    io.stdout:flush()
    if (...) ~= nil then
        rawset(self.environment, "_", (...))
    end
end

-- ## The shell

-- The address whose request is current at the prompt.
local function base_url(app)
    local name = app.config.SERVER_NAME
    return name and app.config.PREFERRED_URL_SCHEME .. "://" .. name or nil
end

-- The names at hand, those of the app's shell_context_processors among them.
local function names_of(app)
    local flask = require "cflask"
    local names = {
        app = app, flask = flask, request = flask.request, session = flask.session,
        g = flask.g, url_for = flask.url_for, client = app:test_client(),
    }
    for _, fn in ipairs(app._shell_context_processors) do
        for name, value in pairs(fn() or {}) do
            names[name] = value
        end
    end
    return names
end

local function greeting(app, names)
    local list = {}
    for name in pairs(names) do
        table.insert(list, name)
    end
    table.sort(list)
    return ("cflask-lua %s, %s: the app %s\nAt hand: %s. `_` is the last value. "
            .. "Ctrl-D ends.\n"):format(core.version, jit and jit.version or _VERSION, app.name,
                                      table.concat(list, ", "))
end

-- Reads lines and runs them, in an app context and a request for "/", until the input ends.
-- Returns the exit status: 0, or 1 when a line of a script has failed.
function Shell.start(app)
    local self = setmetatable({is_terminal = core.isatty(0)}, Shell)
    self.colours = core.has_colours(1)
    self.within = testing.hold_request(app, "/", {base_url = base_url(app)})
    local names
    self.within(function()
        sessions.within(app, function() names = names_of(app) end)
    end)
    self.environment = setmetatable(names, {__index = _G})
    terminal.open(function(text)
        return self.within(function()
            return completion.complete(self.environment, text)
        end)
    end)
    self:load_history()
    self:leave_tasks()
    if self.is_terminal then
        io.stdout:write(greeting(app, names))
    end
    repeat
        local chunk = self:read_chunk()
        if chunk then
            self:show(self:run(chunk))
        end
    until chunk == nil
    pcall(self.within, function() plan.tear_down(app) end)
    terminal.close()
    return self.has_failed and not self.is_terminal and 1 or 0
end

return {start = Shell.start}
