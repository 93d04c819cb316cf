-- The command line: words and options become a call of one of the commands.
local broken = require "cflask.broken"
local commands = require "cflask.commands"
local core = require "cflask.core"
local loader = require "cflask.loader"
local misuse = require "cflask.misuse"
local usage = require "cflask.usage"

require("cflask.coroutines").install()

local cli = {}

-- The options: whether they take a value, and the commands that have them.
local RUN = {run = true}
local OPTIONS = {
    host = {has_value = true, of = RUN},
    port = {has_value = true, of = RUN},
    unix = {has_value = true, of = RUN},
    workers = {has_value = true, of = RUN},
    cert = {has_value = true, of = RUN},
    key = {has_value = true, of = RUN},
    debug = {of = RUN},
    ["access-log"] = {of = RUN},
    json = {of = {routes = true, check = true}},
    header = {of = {version = true}},
    help = {},
    version = {},
}
local SHORT = {h = "help", V = "version"}

-- Commands whose words after the first are passed on as they are.
local PASSES_ALL = {test = true, new = true}

-- Commands that are for an app.
local NEEDS_APP = {run = true, routes = true, check = true, shell = true}

-- What is raised to end with one line and exit code 2.
local Wrong = {__tostring = function(self) return self.text end}

local function wrong(text, ...)
    error(setmetatable({text = text:format(...)}, Wrong), 0)
end

-- Takes the option at words[at]; returns the position of its last word.
local function take_option(found, words, at)
    local word = words[at]
    local name, value = word:match("^%-%-([%w-]+)=(.*)$")
    name = name or word:match("^%-%-([%w-]+)$") or SHORT[word:match("^%-(%a)$") or ""]
    local option = OPTIONS[name or ""]
    if not option then
        local near = misuse.nearest(name or "", OPTIONS)
        wrong("there is no option %s%s; cflask-lua --help lists them", word,
              near and "; did you mean --" .. near .. "?" or "")
    elseif option.has_value and value == nil then
        at = at + 1
        value = words[at]
        if value == nil then
            wrong("the option --%s needs a value", name)
        end
    elseif not option.has_value and value ~= nil then
        wrong("the option --%s takes no value", name)
    end
    found.options[name] = value or true
    return at
end

-- Whether a word names an app that can be found.
local function is_app(word)
    return (pcall(loader.find, word))
end

-- Takes a word that is no option; true when the words behind it are not ours to read.
local function take_word(found, word)
    if not found.command and not found.app and usage.COMMANDS[word] then
        found.command = word
        return PASSES_ALL[word]
    elseif found.command == "lua" then
        found.app = word
        return true
    elseif not found.app and (found.command or is_app(word) or not loader.default()) then
        found.app = word
        return false
    elseif found.command then
        wrong("%s takes one app; what is %s?", found.command, word)
    end
    found.own = word
    return true
end

-- Words as {command=, app=, own=, rest=, options=}: `own` is a command of the app's, `rest`
-- are the words that are passed on.
local function read(words)
    local found, at, only_words = {options = {}, rest = {}}, 1, false
    while at <= #words do
        local word, is_last = words[at], false
        if word == "--" and not only_words then
            only_words = true
        elseif word:sub(1, 1) == "-" and #word > 1 and not only_words then
            at = take_option(found, words, at)
        else
            is_last = take_word(found, word)
        end
        at = at + 1
        if is_last then
            break
        end
    end
    for i = at, #words do
        table.insert(found.rest, words[i])
    end
    return found
end

local function check_options(found, command)
    for name in pairs(found.options) do
        local of = OPTIONS[name].of
        if of and not of[command] then
            wrong("the option --%s is not one of %s", name, command)
        end
    end
end

-- A first word that is no app may be a command that is misspelt.
local function check_first_word(word)
    local is_found, failure = pcall(loader.find, word)
    if is_found then
        return
    end
    local near = misuse.nearest(word, usage.COMMANDS)
    wrong(near and "%s; or did you mean the command %s?" or "%s", failure.text, near)
end

-- Whether a word can't be a command's name, but is how apps are named: a path, module:factory.
local function is_like_app(word)
    return word:find("[/:]") ~= nil or word:find("%.lua$") ~= nil
end

-- The command that was meant, checked; and what it is called with.
local function choose(found)
    if found.options.version then
        return "version"
    end
    local command = found.command or (found.own and "own") or "run"
    if found.options.help or command == "help" then
        return "help"
    end
    if not found.command and found.app then
        check_first_word(found.app)
    elseif found.own and not found.app and is_like_app(found.own) then
        check_first_word(found.own)
    end
    check_options(found, found.own and "the app's own commands" or command)
    found.app = found.app or loader.default()
    if not found.app and NEEDS_APP[command] then
        wrong("which app? As in: cflask-lua %s (cflask-lua --help tells more)",
              command == "run" and "hello.lua" or command .. " hello.lua")
    end
    return command
end

local function run(words)
    local found = read(words)
    local command = choose(found)
    if command == "help" then
        io.stdout:write(usage.text(found.command))
        if found.app and not found.command then
            io.stdout:write(commands.help_of(found.app))
        end
        return 0
    end
    return commands[command](found, wrong)
end

local function complain(text)
    local message, rest = text:match("^([^\n]*)(.*)$")
    if core.has_colours(2) then
        message = "\27[31m" .. message .. "\27[0m"
    end
    io.stderr:write("cflask-lua: ", message, rest, "\n")
end

-- What xpcall makes of an error: ours as they are, others with their traceback.
local function keep(raised)
    if getmetatable(raised) == Wrong or loader.is_failure(raised) then
        return raised
    end
    return debug.traceback(tostring(raised), 2)
end

-- Runs the command that the words give (argv[0] is the program); returns the exit status:
-- 0, 1 for what failed, 2 for wrong use.
function cli.main(argv)
    local is_fine, result = xpcall(run, keep, argv)
    if is_fine then
        return result
    elseif getmetatable(result) == Wrong then
        complain(result.text)
        return 2
    elseif loader.is_failure(result) then
        complain(result.text)
        return result.is_wrong_use and 2 or 1
    end
    complain(result)
    return 1
end

-- Loads the app that the words serve, anew and in a state of its own, and tells the core to
-- serve it; with `why`, a page that tells why it can't be loaded. Raises a text.
function cli.load(argv, why)
    local is_fine, raised = xpcall(function()
        local found = read(argv)
        local command = choose(found)
        if command == "lua" and not why then
            return commands.lua(found, wrong)
        end
        return commands.load(found, wrong, why)
    end, keep)
    if not is_fine then
        error(broken.explain(type(raised) == "table" and raised.text or tostring(raised)), 0)
    end
end

return cli
