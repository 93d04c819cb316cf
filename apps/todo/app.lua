-- A list of things to do: a page in static/, a REST API behind it in api.lua.
local flask = require "cflask"
local api = require "api"
local store = require "store"

local app = flask.Flask(...)

-- Where the list and the uploaded files are kept; a path that begins with no slash is
-- relative to this folder. TODO_DATA_FOLDER in the environment or in .env changes it.
-- What a test has set wins.
local given = app.config.DATA_FOLDER
app.config:from_prefixed_env("TODO")
app.config.DATA_FOLDER = given or app.config.DATA_FOLDER or "data"

app.extensions.store = store.open(app)
app:register_blueprint(api.blueprint)

-- The page; it fetches all else from the API.
app:get("/", "index", function()
    return app:send_static_file("index.html")
end)

-- Below /api/ errors are JSON, whoever asks: clients need not say what they accept.
app:errorhandler(flask.HTTPException, function(err)
    if flask.request.path:sub(1, 5) == "/api/" then
        return api.error(err)
    end
    return err
end)

-- cflask-lua apps/todo seed: something to look at.
app:cli("seed", function()
    local list = app.extensions.store
    list:add{title = "Buy green tea", tags = {"kitchen"}}
    list:add{title = "Water the plants", tags = {"home"}, due = os.date("%Y-%m-%d")}
    list:add{title = "Call Ann", done = true}
    print(("%d things to do"):format(list:count()))
end, "adds three things to do")

return app
