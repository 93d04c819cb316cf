local flask = require "cflask"

-- A folder with files, an app over it, and its client; all gone after the tests.
local folder, app, client

local CHANGED = 784111777
local CHANGED_DATE = "Sun, 06 Nov 1994 08:49:37 GMT"

local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
    file:close()
end

-- Runs shell commands in the folder.
local function run(commands)
    assert(os.execute("cd '" .. folder .. "' && " .. commands))
end

-- Long-lived views with what the test at hand says.
local view

-- What send_file, or another function, answers within a request.
local function answer(fn, options)
    view = fn
    return client:get("/view", options)
end

local function sent(what, options, request)
    return answer(function() return flask.send_file(what, options) end, request)
end

-- What is raised by fn within a request.
local function failure(fn)
    local is_fine, raised
    answer(function()
        is_fine, raised = pcall(fn)
        return "x"
    end)
    assert.is_false(is_fine)
    return tostring(raised)
end

setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder .. "/static/css/deep " .. folder .. "/static/.well-known "
               .. folder .. "/static/.hidden " .. folder .. "/data " .. folder .. "/secrets")
    write("static/a.txt", "0123456789")
    write("static/css/a.css", "body {}")
    write("static/css/deep/b.css", "deep")
    write("static/.secret", "secret")
    write("static/.hidden/x.txt", "hidden")
    write("static/.well-known/x.txt", "known")
    write("static/.well-known/.secret", "secret")
    write("static/empty.bin", "")
    write("static/back\\slash.txt", "backslash")
    write("static/sp ace.txt", "space")
    write("static/line\nbreak.txt", "line")
    write("static/\255.txt", "latin")
    write("static/grün.txt", "green")
    write("static/page.tar.gz", "packed")
    write("data/report.csv", "a,b\n1,2\n")
    write("outside.txt", "outside")
    write("secrets/key.txt", "key")
    run("ln -s ../outside.txt static/link.txt; ln -s a.txt static/inner.txt;"
        .. "ln -s css static/styles; ln -s ../secrets static/vault; ln -s .. static/up;"
        .. "ln -s \"$PWD/outside.txt\" static/absolute_out.txt;"
        .. "ln -s \"$PWD/static/a.txt\" static/absolute_in.txt;"
        .. "ln -s \"$PWD/static/css\" static/absolute_css;"
        .. "ln -s ../css/deep/../a.css static/css/round.css;"
        .. "ln -s ../../outside.txt static/css/out.txt;"
        .. "ln -s loop static/loop; ln -s none static/dangling; ln -s /dev/zero static/zero;"
        .. "ln -s /proc/self/root/etc/passwd static/magic; ln -s link.txt static/twice.txt;"
        .. "ln -s static public; mkfifo static/fifo;"
        .. "mkdir static-private; echo private >static-private/p.txt;"
        .. "ln -s ../static-private/p.txt static/sibling.txt;"
        .. "touch -d @" .. CHANGED .. " static/a.txt")
    app = flask.Flask("shop", {root_path = folder})
    app.testing = true
    app:get("/view", function() return view() end)
    app:get("/report", function()
        return flask.send_file("data/report.csv", {as_attachment = true,
                                                   download_name = "Bericht ä.csv"})
    end)
    app:get("/dir/<path:name>", function(name)
        return flask.send_from_directory("static", name, {max_age = 60})
    end)
    app:get("/public/<path:name>", function(name)
        return flask.send_from_directory(folder .. "/public/", name)
    end)
    client = app:test_client()
end)

teardown(function() os.execute("rm -r " .. folder) end)

