-- The command line, run as a program: build/cflask-lua, or what CFLASK_LUA names.
local core = require "cflask.core"

local BIN = os.getenv("CFLASK_LUA") or core.getcwd() .. "/build/cflask-lua"
local folder

-- What a command prints (both outputs together) and its exit status.
local function run(words, environment)
    local pipe = assert(io.popen(("cd %s && %s %s %s 2>&1; echo \"exit $?\"")
        :format(folder, environment or "", BIN, words)))
    local text = pipe:read("a")
    pipe:close()
    local output, status = text:match("^(.*)exit (%d+)\n$")
    return output, tonumber(status)
end

local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
    file:close()
end

setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder .. "/tests")
    write("hello.lua", [[
        local flask = require "cflask"
        local app = flask.Flask(...)
        app:get("/", function() return "Hello World!" end)
        app:post("/users/<int:id>", "user", function() return "" end)
        app:cli("init-db", function(...) print("made", ...) return 3 end, "makes the tables")
        app:cli("wait", function() flask.sleep(0.01) print("waited") end)
        app:cli("broken", function() error("broken command") end)
        return app
    ]])
    write("syntax.lua", "local x = = 1")
    write("broken.lua", "local t\nprint(t.x)")
    write("script.lua", "print(#arg, arg[1], ..., require('cflask').version ~= nil)")
    write("exits.lua", "os.exit(7)")
    write("tests/fine_spec.lua", "it('is fine', function() assert.is_true(true) end)")
    write("tests/bad_spec.lua", "it('is bad', function() assert.is_true(false) end)")
    write("tests/exit_spec.lua", "it('exits', function() os.exit(0) end)")
end)

teardown(function() os.execute("rm -r " .. folder) end)

describe("cflask-lua routes", function()
    it("lists endpoint, methods and rule", function()
        local output, status = run("routes hello.lua")
        assert.equal(0, status)
        assert.truthy(output:find("user +OPTIONS, POST +/users/<int:id>"), output)
        assert.truthy(output:find("static +GET, HEAD, OPTIONS +/static/<path:filename>"), output)
    end)

    it("writes JSON", function()
        local output, status = run("routes --json hello.lua")
        assert.equal(0, status)
        local rows = core.json.decode(output)
        local found
        for _, row in ipairs(rows) do
            found = row.endpoint == "user" and row or found
        end
        assert.equal("/users/<int:id>", found.rule)
        assert.equal("OPTIONS", found.methods[1])
    end)

    it("takes the app from CFLASK_APP", function()
        assert.equal(0, select(2, run("routes", "CFLASK_APP=hello.lua")))
    end)
end)

describe("an app's own command", function()
    it("gets its words and gives the exit status", function()
        local output, status = run("hello.lua init-db a --b")
        assert.equal("made\ta\t--b\n", output)
        assert.equal(3, status)
    end)

    it("may wait", function()
        assert.equal("waited\n", (run("hello.lua wait")))
    end)

    it("that fails prints its traceback", function()
        local output, status = run("hello.lua broken")
        assert.equal(1, status)
        assert.truthy(output:find("broken command", 1, true))
        assert.truthy(output:find("stack traceback", 1, true))
        assert.is_nil(output:find("lua/cflask", 1, true), output)
    end)

    it("that is unknown is told so", function()
        local output, status = run("hello.lua nope")
        assert.equal(2, status)
        assert.truthy(output:find("its commands are broken, init-db, wait", 1, true), output)
    end)

    it("may be called with CFLASK_APP", function()
        assert.equal("made\tx\n", (run("init-db x", "CFLASK_APP=hello.lua")))
    end)
end)

