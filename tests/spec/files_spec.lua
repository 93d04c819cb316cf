local flask = require "cflask"

-- A folder with files, an app over it, and its client; all gone after the tests.
local folder, app, client

local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
    file:close()
end

setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder .. "/static/css " .. folder .. "/static/.well-known "
               .. folder .. "/data")
    write("static/a.txt", "0123456789")
    write("static/css/a.css", "body {}")
    write("static/.secret", "secret")
    write("static/.well-known/x.txt", "known")
    write("static/empty.bin", "")
    write("data/report.csv", "a,b\n1,2\n")
    write("outside.txt", "outside")
    os.execute("ln -s ../outside.txt " .. folder .. "/static/link.txt")
    os.execute("ln -s a.txt " .. folder .. "/static/inner.txt")
    app = flask.Flask("shop", {root_path = folder})
    app:get("/report", function()
        return flask.send_file("data/report.csv", {as_attachment = true,
                                                   download_name = "Bericht ä.csv"})
    end)
    app:get("/bytes", function()
        return flask.send_file({data = "bytes"}, {mimetype = "text/plain"})
    end)
    app:get("/open", function()
        return flask.send_file(app:open_resource("data/report.csv"), {mimetype = "text/csv"})
    end)
    app:get("/dir/<path:name>", function(name)
        return flask.send_from_directory("static", name, {max_age = 60})
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
    end)

    it("answer HEAD without the body", function()
        local r = client:head("/static/a.txt")
        assert.equal("", r.data)
        assert.equal("10", r.headers["Content-Length"])
    end)

    it("are 304 for a client that has them", function()
        local first = client:get("/static/a.txt")
        for name, value in pairs{["If-None-Match"] = first.headers.ETag,
                                 ["If-Modified-Since"] = first.headers["Last-Modified"]} do
            local r = client:get("/static/a.txt", {headers = {[name] = value}})
            assert.equal(304, r.status_code)
            assert.equal("", r.data)
        end
        assert.equal(412, client:get("/static/a.txt", {headers = {["If-Match"] = '"x"'}})
            .status_code)
    end)

    it("are sent in part", function()
        local r = client:get("/static/a.txt", {headers = {Range = "bytes=2-4"}})
        assert.equal(206, r.status_code)
        assert.equal("234", r.data)
        assert.equal("bytes 2-4/10", r.headers["Content-Range"])
        assert.equal("789", client:get("/static/a.txt", {headers = {Range = "bytes=-3"}}).data)
        assert.equal("56789", client:get("/static/a.txt", {headers = {Range = "bytes=5-"}}).data)
        assert.equal(200, client:get("/static/a.txt", {headers = {Range = "bytes=-5000"}})
            .status_code)
        assert.equal(200, client:get("/static/a.txt", {headers = {Range = "bytes=0-1,4-5"}})
            .status_code)
        r = client:get("/static/a.txt", {headers = {Range = "bytes=20-"}})
        assert.equal(416, r.status_code)
        assert.equal("bytes */10", r.headers["Content-Range"])
    end)

    it("may be empty", function()
        local r = client:get("/static/empty.bin")
        assert.equal(200, r.status_code)
        assert.equal("", r.data)
        assert.equal("0", r.headers["Content-Length"])
    end)

    it("are nothing outside of the folder", function()
        for _, path in ipairs{"/static/../outside.txt", "/static/%2e%2e/outside.txt",
                              "/static/..%2foutside.txt", "/static/link.txt", "/static/",
                              "/static/css", "/static/a.txt%00", "/static//etc/passwd",
                              "/static/none"} do
            local status = client:get(path, {follow_redirects = true}).status_code
            assert.equal(404, status, path)
        end
    end)

    it("may be linked from inside", function()
        assert.equal("0123456789", client:get("/static/inner.txt").data)
    end)

    it("begin with no dot, but for .well-known", function()
        assert.equal(404, client:get("/static/.secret").status_code)
        assert.equal("known", client:get("/static/.well-known/x.txt").data)
    end)
end)

describe("send_file", function()
    it("can be a download with a name of its own", function()
        local r = client:get("/report")
        assert.equal("a,b\n1,2\n", r.data)
        assert.equal("text/csv; charset=utf-8", r.content_type)
        local field = r.headers["Content-Disposition"]
        assert.truthy(field:find("^attachment"))
        assert.truthy(field:find("filename*=UTF-8''Bericht%20%C3%A4.csv", 1, true), field)
    end)

    it("takes bytes and open files", function()
        assert.equal("bytes", client:get("/bytes").data)
        assert.equal("a,b\n1,2\n", client:get("/open").data)
    end)

    it("says what it needs", function()
        local is_fine, message = pcall(flask.send_file, 3)
        assert.is_false(is_fine)
        assert.truthy(message:find("files_spec.lua:", 1, true))
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
end)