describe("static files", function()
    it("have type, length, ETag and date", function()
        local r = client:get("/static/css/a.css")
        assert.equal(200, r.status_code)
        assert.equal("body {}", r.data)
        assert.equal("text/css; charset=utf-8", r.content_type)
        assert.equal("7", r.headers["Content-Length"])
        assert.truthy(r.headers.ETag:find('^".+"$'))
        assert.is_number(flask.parse_date(r.headers["Last-Modified"]))
        assert.equal("no-cache", r.headers["Cache-Control"])
        assert.equal("bytes", r.headers["Accept-Ranges"])
        assert.equal("inline; filename=a.css", r.headers["Content-Disposition"])
        assert.equal(CHANGED_DATE, client:get("/static/a.txt").headers["Last-Modified"])
    end)

    it("have another ETag when path, size or date differ", function()
        local first = client:get("/static/a.txt").headers.ETag
        assert.equal(first, client:get("/static/a.txt").headers.ETag)
        assert.not_equal(first, client:get("/static/inner.txt").headers.ETag)
        run("touch -d @1700000000.5 static/a.txt")
        local second = client:get("/static/a.txt").headers.ETag
        write("static/a.txt", "01234567890")
        run("touch -d @1700000000.5 static/a.txt")
        local third = client:get("/static/a.txt").headers.ETag
        write("static/a.txt", "0123456789")
        run("touch -d @" .. CHANGED .. " static/a.txt")
        assert.not_equal(first, second)
        assert.not_equal(second, third)
        assert.equal(first, client:get("/static/a.txt").headers.ETag)
    end)

    it("are never newer than their answer", function()
        run("touch -d @4000000000 static/css/deep/b.css")
        local r = client:get("/static/css/deep/b.css")
        assert.truthy(flask.parse_date(r.headers["Last-Modified"])
                      <= flask.parse_date(r.headers.Date))
    end)

    it("answer HEAD without the body", function()
        local r = client:head("/static/a.txt")
        assert.equal(200, r.status_code)
        assert.equal("", r.data)
        assert.equal("10", r.headers["Content-Length"])
        assert.equal(client:get("/static/a.txt").headers.ETag, r.headers.ETag)
        assert.equal(CHANGED_DATE, r.headers["Last-Modified"])
    end)

    it("hold no descriptor for a HEAD or a 304", function()
        collectgarbage("stop")
        for _ = 1, 1100 do
            assert.equal(200, client:head("/static/a.txt").status_code)
            assert.equal(304, client:get("/static/a.txt", {headers = {["If-None-Match"] = "*"}})
                .status_code)
        end
        collectgarbage("restart")
    end)

    it("are 304 for a client that has them", function()
        local first = client:get("/static/a.txt")
        for name, value in pairs{["If-None-Match"] = first.headers.ETag,
                                 ["If-Modified-Since"] = first.headers["Last-Modified"]} do
            for _, method in ipairs{"GET", "HEAD"} do
                local r = client:open("/static/a.txt", {method = method,
                                                        headers = {[name] = value}})
                assert.equal(304, r.status_code)
                assert.equal("", r.data)
                assert.equal(first.headers.ETag, r.headers.ETag)
                assert.equal("no-cache", r.headers["Cache-Control"])
                assert.is_nil(r.headers["Content-Type"])
                assert.is_nil(r.headers["Content-Length"])
            end
        end
    end)

    it("are sent in part", function()
        local rows = {
            {"bytes=2-4", 206, "234", "bytes 2-4/10"},
            {"bytes=0-0", 206, "0", "bytes 0-0/10"},
            {"bytes=9-9", 206, "9", "bytes 9-9/10"},
            {"bytes=9-", 206, "9", "bytes 9-9/10"},
            {"bytes=5-", 206, "56789", "bytes 5-9/10"},
            {"bytes=-3", 206, "789", "bytes 7-9/10"},
            {"bytes=-10", 206, "0123456789", "bytes 0-9/10"},
            {"bytes=-5000", 206, "0123456789", "bytes 0-9/10"},
            {"bytes=0-9", 206, "0123456789", "bytes 0-9/10"},
            {"bytes=0-5000", 206, "0123456789", "bytes 0-9/10"},
            {"bytes=8-99999999999999999999999", 206, "89", "bytes 8-9/10"},
            {"BYTES = 2-4", 206, "234", "bytes 2-4/10"},
            {"bytes=10-", 416, nil, "bytes */10"},
            {"bytes=20-30", 416, nil, "bytes */10"},
            {"bytes=99999999999999999999999-", 416, nil, "bytes */10"},
            {"bytes=-0", 416, nil, "bytes */10"},
            {"bytes=4-2", 416, nil, "bytes */10"},
            {"bytes=x", 416, nil, "bytes */10"},
            {"bytes=0-1,4-5", 200, "0123456789"},
            {"bytes=0-1,-1", 200, "0123456789"},
            {"lines=0-1", 200, "0123456789"},
        }
        for _, row in ipairs(rows) do
            local r = client:get("/static/a.txt", {headers = {Range = row[1]}})
            assert.equal(row[2], r.status_code, row[1])
            assert.equal(row[4], r.headers["Content-Range"], row[1])
            if row[3] then
                assert.equal(row[3], r.data, row[1])
                assert.equal(tostring(#row[3]), r.headers["Content-Length"])
                assert.equal("bytes", r.headers["Accept-Ranges"])
            end
        end
        local r = client:head("/static/a.txt", {headers = {Range = "bytes=2-4"}})
        assert.equal("3", r.headers["Content-Length"])
        assert.equal("", r.data)
    end)

    it("are sent in part only if they are still the same", function()
        local tag = client:get("/static/a.txt").headers.ETag
        for if_range, status in pairs{[tag] = 206, [CHANGED_DATE] = 206, ['"x"'] = 200,
                                      ["W/" .. tag] = 200,
                                      ["Sun, 06 Nov 1994 08:49:38 GMT"] = 200} do
            local r = client:get("/static/a.txt", {headers = {Range = "bytes=2-4",
                                                              ["If-Range"] = if_range}})
            assert.equal(status, r.status_code, if_range)
            assert.equal(status == 206 and "234" or "0123456789", r.data)
        end
        assert.equal(200, client:get("/static/a.txt", {headers = {["If-Range"] = '"x"'}})
            .status_code)
    end)

    it("may be empty", function()
        for _, range in ipairs{"", "bytes=0-0", "bytes=-1"} do
            local r = client:get("/static/empty.bin", {headers = {Range = range ~= "" and range
                                                                  or nil}})
            assert.equal(200, r.status_code)
            assert.equal("", r.data)
            assert.equal("0", r.headers["Content-Length"])
            assert.equal("application/octet-stream", r.content_type)
        end
    end)

    it("may be large", function()
        write("static/large.bin", ("0123456789abcdef"):rep(200000))
        assert.equal(3200000, #client:get("/static/large.bin").data)
        local r = client:get("/static/large.bin", {headers = {Range = "bytes=1600001-3199998"}})
        assert.equal(1599998, #r.data)
        assert.equal("1234", r.data:sub(1, 4))
        assert.equal("cde", r.data:sub(-3))
    end)

    it("say what they are packed with", function()
        local r = client:get("/static/page.tar.gz")
        assert.equal("application/x-tar", r.content_type)
        assert.equal("gzip", r.headers["Content-Encoding"])
    end)

    it("may have any name", function()
        assert.equal("backslash", client:get("/static/back%5Cslash.txt").data)
        assert.equal("space", client:get("/static/sp%20ace.txt").data)
        local r = client:get("/static/gr%C3%BCn.txt")
        assert.equal("green", r.data)
        assert.equal("inline; filename=grun.txt; filename*=UTF-8''gr%C3%BCn.txt",
                     r.headers["Content-Disposition"])
        r = answer(function() return flask.send_from_directory("static", "line\nbreak.txt") end)
        assert.equal("line", r.data)
        assert.equal("inline", r.headers["Content-Disposition"])
    end)
end)

describe("outside of its folder", function()
    it("no path finds a file", function()
        for _, path in ipairs{
            "../outside.txt", "%2e%2e/outside.txt", "..%2foutside.txt", "css/../../outside.txt",
            "css/deep/../../../outside.txt", "a.txt/../../outside.txt", "./../outside.txt",
            ".%2e/outside.txt", "%2e%2e%2f%2e%2e%2fetc/passwd", "//etc/passwd", "%2Fetc%2Fpasswd",
            "..%5Coutside.txt", "..\\outside.txt", "..", "../", "../static-private/p.txt",
            "..%00/outside.txt", "a.txt%00", "a.txt%00.css", "%00", "up/outside.txt",
        } do
            for _, start in ipairs{"/static/", "/dir/", "/public/"} do
                local r = client:get(start .. path, {follow_redirects = true})
                assert.equal(404, r.status_code, start .. path)
            end
        end
    end)

    it("no symbolic link leads to a file", function()
        for _, name in ipairs{"link.txt", "vault/key.txt", "absolute_out.txt", "css/out.txt",
                              "styles/out.txt", "magic", "twice.txt", "sibling.txt", "up",
                              "loop", "dangling", "zero", "loop/a.txt"} do
            assert.equal(404, client:get("/static/" .. name).status_code, name)
        end
    end)

    it("symbolic links to places inside are fine", function()
        assert.equal("0123456789", client:get("/static/inner.txt").data)
        assert.equal("0123456789", client:get("/static/absolute_in.txt").data)
        assert.equal("body {}", client:get("/static/styles/a.css").data)
        assert.equal("body {}", client:get("/static/absolute_css/a.css").data)
        assert.equal("deep", client:get("/static/absolute_css/deep/b.css").data)
        assert.equal("body {}", client:get("/static/css/round.css").data)
        assert.equal("0123456789", client:get("/public/absolute_in.txt").data)
        assert.equal("0123456789", client:get("/static/up/static/a.txt").data)
    end)

    it("dots that stay inside are fine", function()
        assert.equal("0123456789", client:get("/static/css/../a.txt").data)
        assert.equal("0123456789", client:get("/static/./css/./deep/../../a.txt").data)
        assert.equal("0123456789", client:get("/static/none/../a.txt").data)
    end)
end)

describe("what is no regular file", function()
    it("is not there", function()
        for _, name in ipairs{"", "css", "css/", "css/deep", "fifo", "none", "a.txt/x",
                              ("x"):rep(300), ("x/"):rep(2500)} do
            assert.equal(404, client:get("/static/" .. name, {follow_redirects = true})
                .status_code, name)
        end
    end)

    it("is not there for send_file either", function()
        for _, path in ipairs{"none", "static", "static/fifo", "/dev/null", "static/a.txt\0x",
                              "static/a.txt/"} do
            local is_fine, err
            answer(function()
                is_fine, err = pcall(flask.send_file, path)
                return "x"
            end)
            assert.is_false(is_fine, path)
            assert.is_true(flask.is(err, flask.exceptions.NotFound), path)
        end
    end)
end)

describe("names that begin with a dot", function()
    it("are not there, but for .well-known", function()
        for _, name in ipairs{".secret", ".hidden/x.txt", ".well-known/.secret",
                              "css/../.secret", ".hidden/../.secret"} do
            assert.equal(404, client:get("/static/" .. name).status_code, name)
        end
        assert.equal("known", client:get("/static/.well-known/x.txt").data)
        assert.equal("0123456789", client:get("/static/.hidden/../a.txt").data)
    end)

    it("are there with STATIC_DOTFILES", function()
        app.config.STATIC_DOTFILES = true
        local data = client:get("/static/.hidden/x.txt").data
        app.config.STATIC_DOTFILES = nil
        assert.equal("hidden", data)
        assert.equal(404, client:get("/static/.hidden/x.txt").status_code)
    end)
end)

describe("send_file", function()
    it("can be a download with a name of its own", function()
        local r = client:get("/report")
        assert.equal("a,b\n1,2\n", r.data)
        assert.equal("text/csv; charset=utf-8", r.content_type)
        assert.equal("attachment; filename=\"Bericht a.csv\"; "
                     .. "filename*=UTF-8''Bericht%20%C3%A4.csv", r.headers["Content-Disposition"])
    end)

    it("names downloads as RFC 6266 and 8187 have it", function()
        for name, field in pairs{
            ["plain.txt"] = "filename=plain.txt",
            ["with space.txt"] = 'filename="with space.txt"',
            ['quo"te\\.txt'] = 'filename="quo\\"te\\\\.txt"',
            ["a;b.txt"] = 'filename="a;b.txt"',
            ["Ünïcödé.txt"] = "filename=Unicode.txt; "
                .. "filename*=UTF-8''%C3%9Cn%C3%AFc%C3%B6d%C3%A9.txt",
            ["текст"] = "filename=\"\"; filename*=UTF-8''%D1%82%D0%B5%D0%BA%D1%81%D1%82",
            ["€ 'x'*.txt"] = "filename=\" 'x'*.txt\"; "
                .. "filename*=UTF-8''%E2%82%AC%20%27x%27%2A.txt",
        } do
            local r = sent({data = "x"}, {download_name = name, as_attachment = true})
            assert.equal("attachment; " .. field, r.headers["Content-Disposition"])
        end
        assert.is_string(failure(function()
            flask.send_file({data = "x"}, {download_name = "a\r\nSet-Cookie: b"})
        end))
    end)

    it("keeps the path's name for a download, unless that is switched off", function()
        local r = sent("data/report.csv", {as_attachment = true})
        assert.equal("attachment; filename=report.csv", r.headers["Content-Disposition"])
        r = sent("data/report.csv", {as_attachment = true, download_name = false})
        assert.equal("attachment", r.headers["Content-Disposition"])
        assert.equal("text/csv; charset=utf-8", r.content_type)
        r = sent("data/report.csv", {download_name = false})
        assert.is_nil(r.headers["Content-Disposition"])
        r = sent("static/page.tar.gz", {as_attachment = true})
        assert.is_nil(r.headers["Content-Encoding"])
    end)

    it("takes bytes", function()
        local r = sent({data = "bytes"}, {mimetype = "text/plain"})
        assert.equal("bytes", r.data)
        assert.equal("text/plain; charset=utf-8", r.content_type)
        assert.is_nil(r.headers.ETag)
        assert.is_nil(r.headers["Last-Modified"])
        assert.is_nil(r.headers["Content-Disposition"])
        r = sent({data = "bytes"}, {mimetype = "text/plain"}, {headers = {Range = "bytes=1-2"}})
        assert.equal(206, r.status_code)
        assert.equal("yt", r.data)
        assert.equal("", sent({data = ""}, {mimetype = "text/plain"}).data)
        assert.equal("a\0b", sent({data = "a\0b"}, {download_name = "x.bin"}).data)
    end)

    it("takes open files, from where they stand", function()
        local r = sent(app:open_resource("data/report.csv"), {mimetype = "text/csv"})
        assert.equal("a,b\n1,2\n", r.data)
        assert.is_nil(r.headers.ETag)
        r = answer(function()
            local file = io.open(folder .. "/data/report.csv", "rb")
            file:read("*l")
            local response = flask.send_file(file, {download_name = "x.csv"})
            file:close()
            return response
        end, {headers = {Range = "bytes=2-"}})
        assert.equal(206, r.status_code)
        assert.equal("2\n", r.data)
        assert.equal("bytes 2-3/4", r.headers["Content-Range"])
        r = answer(function()
            local file = io.tmpfile()
            file:write("written")
            file:seek("set")
            return flask.send_file(file, {mimetype = "text/plain"})
        end)
        assert.equal("written", r.data)
    end)

    it("takes an ETag and a date of one's own", function()
        local r = sent({data = "x"}, {mimetype = "text/plain", etag = "v1",
                                      last_modified = CHANGED})
        assert.equal('"v1"', r.headers.ETag)
        assert.equal(CHANGED_DATE, r.headers["Last-Modified"])
        r = sent("data/report.csv", {etag = false, last_modified = false})
        assert.is_nil(r.headers.ETag)
        assert.is_nil(r.headers["Last-Modified"])
        r = sent("data/report.csv", {etag = true, last_modified = CHANGED})
        assert.truthy(r.headers.ETag)
        assert.equal(CHANGED_DATE, r.headers["Last-Modified"])
    end)

    it("lets caches keep it for max_age seconds", function()
        local before = os.time()
        local r = sent("data/report.csv", {max_age = 60})
        assert.equal("public, max-age=60", r.headers["Cache-Control"])
        local expires = flask.parse_date(r.headers.Expires)
        assert.truthy(expires >= before + 60 and expires <= os.time() + 61)
        r = sent("data/report.csv", {max_age = 0})
        assert.equal("no-cache, max-age=0", r.headers["Cache-Control"])
        r = sent("data/report.csv")
        assert.equal("no-cache", r.headers["Cache-Control"])
        assert.is_nil(r.headers.Expires)
        app.config.SEND_FILE_MAX_AGE_DEFAULT = 3600
        r = sent("data/report.csv")
        local static = client:get("/static/a.txt")
        local none = sent("data/report.csv", {max_age = false})
        app.config.SEND_FILE_MAX_AGE_DEFAULT = nil
        assert.equal("public, max-age=3600", r.headers["Cache-Control"])
        assert.equal("public, max-age=3600", static.headers["Cache-Control"])
        assert.equal("no-cache", none.headers["Cache-Control"])
    end)

    it("answers conditions unless it shall not", function()
        local headers = {["If-None-Match"] = "*", Range = "bytes=0-1"}
        assert.equal(304, sent("data/report.csv", {}, {headers = headers}).status_code)
        local r = sent("data/report.csv", {conditional = false}, {headers = headers})
        assert.equal(200, r.status_code)
        assert.equal("a,b\n1,2\n", r.data)
    end)

    it("says what it needs, at the line of the call", function()
        local closed = io.open(folder .. "/outside.txt")
        closed:close()
        local pipe = io.popen("true")
        for _, call in ipairs{
            {3}, {closed}, {pipe}, {{}}, {{data = 3}}, {{data = "x"}}, {"a", {mimetype = 3}},
            {{data = "x"}, {mimetype = "text/plain", as_attachment = true}},
            {"outside.txt", {max_age = "60"}}, {"outside.txt", {last_modified = "now"}},
            {"outside.txt", {etag = 3}}, {"outside.txt", {etag = 'a"b'}},
            {"outside.txt", {download_name = 3}}, {"outside.txt", {mimtype = "text/plain"}},
            {"outside.txt", {mimetype = "text/plain\r\nX: y"}},
        } do
            local message = failure(function()
                local response = flask.send_file(call[1], call[2])
                return response
            end)
            assert.truthy(message:find("files_spec.lua:%d+: "), message)
        end
        pipe:close()
        local writing = io.open(folder .. "/data/written", "wb")
        assert.truthy(failure(function()
            flask.send_file(writing, {mimetype = "text/plain"})
        end):find("reading", 1, true))
        writing:close()
    end)

    it("needs a request", function()
        assert.is_false(pcall(flask.send_file, folder .. "/outside.txt"))
        assert.is_false(pcall(flask.send_from_directory, folder, "outside.txt"))
    end)

    it("gives a response that may be changed", function()
        local r = answer(function()
            local response = flask.send_file("data/report.csv")
            response.headers["X-Own"] = "1"
            response.cache_control = {private = true}
            return response, 201
        end)
        assert.equal(201, r.status_code)
        assert.equal("1", r.headers["X-Own"])
        assert.equal("private", r.headers["Cache-Control"])
        assert.equal("a,b\n1,2\n", r.data)
        r = answer(function()
            local response = flask.send_file("data/report.csv")
            response.data = "other"
            return response
        end)
        assert.equal("other", r.data)
    end)
end)

describe("errors of files", function()
    local handled

    setup(function()
        handled = flask.Flask("handled", {root_path = folder})
        for _, code in ipairs{404, 412, 416} do
            handled:errorhandler(code, function(err)
                return "own " .. err.code, err.code, {["X-Range"] =
                    err.response.headers["Content-Range"]}
            end)
        end
        handled:after_request(function(response) response.headers["X-After"] = "1" end)
    end)

    it("are the app's to answer", function()
        local own = handled:test_client()
        assert.equal("own 404", own:get("/static/none").text)
        assert.equal("own 404", own:get("/static/link.txt").text)
        assert.equal("own 412", own:get("/static/a.txt", {headers = {["If-Match"] = '"x"'}}).text)
        local r = own:get("/static/a.txt", {headers = {Range = "bytes=10-"}})
        assert.equal("own 416", r.text)
        assert.equal("bytes */10", r.headers["X-Range"])
        assert.equal("1", r.headers["X-After"])
    end)

    it("have a page without them", function()
        local r = client:get("/static/a.txt", {headers = {["If-Match"] = '"x"'}})
        assert.equal(412, r.status_code)
        assert.truthy(r.text:find("Precondition Failed", 1, true))
        assert.is_nil(r.headers.ETag)
        r = client:get("/static/a.txt", {headers = {Range = "bytes=10-"}})
        assert.equal(416, r.status_code)
        assert.equal("bytes */10", r.headers["Content-Range"])
    end)
end)

describe("send_from_directory", function()
    it("sends what lies in the folder, and nothing else", function()
        local r = client:get("/dir/css/a.css")
        assert.equal("body {}", r.data)
        assert.truthy(r.headers["Cache-Control"]:find("max-age=60", 1, true))
        assert.equal(404, client:get("/dir/link.txt").status_code)
        assert.equal(404, client:get("/dir/none").status_code)
    end)

    it("follows a link that is the folder itself", function()
        assert.equal("body {}", client:get("/public/css/a.css").data)
        assert.equal(404, client:get("/public/link.txt").status_code)
    end)

    it("finds nothing in a folder that is none", function()
        for _, dir in ipairs{"nowhere", "outside.txt", ""} do
            local r = answer(function()
                return flask.send_from_directory(dir, "x")
            end)
            assert.equal(404, r.status_code)
        end
    end)
end)