describe("wrong use", function()
    it("is one line that says what to do, and exit status 2", function()
        for words, expected in pairs{
            ["nowhere.lua"] = "there is no app nowhere.lua",
            ["ruotes hello.lua"] = "or did you mean the command routes?",
            ["hello.lua --prot 1"] = "did you mean --port?",
            ["hello.lua --port"] = "needs a value",
            ["hello.lua --port=x"] = "--port must be a number",
            ["hello.lua --port 70000"] = "--port must be a number",
            ["hello.lua --debug=1"] = "takes no value",
            ["hello.lua --unix x.sock --port 1"] = "--unix takes the place of",
            ["hello.lua --workers=two"] = "--workers must be a number",
            ["hello.lua --workers 0"] = "from 1 to 256",
            ["hello.lua --workers 2 --debug"] = "--debug is for one worker",
            ["hello.lua --cert adhoc"] = "--cert is not built yet",
            ["--key x hello.lua"] = "--key is not built yet",
            ["hello.lua --json"] = "is not one of run",
            ["shell"] = "which app?",
            ["new"] = "which name?",
            ["new 2shop"] = "can't be the name of an app",
            ["new -x"] = "there is no option -x",
            ["new a b"] = "what is b?",
            ["new test"] = "the name of a command",
            ["new tests"] = "tests is there already, and not empty",
            ["new hello.lua/shop"] = "can't be made",
            ["new --c-module"] = "which name?",
            ["new --c-module 1x"] = "no digit first",
            ["new --c-module a b c"] = "which name?",
            ["new --c-module a tests"] = "tests is there already",
            ["check"] = "which app?",
            ["run hello.lua other.lua"] = "takes one app",
            ["run"] = "which app?",
            [""] = "which app?",
            ["lua"] = "which script?",
            ["lua nowhere.lua"] = "there is no file nowhere.lua",
        } do
            local output, status = run(words)
            assert.equal(2, status, words .. ": " .. output)
            assert.truthy(output:find(expected, 1, true), output)
            assert.truthy(output:find("^cflask%-lua: [^\n]+\n$"), output)
        end
    end)
end)

describe("Debug mode", function()
    it("is for one worker, wherever it is turned on", function()
        local output, status = run("hello.lua --workers 2", "CFLASK_DEBUG=1")
        assert.equal(2, status)
        assert.truthy(output:find("CFLASK_DEBUG is for one worker", 1, true), output)
        output, status = run("own.lua --workers 2 --port 0", [[
            sed 's/return app/app.debug = true return app/' hello.lua > own.lua; timeout 20]])
        assert.equal(1, status)
        assert.truthy(output:find("debug mode is for one worker", 1, true), output)
    end)
end)

describe("cflask-lua test where there are no tests", function()
    it("is told so in one line, with exit status 2", function()
        local output, status = run("test", "mkdir -p empty && cd empty &&")
        assert.equal(2, status)
        assert.truthy(output:find("^cflask%-lua: which tests%? [^\n]+\n$"), output)
    end)
end)

describe("a first word where an app is found without one", function()
    local function run_default(words)
        return run(words, "CFLASK_APP=hello.lua")
    end

    it("that is named as an app is not taken for a command", function()
        for _, word in ipairs{"nowhere.lua", "./nowhere", "shop:create_app"} do
            local output, status = run_default(word)
            assert.equal(2, status)
            assert.truthy(output:find("^cflask%-lua: there is no app [^\n]+\n$"), output)
        end
    end)

    it("that is a command misspelt is told so", function()
        local output, status = run_default("ruotes")
        assert.equal(2, status)
        assert.truthy(output:find("has no command ruotes: [^\n]+; did you mean routes%?\n$"), output)
    end)
end)

