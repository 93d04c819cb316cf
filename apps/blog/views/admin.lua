-- Who may do what. What to learn here: the whole blueprint is closed by one hook, so that a page which
-- is added later can't be forgotten.
local flask = require "cflask"
local paging = require "paging"
local users = require "models.users"
local login, request = flask.login, flask.request

local SIZE = 50

local function list()
    local number = paging.number()
    local found, total = users.page(number, SIZE)
    return flask.render_template("admin/users.html", {
        users = found, roles = {"writer", "editor", "admin"},
        page = paging.check(paging.describe(number, SIZE, total)),
    })
end

local function set_role(id)
    local user = users.by_id(id) or flask.abort(404, "There is no such user.")
    local role = request.form:require("role")
    if not users.ROLES[role] then
        flask.abort(400, "There is no such role.")
    elseif users.set_role(id, role) then
        flask.flash(("%s is %s now."):format(user.name, role), "success")
    else
        flask.flash(("%s is the last admin: make another one first."):format(user.name), "error")
    end
    -- Who has just given up the role may not see this page any more.
    local gone = id == login.current_user().id and role ~= "admin"
    return flask.redirect(flask.url_for(gone and "blog.index" or ".list"))
end

return function()
    local admin = flask.Blueprint("admin")
    admin:before_request(login.roles("admin")(function() end))
    admin:get("/", "list", list)
    admin:post("/users/<int:id>/role", "set_role", set_role)
    return admin
end
