-- The functions that views use: redirect, abort, jsonify, send_file, ...
local core = require "cflask.core"
local coroutines = require "cflask.coroutines"
local errors = require "cflask.errors"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"

local helpers = {}

-- flask.abort(code or response, description, headers): raises the HTTP error of that status,
-- or one whose answer is the response. Never returns.
function helpers.abort(what, description, headers)
    if core.is_response(what) then
        error(errors.HTTPException{response = what}, 0)
    elseif type(what) ~= "number" then
        misuse.fail("abort needs a status code or a response, not %s", misuse.show(what))
    elseif not errors.by_code[what] then
        misuse.fail("abort: %s is no HTTP error's code; make a class with flask.Class(name, "
                    .. "flask.HTTPException, {code = ...})", tostring(what))
    elseif headers ~= nil then
        misuse.check(headers, "table", "the headers of abort")
    end
    error(errors.http_error(what, description, {headers = headers}), 0)
end

local REDIRECTS = {[201] = true, [301] = true, [302] = true, [303] = true, [304] = true,
                   [305] = true, [307] = true, [308] = true}

-- flask.redirect(url, code): a response that sends the client to the URL (302 unless a code
-- is given).
function helpers.redirect(url, code)
    code = code or 302
    if type(url) ~= "string" then
        misuse.fail("redirect needs a URL, not %s", misuse.show(url))
    elseif url:find("[%z\1-\8\10-\31\127]") then
        misuse.fail("redirect: the URL %s has a control character", misuse.show(url))
    elseif not REDIRECTS[code] then
        misuse.fail("redirect: %s is no status of a redirect", misuse.show(code))
    end
    local shown = tostring(core.escape(url))
    local body = ("<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n"
        .. "<h1>Redirecting...</h1>\n<p>You should be taken to <a href=\"%s\">%s</a>.\n")
    local response = core.Response(body:format(shown, shown), {status = code})
    response.headers.Location = url
    return response
end

-- flask.jsonify(value): a JSON response; several values make a list, none makes null.
function helpers.jsonify(...)
    local count, value = select("#", ...), (...)
    if count == 0 or (count == 1 and value == nil) then
        value = core.json.null
    elseif count > 1 then
        value = core.json.array{...}
    end
    local is_fine, response = pcall(core.jsonify, value)
    return is_fine and response or misuse.fail("jsonify: %s", response)
end

-- flask.stream(fn(write)): a body for which fn is called once; write(text) sends and waits
-- for the client's pace.
function helpers.stream(fn)
    misuse.check(fn, "function", "the argument of flask.stream")
    return coroutines.stream(fn)
end

-- flask.env(name, default): an environment variable's text, `.env` files included.
function helpers.env(name, default)
    misuse.check(name, "string", "the name of an environment variable")
    local value = core.getenv(name)
    if value == nil then
        return default
    end
    return value
end

-- The path from the root of one that is relative to the running app's root_path.
local function in_app(path)
    local app = core.current_app()
    return app and paths.join(app.root_path, path) or paths.absolute(path)
end

local SEND_OPTIONS = {
    mimetype = true, as_attachment = true, download_name = true, conditional = true,
    etag = true, last_modified = true, max_age = true,
}

-- flask.send_file(path | open file | {data = bytes}, options): see "Responses" in API.md.
function helpers.send_file(what, options)
    options = misuse.options(options, SEND_OPTIONS, "send_file")
    if type(what) == "string" then
        what = in_app(what)
    elseif type(what) ~= "table" and io.type(what) ~= "file" then
        misuse.fail("send_file needs a path, an open file or {data = bytes}, not %s",
                    misuse.show(what))
    end
    return core.send_file(what, options)
end

-- flask.send_from_directory(dir, path, options): a file that must lie in the directory: 404
-- for anything else.
function helpers.send_from_directory(dir, path, options)
    misuse.check(dir, "string", "the directory of send_from_directory")
    misuse.check(path, "string", "the path of send_from_directory")
    options = misuse.options(options, SEND_OPTIONS, "send_from_directory")
    return core.send_from_directory(in_app(dir), path, options)
end

-- flask.after_this_request(fn(response)): as after_request, for the running request alone.
function helpers.after_this_request(fn)
    misuse.check(fn, "function", "the argument of after_this_request")
    core.after_this_request(fn)
    return fn
end

return helpers