describe("an app that fails to load", function()
    it("for a name that its file returns as it is, is told so", function()
        local output, status = run("routes hello:app")
        assert.equal(1, status)
        assert.truthy(output:find("hello.lua returns its app: name it without :app\n$"), output)
    end)

    it("with a syntax error is one message and exit status 1", function()
        local output, status = run("syntax.lua")
        assert.equal(1, status)
        assert.truthy(output:find("syntax.lua:1:", 1, true))
        assert.truthy(output:find("^[^\n]+\n$"), output)
    end)

    it("prints its traceback and exits with 1", function()
        local output, status = run("routes broken.lua")
        assert.equal(1, status)
        assert.truthy(output:find("broken.lua:2:", 1, true))
        assert.truthy(output:find("stack traceback:\n\t[^\n]*broken.lua:2: in main chunk\n$"),
                      output)
        assert.is_nil(output:find("lua/cflask", 1, true), output)
    end)

    it("names what may have been meant", function()
        write("gett.lua", "require('cflask').Flask('x'):gett('/')")
        assert.truthy((run("routes gett.lua")):find("did you mean :get?", 1, true))
        write("python.lua", "require 'flask'")
        assert.truthy((run("routes python.lua")):find('it is called cflask here', 1, true))
    end)
end)

describe("the log", function()
    it("shows what is in a table that was raised", function()
        write("tables.lua", [[
            local app = require("cflask").Flask("x")
            app:get("/view", function() error{code = 7, why = "because"} end)
            app:get("/stream", function() return function() error{code = 8} end end)
            local client = app:test_client()
            client:get("/view")
            client:get("/stream")
        ]])
        local output = run("lua tables.lua")
        assert.truthy(output:find('{code = 7, why = "because"}\n', 1, true), output)
        assert.truthy(output:find("{code = 8}\n", 1, true), output)
    end)

    it("tells once of a cookie that browsers refuse", function()
        write("none.lua", [[
            local flask = require("cflask")
            for _ = 1, 3 do
                flask.Response():set_cookie("a", "1", {samesite = "None", secure = true})
                flask.Response():set_cookie("b", "1", {samesite = "None"})
            end
        ]])
        local output = run("lua none.lua")
        assert.truthy(output:find("refuse the cookie b: ", 1, true), output)
        assert.equal(1, select(2, output:gsub("refuse", "")), output)
    end)
end)

describe("cflask-lua lua", function()
    it("runs a script with its words", function()
        local output, status = run("lua script.lua a b")
        assert.equal(0, status)
        assert.equal("2\ta\ta\ttrue\n", output)
    end)

    it("gives the script's exit status", function()
        assert.equal(7, select(2, run("lua exits.lua")))
        assert.equal(1, select(2, run("lua broken.lua")))
    end)
end)

describe("cflask-lua test", function()
    it("passes options, output and exit status through", function()
        local output, status = run("test -o TAP tests/fine_spec.lua")
        assert.equal(0, status)
        assert.truthy(output:find("ok 1", 1, true), output)
        output, status = run("test tests/bad_spec.lua")
        assert.equal(1, status)
        assert.truthy(output:find("0 successes / 1 failure", 1, true), output)
    end)

    it("takes ./tests when no file is named", function()
        local output = run("test --exclude-pattern=exit")
        assert.truthy(output:find("1 success / 1 failure", 1, true), output)
    end)

    it("does not let a test end it unseen", function()
        local output, status = run("test tests/exit_spec.lua")
        assert.equal(1, status)
        assert.truthy(output:find("os.exit was called in a test", 1, true), output)
    end)
end)

-- What a shell of hello.lua says to the lines, both outputs together, and its exit status.
local function shell(lines)
    write("lines", lines)
    return run("shell hello.lua < lines")
end

