-- Error pages. What to learn here: one handler for all HTTP errors, a page for people and JSON for
-- programs; and a page for errors of the app itself that needs nothing which may be broken.
local flask = require "cflask"

local errors = {}

-- What each page says; others have the error's own name and description.
local WORDS = {
    [400] = {"That did not work", "The request could not be understood."},
    [403] = {"Not yours to open", "You are logged in, but this is not for you."},
    [404] = {"Nothing here", "The page may have moved, or was never there."},
    [405] = {"Not this way", "This address does not take that kind of request."},
    [413] = {"Too much at once", "What you sent is larger than we take."},
    [429] = {"A little slower, please", "You have tried this very often in a short time."},
}

local CSRF_WORDS = {"Please send that again", "The form was open for very long, or came from "
    .. "another site. Go back, load the page anew and send it once more."}

-- Whether the client is a program: of the API, or one that would rather have JSON.
local function wants_json()
    local request = flask.request
    return request.path:find("^/api/") or request.path == "/api"
        or request.accept_mimetypes:best_match({"text/html", "application/json"}, "text/html")
            == "application/json"
end

-- An error as the API answers it. `fields` says what is wrong with each.
function errors.as_json(code, name, message, fields)
    return {error = {code = code, name = name, message = message, fields = fields}}, code
end

local function page(err)
    local words = flask.is(err, flask.csrf.CSRFError) and CSRF_WORDS or WORDS[err.code]
        or {err.name, err.description}
    return flask.render_template({("errors/%d.html"):format(err.code), "errors/error.html"}, {
        code = err.code, title = words[1], message = words[2], details = err.description,
        retry_after = err.retry_after,
    }), err.code
end

-- The error's own headers stay: Allow of 405, Retry-After of 429, WWW-Authenticate of 401.
local function answer(err)
    if err.code < 400 then
        return err -- a redirect of the routing, not a fault
    end
    local response
    if wants_json() then
        response = flask.make_response(errors.as_json(err.code, err.name, err.description))
    else
        response = flask.make_response(page(err))
    end
    for _, name in ipairs{"Allow", "Retry-After", "WWW-Authenticate"} do
        response.headers[name] = err.response.headers[name]
    end
    return response
end

function errors.register(app)
    app:errorhandler(flask.HTTPException, answer)
    -- errors/500.html extends no other page: the one that all extend asks for the user, and the
    -- database may be what has failed. What happened is in the log, not on the page.
    app:errorhandler(500, function(err)
        if wants_json() then
            return errors.as_json(500, err.name, "The server has made a mistake.")
        end
        return flask.render_template("errors/500.html"), 500
    end)
end

return errors
