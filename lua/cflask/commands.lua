-- The commands of the command line. Each takes what cli.lua read from the words and
-- wrong(fmt, ...), which ends with a message and exit status 2; it returns the exit status.
local broken = require "cflask.broken"
local config = require "cflask.config"
local core = require "cflask.core"
local loader = require "cflask.loader"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"
local secrets = require "cflask.secrets"
local traceback = require "cflask.traceback"
local usage = require "cflask.usage"

local commands = {}

-- ## run

local function port_of(value, wrong)
    local port = tonumber(value)
    if not port or port % 1 ~= 0 or port < 0 or port > 65535 then
        wrong("--port must be a number from 0 to 65535, not %s", tostring(value))
    end
    return math.floor(port)
end

local function refuse_unbuilt(options, wrong)
    if options.cert or options.key then
        wrong("--%s is not built yet: put a TLS proxy in front and leave it out",
              options.cert and "cert" or "key")
    end
end

-- Whether the environment asks for debug mode.
local function is_debug()
    local value = core.getenv("CFLASK_DEBUG")
    return value ~= nil and value ~= "" and value ~= "0" and value:lower() ~= "false"
end

-- How many workers serve: 0 stands for one on each processor.
local function workers_of(options, wrong)
    local value = options.workers or "1"
    local n = value == "auto" and 0 or value:find("^%d+$") and tonumber(value)
    if not n or n > 256 or n < 1 and value ~= "auto" then
        wrong("--workers must be a number from 1 to 256, or auto, not %s", value)
    elseif n ~= 1 and options.debug then
        wrong("--debug is for one worker: leave out --workers")
    elseif n ~= 1 and is_debug() then
        wrong("CFLASK_DEBUG is for one worker: leave out --workers, or set it to 0")
    end
    return n
end

-- The first of the values that is there.
local function first(...)
    for i = 1, select("#", ...) do
        local value = (select(i, ...))
        if value ~= nil and value ~= "" then
            return value
        end
    end
    return nil
end

-- The settings of a server: the command line's, else the environment's, else app:run{}'s.
local function settings_of(app, options, wrong)
    local noted = app._run_options or {}
    local debug_mode = app.config.DEBUG and true or false
    return {
        app = app._handle, lua_app = app, name = app.name, debug = debug_mode,
        host = first(options.host, core.getenv("CFLASK_RUN_HOST"), noted.host, "127.0.0.1"),
        port = port_of(first(options.port, core.getenv("CFLASK_RUN_PORT"), noted.port, 5000),
                       wrong),
        unix = first(options.unix, noted.unix),
        access_log = first(options["access-log"], noted.access_log, debug_mode) and true,
        before_serving = app._before_serving, after_serving = app._after_serving,
    }
end

-- Tells the core to serve an app once the command has returned. `why`: it stands for one that
-- can't be loaded, and that is why.
local function serve(app, options, wrong, why)
    local is_fine, message = pcall(config.check, app.config)
    if is_fine and not app.config.DEBUG then
        message = secrets.refusal(app)
        is_fine = message == nil
    end
    if not is_fine then
        loader.fail("%s", message)
    end
    local settings = settings_of(app, options, wrong)
    if settings.debug and not why and workers_of(options, wrong) ~= 1 then
        loader.fail("debug mode is for one worker, and the app turns it on: leave out --workers")
    end
    settings.is_broken, settings.error = why ~= nil, why
    function settings.on_listening(url)
        url = core.has_colours(2) and "\27[1;36m" .. url .. "\27[0m" or url
        io.stderr:write(("cflask-lua %s serves %s on %s (%sCtrl-C ends)\n"):format(
            core.version, app.name, url, settings.debug and "debug mode, " or ""))
        if settings.debug then
            io.stderr:write(("The debugger's PIN is %s\n"):format(core.debugger.pin()))
        end
    end
    core.serve(settings)
    return 0
end

-- While serving, what is printed goes to the log.
local function print_to_log()
    rawset(_G, "print", function(...)
        local words = {}
        for i = 1, select("#", ...) do
            words[i] = tostring((select(i, ...)))
        end
        core.log("info", table.concat(words, "\t"))
    end)