describe("cflask-lua shell", function()
    it("runs lines of a script and shows what expressions give", function()
        local output, status = shell("1 + 1\n=_ * 21\nx = {b = 1, 'a', {}}\nx\nprint('printed')\n")
        assert.equal('2\n42\n{"a", {}, b = 1}\nprinted\n', output)
        assert.equal(0, status)
    end)

    it("goes on with lines that are not whole", function()
        assert.equal("1\n2\n7\n", (shell("for i = 1, 2 do\nprint(i)\nend\n(3 +\n4)\n")))
    end)

    it("has the app, a request and a client at hand", function()
        local output = shell('app\nrequest.path\nurl_for("user", {id = 3})\n'
                             .. 'client:get("/").text\n' .. "g.x = 1\ng.x\nflask.current_app == app\nrequest.args\n")
        assert.equal('<Flask hello>\n"/"\n"/users/3"\n"Hello World!"\n1\ntrue\n{}\n', output)
    end)

    it("has what shell_context_processors return, who see the app", function()
        write("context.lua", [[
            local flask = require "cflask"
            local app = flask.Flask(...)
            app:shell_context_processor(function()
                return {model = flask.current_app.name .. flask.request.path}
            end)
            return app
        ]])
        write("lines", "model\n")
        assert.equal('"context/"\n', (run("shell context.lua < lines")))
    end)

    it("waits where a line waits, and lets the client in between", function()
        assert.equal('"Hello World!"\n1\n', (shell(
            'flask.sleep(0.001) local r = client:get("/") flask.sleep(0.001) return r.text\n'
            .. "flask.gather{function() flask.sleep(0.001) return 1 end}\n")))
    end)

    it("opens other contexts from a line", function()
        assert.equal('"hello"\n"/x"\n', (shell(
            "app:app_context(function() return flask.current_app.name end)\n"
            .. 'app:test_request_context("/x", function() return request.path end)\n')))
    end)

    it("shows an error in one line, goes on, and ends with status 1", function()
        local output, status = shell("error('boom')\nlocal t = nil; t.x = 1\n1 +\n\n'go on'\n")
        assert.truthy(output:find((rawget(_G, "jit") and "" or "prompt:1: ") .. "boom\n", 1, true), output)
        assert.truthy(output:find("attempt to index [^\n]*a nil value"), output)
        assert.is_nil(output:find("traceback", 1, true), output)
        assert.equal(1, status)
        assert.equal(0, select(2, shell("1\n")))
    end)

    it("shows the app's frames of an error, none of the server's", function()
        write("deep.lua", [[
            local flask = require "cflask"
            local app = flask.Flask(...)
            function app.extensions.fail() local t = flask.null .. 1 return t end
            return app
        ]])
        write("lines", "app.extensions.fail()\n")
        local output = run("shell deep.lua < lines")
        assert.truthy(output:find("deep.lua:3: in f", 1, true), output)
        assert.is_nil(output:find("lua/cflask", 1, true), output)
    end)

    it("cuts what is long or deep, and names cycles", function()
        local output = shell("x = {} x.x = x\nx\n('a'):rep(5000)\n"
                             .. "t = {} for i = 1, 500 do t[i] = i end\nt\n"
                             .. "{{{{{{{{}}}}}}}}\n")
        assert.truthy(output:find("{x = <cycle>}", 1, true), output)
        assert.truthy(output:find("... (5000 bytes)", 1, true), output)
        assert.truthy(output:find("... 400 more", 1, true), output)
        assert.truthy(output:find("{{{{{{{...}}}}}}}", 1, true), output)
    end)

    it("keeps an ordered dict's order, sorts other keys, and survives what values do", function()
        assert.equal('{b = 1, a = 2}\n{1, a = 3, b = 2, ["c d"] = 4}\n<table>\n"\\255a\\000"\n',
                     (shell('flask.ordered{{"b", 1}, {"a", 2}}\n{1, b = 2, a = 3, ["c d"] = 4}\n'
                            .. "setmetatable({}, {__tostring = function() error(1) end})\n"
                            .. '"\\255a\\0"\n')))
    end)

    it("ends with exit or quit", function()
        assert.equal("1\n", (shell("1\nexit\n2\n")))
    end)
end)

