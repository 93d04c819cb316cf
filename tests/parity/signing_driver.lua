-- Reads one JSON object a line, does what it says with flask.signing or a session, and writes
-- one back. Run by signing_parity.py.
local flask = require "cflask"

local app = flask.Flask("parity")
app.config.TESTING = true
local does = {}
app:get("/", function()
    local result = does.view()
    return flask.jsonify{result = result}
end)

-- The session in the cookie, changed as `set` says; the JSON that we see, and our cookie.
local function session(case)
    app.config.SECRET_KEY = case.secret
    app.config.SECRET_KEY_FALLBACKS = case.fallbacks
    app.config.SESSION_COOKIE_PARTITIONED = case.partitioned or false
    app.config.PERMANENT_SESSION_LIFETIME = case.lifetime or 1e10
    local client = app:test_client()
    if case.cookie then
        client:set_cookie("session", case.cookie)
    end
    function does.view()
        if case.touch then
            flask.session_touch()
        end
        for key, value in pairs(case.set or {}) do
            flask.session[key] = value
        end
        for _, flash in ipairs(case.flash or {}) do
            flask.flash(flash[2], flash[1])
        end
        if case.pop then
            return flask.get_flashed_messages{with_categories = true}
        end
    end
    local answer = client:get("/")
    return {result = answer.json.result, cookie = (client:get_cookie("session") or {}).value,
            set_cookie = answer.headers["Set-Cookie"], vary = answer.headers.Vary}
end

local function token(case)
    local s = flask.signing[case.class](case.secrets, case.options)
    if case.dumps ~= nil then
        return {text = s:dumps(case.dumps)}
    elseif case.sign then
        return {text = s:sign(case.sign)}
    end
    local is_fine, value, time = pcall(case.loads and s.loads or s.unsign, s,
                                       case.loads or case.unsign, case.check)
    if is_fine then
        return {value = value, time = time}
    end
    if not flask.is(value, flask.BadSignature) then
        error(value, 0)
    end
    return {error = value.name, date_signed = value.date_signed}
end

for line in io.lines() do
    local case = flask.json.decode(line)
    local result = case.class and token(case) or session(case)
    print(flask.json.encode(result))
end