end

-- What each loading of the app begins with.
local function prepare(options)
    if options.debug then
        core.setenv("CFLASK_DEBUG", "1")
    end
    print_to_log()
end

-- Serves a page that tells why the app can't be loaded, until it can.
local function serve_broken(why, options, wrong)
    return serve(broken.app(why), options, wrong, why)
end

-- Loads the app anew, in a state of its own. With `why` only a page that tells why.
function commands.load(found, wrong, why)
    prepare(found.options)
    if why then
        return serve_broken(why, found.options, wrong)
    end
    return serve(loader.load(found.app), found.options, wrong)
end

function commands.run(found, wrong)
    local options = found.options
    refuse_unbuilt(options, wrong)
    local workers = workers_of(options, wrong)
    if options.port then
        port_of(options.port, wrong)
    end
    if options.unix and (options.port or options.host) then
        wrong("--unix takes the place of --host and --port: give the one or the others")
    end
    local status = core.supervise(workers)
    if status then
        return status -- the master's; what follows is a worker's
    end
    prepare(options)
    local is_fine, raised = pcall(function()
        return serve(loader.load(found.app), options, wrong)
    end)
    if is_fine then
        return 0
    elseif not is_debug() or not loader.is_failure(raised) or raised.is_wrong_use then
        error(raised, 0)
    end
    local why = broken.explain(raised.text)
    core.log("error", "the app can't be loaded:\n" .. why)
    return serve_broken(why, options, wrong)
end

-- Loads an app of which no request is asked: a database that is not there is not made.
local function load_to_inspect(spec)
    require("cflask.database").is_inspected = true
    return loader.load(spec)
end

-- ## routes

