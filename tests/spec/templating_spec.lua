local flask = require "cflask"

local root

local function write(path, text)
    local file = assert(io.open(root .. "/" .. path, "wb"))
    file:write(text)
    file:close()
end

-- An app that tests itself, with these templates in its folder.
local function new_app(files, options)
    options = options or {}
    options.root_path = root
    local app = flask.Flask("shop", options)
    app.config.TESTING = true
    for path, text in pairs(files or {}) do
        write(path, text)
    end
    return app
end

-- What an app renders of a source, in a request for the path.
local function string_in(app, source, context, path)
    return app:test_request_context(path or "/", function()
        return flask.render_template_string(source, context)
    end)
end

-- The error that fn raises.
local function error_of(fn, ...)
    local is_fine, err = pcall(fn, ...)
    assert.is_false(is_fine)
    return err
end

describe("templates", function()
    before_each(function()
        root = os.tmpname()
        os.remove(root)
        assert(os.execute("mkdir -p " .. root .. "/templates " .. root .. "/auth/templates/auth "
                          .. root .. "/blog"))
    end)
    after_each(function()
        os.execute("rm -rf " .. root)
    end)

    it("are found in the app's folder and rendered with what is passed", function()
        local app = new_app{["templates/hello.html"] = "Hello {{ name }}!"}
        app:get("/<name>", function(name)
            return flask.render_template("hello.html", {name = name})
        end)
        local r = app:test_client():get("/ann%3Cb%3E")
        assert.equal("Hello ann&lt;b&gt;!", r.text)
        assert.equal("text/html; charset=utf-8", r.headers["Content-Type"])
    end)

    it("can be given as a list, of which the first that exists is taken", function()
        local app = new_app{["templates/b.html"] = "b"}
        app:get("/", function() return flask.render_template{"a.html", "b.html"} end)
        assert.equal("b", app:test_client():get("/").text)
    end)

    it("are escaped by extension, in any case, and strings are", function()
        local names = {"a.html", "a.htm", "a.xml", "a.xhtml", "a.svg", "A.HTML", "a.b.Svg"}
        local plain = {"a.txt", "a", "html", "a.html.txt", "a.js"}
        local app = new_app()
        for _, list in ipairs{names, plain} do
            for _, name in ipairs(list) do
                write("templates/" .. name, "{{ '<' }}")
            end
        end
        app:app_context(function()
            for _, name in ipairs(names) do
                assert.equal("&lt;", flask.render_template(name), name)
            end
            for _, name in ipairs(plain) do
                assert.equal("<", flask.render_template(name), name)
            end
            assert.equal("&lt;", flask.render_template_string("{{ '<' }}"))
        end)
    end)

    it("see config, request, g, url_for, get_flashed_messages and csrf_token", function()
        local app = new_app()
        app.config.TITLE = "Shop"
        app:get("/item/<int:id>", "item", function()
            flask.g.user = "ann"
            return flask.render_template_string("{{ config.TITLE }} {{ request.path }} {{ g.user }} "
                .. "{{ url_for('item', id=3, q='a b', none=missing) }} "
                .. "{{ get_flashed_messages(true)|length }} {{ csrf_token is callable }}")
        end)
        assert.equal("Shop /item/7 ann /item/3?q=a+b 0 True",
                     app:test_client():get("/item/7").text)
    end)

    it("have tokens for forms, in imported macros too", function()
        local app = new_app{
            ["templates/f.html"] = "{% macro token() %}{{ csrf_token() }}{% endmacro %}",
            ["templates/form.html"] = "{% from 'f.html' import token %}{{ token() }}",
        }
        app.config.SECRET_KEY = "of this spec, not a real one"
        flask.csrf.protect(app)
        app:get("/", function() return flask.render_template("form.html") end)
        app:post("/", function() return "taken" end)
        local client = app:test_client()
        local token = client:get("/").text
        assert.equal("taken", client:post("/", {form = {csrf_token = token}}).text)
        assert.equal(400, client:post("/", {form = {csrf_token = "forged"}}).status_code)
    end)

    it("show flashed messages once, with their categories", function()
        local app = new_app()
        app.config.SECRET_KEY = "of this spec, not a real one"
        app:get("/flash", function()
            flask.flash("a <b>", "error")
            flask.flash("c")
            return ""
        end)
        app:get("/", function()
            return flask.render_template_string("{% for category, message in "
                .. "get_flashed_messages(with_categories=true) %}{{ category }}: {{ message }}. "
                .. "{% endfor %}{{ get_flashed_messages(category_filter=['error'])|length }}")
        end)
        local client = app:test_client()
        client:get("/flash")
        assert.equal("error: a &lt;b&gt;. message: c. 1", client:get("/").text)
        assert.equal("0", client:get("/").text)
    end)

    it("see them in imported macros too", function()
        local app = new_app{
            ["templates/m.html"] = "{% macro m() %}{{ request.path }} {{ config.X }} {{ g.y }} "
                .. "{{ url_for('page') }}{% endmacro %}",
            ["templates/p.html"] = "{% from 'm.html' import m %}{{ m() }}",
        }
        app.config.X = "x"
        app:get("/page/<id>", function(id)
            flask.g.y = id
            return flask.render_template("p.html")
        end)
        app:get("/page", "page", function() return "" end)
        local client = app:test_client()
        assert.equal("/page/1 x 1 /page", client:get("/page/1").text)
        assert.equal("/page/2 x 2 /page", client:get("/page/2").text)
    end)

    it("can be rendered outside of requests, where request is false", function()
        local app = new_app()
        app:app_context(function()
            assert.equal("none", flask.render_template_string(
                "{% if request or session %}some{% else %}none{% endif %}"))
            assert.has_error(function() flask.render_template_string("{{ request.path }}") end)
        end)
    end)

    it("read the request's dictionaries as Python's", function()
        local app = new_app()
        local function see(source)
            return string_in(app, "{% autoescape false %}" .. source .. "{% endautoescape %}", nil,
                             "/?q=1&q=2&r=x&keys=k&items=i")
        end
        assert.equal("1 1 x", see("{{ request.args.q }} {{ request.args['q'] }} "
                                  .. "{{ request.args.get('r', 'no') }}"))
        assert.equal("no", see("{{ request.args.get('zz', 'no') }}"))
        assert.equal("['q', 'r', 'keys', 'items']", see("{{ request.args.keys()|list }}"))
        assert.equal("q=1 r=x keys=k items=i ", see(
            "{% for k, v in request.args.items() %}{{ k }}={{ v }} {% endfor %}"))
        assert.equal("['1', '2'] 4 True False", see("{{ request.args.getlist('q') }} "
            .. "{{ request.args|length }} {{ 'r' in request.args }} {{ 's' in request.args }}"))
        assert.equal("{'q': '1', 'r': 'x', 'keys': 'k', 'items': 'i'}", see("{{ request.args }}"))
        assert.equal("localhost", see("{{ request.headers.get('HOST') }}"))
        assert.equal("True", see("{{ config.items()|list|length > 10 }}"))
        assert.equal("none", see("{{ g.get('x', 'none') }}"))
    end)

    it("take request.args, session and g for true as Python does", function()
        local app = new_app()
        app.config.SECRET_KEY = "of this spec, not a real one"
        local source = "{% if request.args %}a{% endif %}{% if session %}s{% endif %}"
            .. "{% if g %}g{% endif %}{% if request %}r{% endif %}"
        app:get("/", function()
            flask.session.user = "ann"
            return flask.render_template_string(source .. "{{ session.user }}"
                .. "{{ session.get('x', 'no') }}{{ session.items()|list }}{{ session['user'] }}")
        end)
        assert.equal("gr", string_in(app, source))
        assert.equal("agr", string_in(app, source, nil, "/?x="))
        assert.equal("sgrannno[(&#39;user&#39;, &#39;ann&#39;)]ann", app:test_client():get("/").text)
    end)

    it("are not there with template_folder = false", function()
        local app = new_app({["templates/a.html"] = "a"}, {template_folder = false})
        local err = app:app_context(function()
            return error_of(flask.render_template, "a.html")
        end)
        assert.equal("TemplateNotFound", err.type)
        assert.truthy(tostring(err):find("no template folder", 1, true))
    end)

    it("never come from outside their folder", function()
        local app = new_app{["secret.html"] = "secret", ["templates/a.html"] = "a"}
        app:app_context(function()
            for _, name in ipairs{"../secret.html", "x/../../secret.html", root .. "/secret.html",
                                  "a.html\0"} do
                assert.equal("TemplateNotFound", error_of(flask.render_template, name).type)
            end
        end)
    end)

    it("need an app", function()
        local err = error_of(flask.render_template, "a.html")
        assert.truthy(err:find("templating_spec.lua:%d+: render_template needs a running request"))
        local app = new_app()
        app:app_context(function()
            assert.truthy(error_of(flask.render_template):find("a template's name", 1, true))
        end)
    end)

    it("refuse a list in place of the variables", function()
        local app = new_app{["templates/a.html"] = "a"}
        app:app_context(function()
            for _, wrong in ipairs{"x", 3, {"x"}} do
                assert.truthy(error_of(flask.render_template, "a.html", wrong)
                    :find("the variables must be a table such as {name = value}", 1, true))
            end
        end)
    end)

    describe("of blueprints", function()
        local function with_blueprints()
            local app = new_app{
                ["auth/templates/auth/login.html"] = "auth's login",
                ["auth/templates/base.html"] = "auth's base",
                ["templates/base.html"] = "app's base",
                ["auth/templates/both.html"] = "auth's both",
                ["blog/both.html"] = "blog's both",
            }
            app:register_blueprint(flask.Blueprint("auth", {
                root_path = root .. "/auth", template_folder = "templates"}))
            app:register_blueprint(flask.Blueprint("blog", {
                root_path = root, template_folder = "blog"}))
            return app
        end

        it("come after the app's, in order of registration", function()
            with_blueprints():app_context(function()
                assert.equal("auth's login", flask.render_template("auth/login.html"))
                assert.equal("app's base", flask.render_template("base.html"))
                assert.equal("auth's both", flask.render_template("both.html"))
            end)
        end)

        it("come from nested ones too", function()
            local app = new_app{["blog/inner.html"] = "inner"}
            local outer = flask.Blueprint("outer")
            outer:register_blueprint(flask.Blueprint("inner", {root_path = root,
                                                               template_folder = "blog"}))
            app:register_blueprint(outer)
            app:app_context(function()
                assert.equal("inner", flask.render_template("inner.html"))
            end)
        end)

        it("are listed when a template is missing", function()
            with_blueprints():app_context(function()
                local err = error_of(flask.render_template, "gone.html")
                assert.is_true(flask.is(err, flask.TemplateError))
                assert.equal("TemplateNotFound", err.type)
                assert.equal("gone.html", err.message)
                local folders = {root .. "/templates", root .. "/auth/templates", root .. "/blog"}
                assert.same(folders, err.searched)
                assert.truthy(tostring(err):find("looked in " .. table.concat(folders, ", "), 1, true))
                err = error_of(flask.render_template_string, "x\n{% include 'gone.html' %}")
                assert.same(folders, err.searched)
                assert.equal(2, err.lineno)
            end)
        end)
    end)

    describe("'s context", function()
        it("has what processors of the app and of blueprints give, inner ones over outer "
           .. "ones, and what is passed over all", function()
            local app = new_app()
            local outer, inner = flask.Blueprint("outer"), flask.Blueprint("inner")
            local function give(thing, values)
                thing:context_processor(function() return values end)
            end
            give(app, {a = "app", b = "app", c = "app", d = "app", e = "app"})
            give(app, {b = "app 2", c = "app 2", d = "app 2", e = "app 2"})
            give(outer, {c = "outer", d = "outer", e = "outer"})
            give(inner, {d = "inner", e = "inner"})
            inner:get("/in", function()
                return flask.render_template_string("{{ [a, b, c, d, e]|join(', ') }}", {e = "view"})
            end)
            app:get("/out", function()
                return flask.render_template_string("{{ [a, b, c, d, e]|join(', ') }}", {e = "view"})
            end)
            outer:register_blueprint(inner)
            app:register_blueprint(outer)
            local client = app:test_client()
            assert.equal("app, app 2, outer, inner, view", client:get("/in").text)
            assert.equal("app, app 2, app 2, app 2, view", client:get("/out").text)
        end)

        it("has what a blueprint gives to the whole app", function()
            local app, bp = new_app(), flask.Blueprint("bp")
            bp:app_context_processor(function() return {year = 2024} end)
            app:register_blueprint(bp)
            assert.equal("2024", string_in(app, "{{ year }}"))
        end)

        it("leaves the table that was passed alone", function()
            local app, passed = new_app(), {x = 1}
            app:context_processor(function() return {y = 2} end)
            assert.equal("12", string_in(app, "{{ x }}{{ y }}{% set z = 3 %}", passed))
            assert.same({x = 1}, passed)
        end)

        it("may hide request and g", function()
            local app = new_app()
            app:context_processor(function() return {request = "r"} end)
            assert.equal("r g", string_in(app, "{{ request }} {{ g }}", {g = "g"}))
        end)

        it("needs processors that return a table", function()
            local app = new_app()
            app:context_processor(function() end)
            assert.truthy(error_of(string_in, app, "")
                :find("templating_spec.lua:%d+%) must return a table, not nil"))
        end)
    end)

    describe("'s filters, tests and globals", function()
        it("take keyword arguments in the places of the parameters that were named", function()
            local app = new_app()
            local function cut(text, length, ending)
                return text:sub(1, length or 3) .. (ending or "")
            end
            app:template_filter("cut", cut, {"text", "length", "ending"})
            app:template_filter("cut2", cut, {"length", "ending"})
            for _, name in ipairs{"cut", "cut2"} do
                assert.equal("abc ab. abcd. abc!", string_in(app, ("{{ 'abcdef'|N }} "
                    .. "{{ 'abcdef'|N(2, '.') }} {{ 'abcdef'|N(ending='.', length=4) }} "
                    .. "{{ 'abcdef'|N(ending='!') }}"):gsub("N", name) .. ""))
            end
            assert.truthy(tostring(error_of(string_in, app, "{{ 'a'|cut(size=3) }}"))
                :find("unexpected keyword argument 'size'", 1, true))
        end)

        it("take them as one last table without names", function()
            local app = new_app()
            app:template_global("show", function(...)
                local last = select(select("#", ...), ...)
                return select("#", ...) .. tostring(flask.is_kwargs(last)) .. tostring(last.b)
            end)
            assert.equal("2true3", string_in(app, "{{ show(1, b=3) }}"))
            assert.is_false(flask.is_kwargs({b = 3}))
        end)

        it("are an app's", function()
            local app = new_app()
            assert.equal(app.template_test, app.add_template_test)
            app:template_test("even_more", function(n) return n % 4 == 0 end)
            app:add_template_global("twice", function(n) return 2 * n end)
            assert.equal("True False 6", string_in(app,
                "{{ 8 is even_more }} {{ 6 is even_more }} {{ twice(3) }}"))
            assert.has_error(function() string_in(new_app(), "{{ 1 is even_more }}") end)
        end)

        it("may be put by a blueprint", function()
            local app, bp = new_app(), flask.Blueprint("bp")
            bp:app_template_filter("f", function(x) return "f" .. x end)
            bp:app_template_test("t", function(x) return x == 1 end)
            bp:app_template_global("g1", function() return "g" end)
            app:register_blueprint(bp)
            assert.equal("fx True g", string_in(app, "{{ 'x'|f }} {{ 1 is t }} {{ g1() }}"))
        end)

        it("must be named and be functions, and come before the first request", function()
            local app = new_app()
            local f = function() end
            assert.equal(f, app:template_filter("f", f))
            assert.equal(f, app:add_template_filter(f, "f2"))
            assert.truthy(error_of(function() app:template_filter(f) end):find("needs a name"))
            assert.truthy(error_of(function() app:template_filter("x", 3) end)
                :find("must be a function"))
            assert.truthy(error_of(function() app.template_filter("x", f) end):find("colon"))
            app:test_client():get("/")
            assert.truthy(error_of(function() app:template_filter("x", f) end)
                :find("after the first request"))
        end)

        it("may wait, in a view and in a streamed body", function()
            local app = new_app()
            app:template_global("wait", function(x) flask.sleep(0.01); return x end)
            app:template_filter("wait", function(x) flask.sleep(0.01); return x end)
            app:context_processor(function() flask.sleep(0.01); return {c = "c"} end)
            local source = "{{ wait('a') }}{{ 'b'|wait }}{{ ['x', 'y']|map('wait')|join }}{{ c }}"
            app:get("/", function() return flask.render_template_string(source) end)
            app:get("/stream", function() return flask.stream_template_string(source) end)
            assert.equal("abxyc", app:test_client():get("/").text)
            assert.equal("abxyc", app:test_client():get("/stream").text)
        end)

        it("let other tasks run while they wait", function()
            local app, seen = new_app(), {}
            app:template_global("wait", function(x)
                table.insert(seen, "in " .. x)
                flask.sleep(0.05)
                table.insert(seen, "out " .. x)
                return x
            end)
            app:get("/", function()
                local a, b = flask.gather{
                    function() return flask.render_template_string("{{ wait('a') }}") end,
                    function() return flask.render_template_string("{{ wait('b') }}") end,
                }
                return a .. b
            end)
            assert.equal("ab", app:test_client():get("/").text)
            assert.same({"in a", "in b", "out a", "out b"}, seen)
        end)
    end)

    describe("'s environment", function()
        it("takes Jinja's options", function()
            local app = new_app()
            app.jinja_env.trim_blocks = true
            app.jinja_env.lstrip_blocks = true
            app.jinja_env:add_extension("jinja2.ext.do")
            table.insert(app.jinja_env.extensions, "loopcontrols")
            app.jinja_env.globals.shop = "S"
            app.jinja_env.filters.dot = function(x) return x .. "." end
            assert.equal("S.1", string_in(app, "  {% do [].append(1) %}\n{{ shop|dot }}"
                .. "{% for i in [1, 2] %}\n{{ i }}{% break %}{% endfor %}"))
        end)

        it("takes them all at once, as jinja_options", function()
            local app = new_app()
            app.jinja_options = {variable_start_string = "<<", variable_end_string = ">>",
                                 globals = {x = 3}}
            assert.equal("3", string_in(app, "<< x >>"))
        end)

        it("translates", function()
            local app = new_app()
            app.jinja_env:add_extension("jinja2.ext.i18n")
            app.jinja_env:install_gettext_callables(function(text) return text:upper() end,
                function(one, many, n) return n == 1 and one or many end)
            assert.equal("HELLO many", string_in(app, "{% trans %}hello{% endtrans %} "
                .. "{{ ngettext('one', 'many', 2) }}"))
        end)

        it("says what it does not know", function()
            local app = new_app()
            assert.truthy(error_of(function() app.jinja_env.trim_block = true end)
                :find("did you mean trim_blocks?", 1, true))
            assert.truthy(error_of(function() app.jinja_env:add_extension("jinja2.ext.no") end)
                :find("there is no extension", 1, true))
        end)
    end)

    describe("are compiled once", function()
        it("and keep what they were when not in debug mode", function()
            local app = new_app{["templates/a.html"] = "one"}
            app:app_context(function()
                assert.equal("one", flask.render_template("a.html"))
                write("templates/a.html", "other")
                assert.equal("one", flask.render_template("a.html"))
            end)
        end)

        it("but anew when the file, a parent, an include or an import has changed, in debug "
           .. "mode", function()
            local app = new_app{
                ["templates/page.html"] = "{% extends 'base.html' %}{% import 'm.html' as m %}"
                    .. "{% block b %}{% include 'i.html' %}{{ m.x() }}{% endblock %}",
                ["templates/base.html"] = "base {% block b %}{% endblock %}",
                ["templates/i.html"] = "include ",
                ["templates/m.html"] = "{% from 'n.html' import n %}{% macro x() %}m{{ n() }}{% endmacro %}",
                ["templates/n.html"] = "{% macro n() %}n{% endmacro %}",
            }
            app.config.DEBUG = true
            app:app_context(function()
                local function now() return flask.render_template("page.html") end
                assert.equal("base include mn", now())
                write("templates/base.html", "base 2 {% block b %}{% endblock %}")
                assert.equal("base 2 include mn", now())
                write("templates/i.html", "include 2 ")
                assert.equal("base 2 include 2 mn", now())
                write("templates/n.html", "{% macro n() %}n2{% endmacro %}")
                assert.equal("base 2 include 2 mn2", now())
                write("templates/page.html", "page")
                assert.equal("page", now())
                os.remove(root .. "/templates/page.html")
                assert.equal("TemplateNotFound", error_of(now).type)
            end)
        end)

        it("and a file of the app's takes the place of a blueprint's in debug mode", function()
            local app = new_app{["blog/a.html"] = "blog's"}
            app:register_blueprint(flask.Blueprint("blog", {root_path = root,
                                                            template_folder = "blog"}))
            app.config.TEMPLATES_AUTO_RELOAD = true
            app:app_context(function()
                assert.equal("blog's", flask.render_template("a.html"))
                write("templates/a.html", "app's")
                assert.equal("app's", flask.render_template("a.html"))
            end)
        end)
    end)

    describe("send signals", function()
        it("before and after, with the template and its context", function()
            local app, seen = new_app{["templates/a.html"] = "text"}, {}
            local before = flask.signals.before_render_template:connect(function(sender, values)
                assert.equal(app, sender)
                table.insert(seen, "before " .. values.context.x .. values.context.y)
                assert.equal(flask.request, values.context.request)
            end, app)
            local after = flask.signals.template_rendered:connect(function(_, values)
                assert.truthy(values.template)
                table.insert(seen, "after")
            end, app)
            app:context_processor(function() return {y = "y"} end)
            app:get("/", function() return flask.render_template("a.html", {x = "x"}) end)
            app:get("/stream", function()
                local body = flask.stream_template("a.html", {x = "s"})
                table.insert(seen, "view")
                return body
            end)
            app:test_client():get("/")
            app:test_client():get("/stream")
            flask.signals.before_render_template:disconnect(before, app)
            flask.signals.template_rendered:disconnect(after, app)
            assert.same({"before xy", "after", "before sy", "view", "after"}, seen)
        end)
    end)

    describe("can be streamed", function()
        it("after the view has returned, with the request still current", function()
            local app = new_app{["templates/s.html"] =
                "{% for i in range(3000) %}{{ request.path }} {{ note(i) }}{% endfor %}"}
            local seen = {}
            app:template_global("note", function(i)
                if i == 0 then
                    table.insert(seen, "first")
                end
                return ""
            end)
            app:get("/s", function()
                local body = flask.stream_template("s.html")
                table.insert(seen, "view")
                return body
            end)
            local r = app:test_client():get("/s")
            assert.same({"view", "first"}, seen)
            assert.equal(("/s "):rep(3000), r.text)
            assert.is_nil(r.headers["Content-Length"])
        end)
    end)

    describe("give their macros and variables", function()
        it("to Lua", function()
            local app = new_app{["templates/m.html"] = "{% macro hello(name, end='!') %}"
                .. "Hello {{ name }}{{ end }}{% endmacro %}{% set x = 3 %}"}
            app:app_context(function()
                local hello = flask.get_template_attribute("m.html", "hello")
                assert.equal("Hello &lt;b&gt;!", tostring(hello("<b>")))
                assert.equal("Hello x?", tostring(hello("x", "?")))
                assert.equal(3, flask.get_template_attribute("m.html", "x"))
                assert.truthy(error_of(flask.get_template_attribute, "m.html", "nope")
                    :find('the template "m.html" has no macro or variable "nope"', 1, true))
            end)
        end)
    end)

    describe("that fail", function()
        -- What the log says of a request.
        local function log_of(app, path)
            app.config.TESTING = false
            local records = {}
            app.logger.error = function(_, format, ...)
                table.insert(records, format:format(...))
            end
            local r = app:test_client():get(path)
            assert.equal(500, r.status_code)
            return table.concat(records, "\n"), r
        end

        it("name the template, the line and the source line", function()
            local app = new_app{
                ["templates/a.html"] = "one\n{% include 'b.html' %}",
                ["templates/b.html"] = "\n\n  <b>{{ missing.x }}</b>",
            }
            app:get("/", function() return flask.render_template("a.html") end)
            local log = log_of(app, "/")
            assert.truthy(log:find("UndefinedError: 'missing' is undefined", 1, true))
            assert.truthy(log:find("/templates/b.html, line 3)", 1, true))
            assert.truthy(log:find("\n    <b>{{ missing.x }}</b>", 1, true))
            assert.truthy(log:find("/templates/a.html:2: {% include 'b.html' %}", 1, true))
        end)

        it("name them for errors of functions and URLs too", function()
            local app = new_app{["templates/a.html"] = "\n<a href=\"{{ url_for('nope') }}\">",
                                ["templates/c.html"] = "{{ broken() }}"}
            app:template_global("broken", function() error("broken on purpose") end)
            app:get("/", function() return flask.render_template("a.html") end)
            app:get("/c", function() return flask.render_template("c.html") end)
            local log = log_of(app, "/")
            assert.truthy(log:find("BuildError", 1, true))
            assert.truthy(log:find("/templates/a.html:2: <a href=\"{{ url_for('nope') }}\">", 1, true))
            log = log_of(app, "/c")
            assert.truthy(log:find("broken on purpose", 1, true))
            assert.truthy(log:find("/templates/c.html:1: {{ broken() }}", 1, true))
        end)

        it("name the syntax error's line", function()
            local app = new_app{["templates/a.html"] = "\n\n{% if %}"}
            app:get("/", function() return flask.render_template("a.html") end)
            local log = log_of(app, "/")
            assert.truthy(log:find("TemplateSyntaxError: Expected an expression", 1, true))
            assert.truthy(log:find("/templates/a.html, line 3)\n    {% if %}", 1, true))
        end)

        it("raise children of flask.TemplateError, which handlers may take", function()
            local app = new_app()
            app:errorhandler(flask.TemplateError, function(err)
                return err.type .. " " .. tostring(err.name) .. " " .. err.lineno, 500
            end)
            app:get("/", function() return flask.render_template_string("{{ x.y }}") end)
            assert.equal("UndefinedError nil 1", app:test_client():get("/").text)
        end)

        it("let errors of functions pass as they were raised", function()
            local app = new_app()
            app:template_global("gone", function() flask.abort(410, "sold out") end)
            app:get("/", function() return flask.render_template_string("{{ gone() }}") end)
            assert.equal(410, app:test_client():get("/").status_code)
        end)
    end)

    it("explain where they were looked for with EXPLAIN_TEMPLATE_LOADING", function()
        local app = new_app{["blog/a.html"] = "a"}
        app.config.EXPLAIN_TEMPLATE_LOADING = true
        app:register_blueprint(flask.Blueprint("blog", {root_path = root, template_folder = "blog"}))
        local records = {}
        app.logger.info = function(_, format, ...) table.insert(records, format:format(...)) end
        app:app_context(function() flask.render_template("a.html") end)
        local log = records[1]
        assert.truthy(log:find("Locating template 'a.html':\n    1: trying loader of application "
            .. "'shop'\n", 1, true))
        assert.truthy(log:find("- " .. root .. "/templates\n       -> no match\n    2: trying loader "
            .. "of blueprint 'blog' (blog)", 1, true))
        assert.truthy(log:find("-> found ('" .. root .. "/blog/a.html')", 1, true))
    end)

    it("print Markup as it is, which escapes what it is joined with", function()
        local app = new_app()
        local bold = flask.Markup("<b>")
        assert.equal("<b> <b>&lt;i&gt; &lt;i&gt;", string_in(app, "{{ a }} {{ b }} {{ c }}", {
            a = bold, b = bold .. "<i>", c = "<i>"}))
        assert.equal("&lt;<b>", tostring("<" .. bold))
        assert.equal("&lt;", tostring(flask.escape("<")))
    end)
end)