describe("cflask-lua new", function()
    it("writes an app that passes its tests", function()
        local output, status = run("new shop")
        assert.equal(0, status)
        assert.truthy(output:find("shop/templates/layout.html\n", 1, true), output)
        output, status = run("test shop/tests")
        assert.equal(0, status, output)
        assert.truthy(output:find("7 successes / 0 failures / 0 errors", 1, true), output)
        folder = folder .. "/shop"
        output, status = run("test")
        local checked, is_safe = run("check app.lua")
        folder = folder:sub(1, -6)
        assert.equal(0, status, output)
        assert.equal(0, is_safe, checked)
        assert.is_nil(checked:find("slow", 1, true), checked)
    end)

    it("serves that app", function()
        run("new served")
        local client = require("cflask.testing").load(folder .. "/served"):test_client()
        assert.truthy(client:get("/").text:find("<title>served</title>", 1, true))
        local text = client:get("/about").text
        assert.truthy(text:find("<title>About - served</title>", 1, true), text)
        local r = client:post("/about")
        assert.equal(405, r.status_code)
        assert.truthy(r.headers.Allow:find("GET", 1, true))
    end)

    it("serves that app on a port as well", function()
        local script = [[cd FOLDER
            BIN new live >/dev/null
            BIN live --port 0 2>live.log &
            for _ in $(seq 1200); do
                url=$(grep -o 'http://[0-9.:]*' live.log) && break
                sleep 0.05
            done
            curl -s "$url/" "$url/static/style.css"
            kill $!
            wait $!]]
        local pipe = assert(io.popen((script:gsub("FOLDER", folder):gsub("BIN", BIN))))
        local text = pipe:read("a")
        pipe:close()
        assert.truthy(text:find("<title>live</title>", 1, true), text)
        assert.truthy(text:find("color-scheme", 1, true), text)
    end)

    it("gives each app a secret of its own, which others can't read", function()
        run("new one")
        run("new two")
        local function secret(name)
            return assert(io.open(folder .. "/" .. name .. "/.env")):read("a")
        end
        assert.truthy(secret("one"):find("^SECRET_KEY=%x+\n$"))
        assert.equal(64, #secret("one"):match("%x+\n$") - 1)
        assert.not_equal(secret("one"), secret("two"))
        assert.equal("600\n", assert(io.popen("stat -c %a " .. folder .. "/one/.env")):read("a"))
    end)

    it("fills an empty folder, but no other one", function()
        os.execute("mkdir " .. folder .. "/empty")
        assert.equal(0, select(2, run("new empty")))
        local output, status = run("new empty")
        assert.equal(2, status)
        assert.truthy(output:find("not empty", 1, true), output)
    end)

    it("writes all files of the skeleton", function()
        local names = {}
        for name in assert(io.popen("cd templates/new && find . -type f")):lines() do
            names[name:sub(3)] = true
        end
        for from in pairs(require("cflask.new").FILES) do
            names[from] = nil
        end
        assert.is_nil(next(names))
    end)
end)

describe("help and version", function()
    it("tells what an app's own command does, if it says so", function()
        local output, status = run("hello.lua init-db --help")
        assert.equal("usage: cflask-lua hello.lua init-db [words]\n\nmakes the tables\n", output)
        assert.equal(0, status)
    end)

    it("lists the app's own commands", function()
        local output = run("hello.lua --help")
        assert.truthy(output:find("Commands of hello:\n\n  broken   \n  init-db  makes the tables\n",
                                  1, true), output)
        assert.is_nil((run("broken.lua --help")):find("Commands of", 1, true))
    end)

    it("exist for the program and each command", function()
        for _, words in ipairs{"--help", "help", "run --help", "routes --help", "lua --help",
                               "shell --help", "new --help", "check --help",
                               "test --help", "version --help", "hello.lua --help"} do
            local output, status = run(words)
            assert.equal(0, status)
            assert.truthy(output:find("usage: cflask-lua", 1, true), words .. ": " .. output)
        end
        local output, status = run("version")
        assert.equal(0, status)
        assert.truthy(output:find("^cflask%-lua %d"), output)
        assert.equal(output, (run("--version")))
    end)
end)
