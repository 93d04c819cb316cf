-- What flask.request says behind proxies: reads cases as JSON lines {"trust", "fields", "host"}
-- from a file and prints an answer for each. For proxy_parity.py.
local flask = require "cflask"
local request = flask.request
local app = flask.Flask("proxy", {root_path = ".", static_folder = false})
app.config.TESTING = true

app:get("/p", "page", function()
    return {
        remote_addr = request.remote_addr, scheme = request.scheme,
        is_secure = request.is_secure, host = request.host, root_path = request.root_path,
        url = request.url, host_field = request.headers.host,
        access_route = request.access_route,
        external = flask.url_for("page", {_external = true}),
        inside = flask.url_for("page"),
    }
end)

local client = app:test_client()
for line in io.lines((...)) do
    local case = flask.json.decode(line)
    app.config.PROXY_FIX = case.trust
    local r = client:get("/p", {headers = case.fields, base_url = "http://" .. case.host,
                                environ = {remote_addr = "10.0.0.1"}})
    io.write(r.status_code == 200 and r.text or "{}\n")
end
