-- What --help prints.
local usage = {}

local MAIN = [[
usage: cflask-lua [run] APP [options]     serve an app
       cflask-lua routes APP [--json]     list its routes
       cflask-lua shell APP               try things at a prompt
       cflask-lua check APP [--json]      say what would be unsafe or slow in production
       cflask-lua new NAME                write a small app to begin with
       cflask-lua new --c-module NAME     write a C module, its Makefile and its test
       cflask-lua APP NAME [words]        run a command of the app's own
       cflask-lua test [busted options]   run tests under busted
       cflask-lua lua FILE [words]        run a Lua script with our modules at hand
       cflask-lua version                 say which version this is

APP is a Lua file that returns an app, a folder with app.lua or init.lua, or
module:factory. Without it, CFLASK_APP, ./app.lua or ./init.lua is taken.
`cflask-lua COMMAND --help` tells more of one command.
]]

local RUN = [[
usage: cflask-lua [run] APP [options]

Serves an app. Options may stand before or after APP.

  --host ADDRESS    listen there (127.0.0.1); CFLASK_RUN_HOST
  --port NUMBER     on this port (5000), 0 for any free one; CFLASK_RUN_PORT
  --unix PATH       listen on a Unix socket instead
  --workers N       serve by N processes (1), auto: one for each processor
  --debug           debug mode: saved files are served at once, tracebacks in the browser,
                    more in the log; CFLASK_DEBUG=1
  --access-log      write a line for each request (on with --debug)

`.env` in the app's folder and in the working directory is read first; what the
environment has already wins. Ctrl-C ends the server at once, SIGTERM lets what runs come
to its end first.
]]

local ROUTES = [[
usage: cflask-lua routes APP [--json]

Lists the routes of an app: endpoint, methods, rule. With --json as a JSON list of
{"endpoint", "methods", "rule"}, for other programs.
]]

local SHELL = [[
usage: cflask-lua shell APP

A prompt with the app at hand, in an app context and in a request for "/". At hand are app,
flask, request, session, g, url_for, client (a test client), and what the functions of
app:shell_context_processor(fn) return. `_` is the last value.

Tab completes, the arrows and Ctrl-R find earlier lines (kept in ~/.cflask_lua_history, or in
XDG_STATE_HOME; not those that begin with a blank), Ctrl-C drops the line or ends what runs,
Ctrl-D ends the shell. When the input is no terminal its lines are run without prompts.
]]

local CHECK = [[
usage: cflask-lua check APP [--json]

Loads the app and says what would be unsafe or slow in production, and what to do, one line
each, the gravest first:

  unsafe   others could do harm: the exit status is then 1, else 0
  slow     costs time for nothing
  hint     may be meant so

With --json as a JSON list of {"severity", "key", "message", "advice"}. Settings, routes, the
app's Lua files and its templates are looked at; no request is made.
]]

local TEST = [[
usage: cflask-lua test [busted options] [files or folders]

Runs tests under busted, inside this program. The folder of the app that the tests lie in
is on package.path. Without files or folders, ./tests or ./spec is taken. The exit status
is busted's, 1 when a test has failed. Among its options are

  -o NAME           how to report: TAP, json, junit, plainTerminal, utfTerminal, gtest
  --filter PATTERN  only tests whose name matches the Lua pattern; --filter-out
  -t TAGS           only tests with these #tags in their name; --exclude-tags
  -p PATTERN        which files of a folder are tests (_spec)
  -l                list the tests instead of running them
  -r NAME           the settings of that name in ./.busted
  --shuffle, --repeat N, -k, -v, -C FOLDER, --helper FILE, --coverage (needs luacov)

`cflask-lua test -- --help` lists them all.
]]

local SCRIPT = [[
usage: cflask-lua lua FILE [words]

Runs a Lua script; `...` and `arg` are the words. `require "cflask"` works in it. When the
script has called app:run(), that app is served afterwards.
]]

local VERSION = [[
usage: cflask-lua version [--header]

Prints the versions of cflask-lua and of Lua. With --header, the C header that C modules of
this very program are built with: cflask-lua version --header > cflask.h
]]

local NEW = [[
usage: cflask-lua new NAME
       cflask-lua new --c-module NAME [FOLDER]

Writes a small app into the folder NAME, which must not be there or be empty: app.lua, a
layout and pages, a form, a style sheet, tests, and a .env with a secret of its own. It runs
and passes its tests as it is: its README.md says how.

With --c-module: writes a C module into FOLDER (NAME), which must not be there: NAME.c, a
Makefile and a test. `make -C FOLDER test` builds and tests it.
]]

usage.COMMANDS = {
    run = RUN, routes = ROUTES, check = CHECK, test = TEST, lua = SCRIPT, version = VERSION,
    help = MAIN,
    shell = SHELL, new = NEW,
}

-- The help of a command, or that of the program for nil.
function usage.text(command)
    return usage.COMMANDS[command or "help"]
end

return usage
