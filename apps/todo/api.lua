-- The REST API, below /api.
--
--     GET    /api/todos?state=open|done&q=TEXT&tag=TAG&limit=N&offset=N
--     POST   /api/todos             {"title": ..., "due": ..., "tags": [...]}
--     GET    /api/todos/ID
--     PATCH  /api/todos/ID          some of {"title", "done", "due", "tags"}
--     DELETE /api/todos/ID
--     POST   /api/todos/ID/file     multipart/form-data with the field `file`
--     GET    /api/todos/ID/file
--     DELETE /api/todos/ID/file
local flask = require "cflask"
local validate = require "validate"

local request, g = flask.request, flask.g
local api = {}

local bp = flask.Blueprint("api", {url_prefix = "/api"})
api.blueprint = bp

-- An HTTP error as JSON; those of validation tell what is wrong with each field.
function api.error(err)
    local body = {code = err.code, name = err.name, description = err.description,
                  fields = err.fields}
    return {error = body}, err.code, err.headers
end

-- Before each request: the list, and the item that the URL names.
bp:url_value_preprocessor(function(_, values)
    g.id = values.id
end)

bp:before_request(function()
    g.store = flask.current_app.extensions.store
    if g.id then
        g.item = g.store:get(g.id)
        if not g.item then
            flask.abort(404, ("There is no todo %d."):format(g.id))
        end
    end
end)

-- A whole number of the query from `least` up; 400 when it is something else.
local function number(name, default, least)
    local text = request.args[name]
    local value = text and flask.int(text) or default
    if text and (not flask.int(text) or value < least) then
        flask.abort(400, ("%s must be a number from %d up."):format(name, least))
    end
    return value
end

local STATES = {open = false, done = true}

bp:get("/todos", "list", function()
    local state = request.args.state
    if state and STATES[state] == nil then
        flask.abort(400, "state must be open or done.")
    end
    local found = g.store:find{done = state and STATES[state], text = request.args.q,
                               tag = request.args.tag}
    local offset, limit = number("offset", 0, 0), math.min(number("limit", 100, 1), 1000)
    local items = flask.json.array{}
    for i = offset + 1, math.min(offset + limit, #found) do
        table.insert(items, found[i])
    end
    return {items = items, total = #found}
end)

bp:post("/todos", "create", function()
    local item = g.store:add(validate.item(request.json, true))
    return item, 201, {Location = flask.url_for(".show", {id = item.id})}
end)

bp:get("/todos/<int:id>", "show", function()
    return g.item
end)

bp:patch("/todos/<int:id>", "change", function()
    return g.store:change(g.item, validate.item(request.json))
end)

bp:delete("/todos/<int:id>", "delete", function()
    g.store:remove(g.item)
    return "", 204
end)

-- ## The file of an item

bp:post("/todos/<int:id>/file", {endpoint = "attach", max_content_length = 5 * 1024 * 1024},
        function()
    local upload = request.files.file
    if not upload or upload.filename == "" then
        error(validate.ValidationError{fields = {file = "is missing"}})
    end
    return g.store:attach(g.item, upload), 201
end)

-- Always a download: a page that somebody uploaded must not run here.
bp:get("/todos/<int:id>/file", "file", function()
    local file = g.item.file
    if file == flask.null then
        flask.abort(404, "This todo has no file.")
    end
    return flask.send_file(g.store:path_of(g.item), {
        mimetype = file.type, as_attachment = true, download_name = file.name,
    })
end)

bp:delete("/todos/<int:id>/file", "detach", function()
    g.store:remove_file(g.item)
    return "", 204
end)

return api