-- The methods that a rule answers, as the listing shows them.
local function methods_of(rule)
    local methods, seen = {}, {}
    for _, method in ipairs(rule.methods) do
        methods[#methods + 1] = method
        seen[method] = true
    end
    if seen.GET and not seen.HEAD then
        table.insert(methods, "HEAD")
    end
    if rule.automatic_options then
        table.insert(methods, "OPTIONS")
    end
    table.sort(methods)
    return methods
end

-- Appends the routes of an app, and of those mounted in it below their prefixes.
local function collect(app, prefix, rows)
    for _, rule in ipairs(app._rules) do
        table.insert(rows, {
            endpoint = rule.endpoint, methods = core.json.array(methods_of(rule)),
            rule = prefix .. rule.text,
            host = rule.options.host, subdomain = rule.options.subdomain,
        })
    end
    for _, mount in ipairs(app._mounts) do
        collect(mount.app, prefix .. mount.prefix:gsub("/+$", ""), rows)
    end
    return rows
end

local function print_table(rows)
    local lines, widths = {{"Endpoint", "Methods", "Rule"}}, {0, 0, 0}
    for _, row in ipairs(rows) do
        local where = row.host or row.subdomain
        table.insert(lines, {row.endpoint, table.concat(row.methods, ", "),
                             (where and "//" .. where or "") .. row.rule})
    end
    for _, line in ipairs(lines) do
        for i, text in ipairs(line) do
            widths[i] = math.max(widths[i], #text)
        end
    end
    table.insert(lines, 2, {("-"):rep(widths[1]), ("-"):rep(widths[2]), ("-"):rep(widths[3])})
    local shape = ("%%-%ds  %%-%ds  %%s\n"):format(widths[1], widths[2])
    for _, line in ipairs(lines) do
        io.stdout:write(shape:format(line[1], line[2], line[3]))
    end
end

function commands.routes(found)
    print_to_log() -- what the app prints while it loads is no part of the list
    local rows = core.json.array(collect(load_to_inspect(found.app), "", {}))
    table.sort(rows, function(a, b)
        if a.endpoint ~= b.endpoint then
            return a.endpoint < b.endpoint
        end
        if a.rule ~= b.rule then
            return a.rule < b.rule
        end
        return table.concat(a.methods) < table.concat(b.methods)
    end)
    if found.options.json then
        io.stdout:write(core.json.encode(rows, {indent = 2}), "\n")
    else
        print_table(rows)
    end
    return 0
end

-- ## check

function commands.check(found)
    return require("cflask.check").report(load_to_inspect(found.app), found.options.json)
end

-- ## shell

function commands.shell(found)
    return require("cflask.shell").start((loader.load(found.app)))
end

-- ## The app's own commands

-- The exit status that a command's result stands for.
function commands.status_of(result)
    if result == false then
        return 1
    elseif type(result) == "number" then
        return math.floor(result) % 256
    end
    return 0
end

local function known_commands(app)
    local names = {}
    for name in pairs(app._commands) do
        table.insert(names, name)
    end
    table.sort(names)
    return names[1] and "its commands are " .. table.concat(names, ", ")
        or "it has no commands of its own"
end

-- Runs a command of the app's: words[1] is its name. Returns the exit status, what it raised
-- (or nil) and the traceback.
function commands.run_own(app, words)
    local command = app._commands[words[1]]
    if not command then
        print(("the app %s has no command %s: %s"):format(app.name, tostring(words[1]),
                                                         known_commands(app)))
        return 2
    end
    local raised, trace
    local function keep(err)
        raised, trace = err, traceback.handler(err)
    end
    local args, count = {}, #words - 1
    for i = 1, count do
        args[i] = words[i + 1]
    end
    local result = core.with_app(app._handle, function()
        local is_fine, value = xpcall(command.fn, keep, (table.unpack or unpack)(args, 1, count))
        return is_fine and commands.status_of(value) or 1
    end)
    return result, raised, trace
end

-- What `cflask-lua APP --help` says of the app's own commands: "" when it can't be loaded.
function commands.help_of(spec)
    local is_fine, app = pcall(loader.load, spec)
    local names, widest = {}, 0
    for name in pairs(is_fine and app._commands or {}) do
        table.insert(names, name)
        widest = math.max(widest, #name)
    end
    table.sort(names)
    local lines = {}
    for i, name in ipairs(names) do
        lines[i] = ("  %s%s  %s\n"):format(name, (" "):rep(widest - #name),
                                           app._commands[name].help or "")
    end
    return names[1] and ("\nCommands of %s:\n\n%s"):format(app.name, table.concat(lines)) or ""
end

function commands.own(found, wrong)
    local app = loader.load(found.app)
    if not app._commands[found.own] then
        local near = misuse.nearest(found.own, usage.COMMANDS)
        wrong(near and "%s has no command %s: %s; did you mean %s?" or "%s has no command %s: %s",
              found.app, found.own, known_commands(app), near)
    end
    local help = app._commands[found.own].help
    if help and #found.rest == 1 and (found.rest[1] == "--help" or found.rest[1] == "-h") then
        print(("usage: cflask-lua %s %s [words]\n\n%s"):format(found.app, found.own, help))
        return 0
    end
    local words = {found.own}
    for _, word in ipairs(found.rest) do
        table.insert(words, word)
    end
    local status, _, trace = commands.run_own(app, words)
    if trace then
        io.stderr:write(trace, "\n")
    end
    return status
end

-- ## lua

function commands.lua(found, wrong)
    if not found.app then
        wrong("which script? As in: cflask-lua lua script.lua")
    elseif not core.is_file(found.app) then
        wrong("there is no file %s", found.app)
    end
    local chunk, message = loadfile(found.app)
    if not chunk then
        loader.fail("%s", message)
    end
    loader.begin(paths.absolute(found.app))
    rawset(_G, "arg", {[0] = found.app})
    for i, word in ipairs(found.rest) do
        arg[i] = word
    end
    local unpack = table.unpack or unpack
    local is_fine, trace = xpcall(chunk, traceback.handler, unpack(found.rest))
    if not is_fine then
        loader.fail("%s", tostring(trace))
    elseif loader.last_run() then
        return serve(loader.last_run(), {}, wrong)
    end
    return 0
end

-- ## test

-- busted's options that take a value as their next word.
local VALUED = {}
for name in ([[-p --pattern --exclude-pattern -e -o --output -C --directory -f --config-file
    --coverage-config-file -t --tags --exclude-tags --filter --filter-out -m --lpath --cpath
    -r --run --repeat --seed --lang --loaders --helper --lua -Xoutput -Xhelper]])
    :gmatch("%S+") do
    VALUED[name] = true
end

-- The files and folders among busted's words.
local function roots_of(words)
    local roots, at = {}, 1
    while at <= #words do
        local word = words[at]
        if VALUED[word] then
            at = at + 1
        elseif word:sub(1, 1) ~= "-" then
            table.insert(roots, word)
        end
        at = at + 1
    end
    return roots
end

-- The folder of the app that a test lies in: the nearest one above with app.lua or init.lua.
local function app_folder(path)
    local folder = paths.absolute(path)
    while folder ~= "/" and folder ~= "." do
        if core.is_file(folder .. "/app.lua") or core.is_file(folder .. "/init.lua") then
            return folder
        end
        folder = paths.folder(folder)
    end
    return nil
end

-- Ends busted: what it calls instead of os.exit.
local Ended = {}

-- Runs fn with an os.exit that ends fn alone when busted itself calls it. Anybody else's
-- call is an error: it would end the tests without a result.
local function without_exit(fn)
    local old = os.exit
    os.exit = function(code)
        local caller = debug.getinfo(2, "S")
        if caller and caller.source:find("busted/compatibility.lua", 1, true) then
            error(setmetatable({code = code}, Ended), 0)
        end
        error("os.exit was called in a test", 2)
    end
    local is_fine, result = xpcall(fn, function(raised)
        return getmetatable(raised) == Ended and raised
            or debug.traceback(tostring(raised), 2)
    end)
    os.exit = old
    return is_fine, result
end

local function exit_status(code)
    if code == nil or code == true then
        return 0
    end
    return code == false and 1 or code
end

-- The words with a folder of tests added where they name none.
local function with_root(words, roots)
    local all = {[0] = "cflask-lua test"}
    for i, word in ipairs(words) do
        all[i] = word
    end
    if #roots == 0 and not core.is_file(".busted") then
        for _, folder in ipairs{"tests", "spec"} do
            if core.is_dir(folder) then
                table.insert(all, folder)
                break
            end
        end
    end
    return all
end

-- Whether busted finds tests here without being told where.
local function has_tests()
    return core.is_file(".busted") or core.is_dir("tests") or core.is_dir("spec")
end

-- Modules that must be the same ones in every test file: busted loads what comes later anew
-- for each.
local function load_all()
    for _, name in ipairs{"cflask", "cflask.testing", "cflask.commands"} do
        require(name)
    end
end

function commands.test(found, wrong)
    local words = found.rest
    if words[1] == "--" then
        words = {(table.unpack or unpack)(words, 2)}
    elseif words[1] == "--help" or words[1] == "-h" then
        io.stdout:write(require("cflask.usage").text("test"))
        return 0
    end
    local is_there, runner = pcall(require, "busted.runner")
    if not is_there then
        io.stderr:write("cflask-lua: busted can't be loaded. On Debian, as root: apt-get install lua-busted\n")
        return 1
    end
    load_all()
    if #words == 0 and not has_tests() then
        wrong("which tests? There is no folder tests or spec here: "
              .. "cflask-lua test hello_spec.lua")
    end
    local roots = roots_of(words)
    loader.put_on_path(core.getcwd())
    for _, root in ipairs(roots) do
        local folder = app_folder(root)
        if folder then
            loader.put_on_path(folder)
        end
    end
    rawset(_G, "arg", with_root(words, roots))
    -- The chunk's name has no "@", so that busted calls itself "busted" in its messages.
    local start = load("local run = ... ; run({standalone = false})", "=cflask-lua test")
    local is_fine, result = without_exit(function() start(runner) end)
    if is_fine then
        return 0
    elseif getmetatable(result) == Ended then
        return exit_status(result.code)
    end
    io.stderr:write("cflask-lua: ", tostring(result), "\n")
    return 1
end

-- ## version, new

function commands.version(found)
    if found.options.header then
        io.stdout:write(core.embedded("server/cflask.h"))
        return 0
    end
    io.stdout:write(("cflask-lua %s (%s)\n"):format(core.version, jit and jit.version
                                                    or _VERSION))
    return 0
end

commands.new = require("cflask.new").run

return commands
