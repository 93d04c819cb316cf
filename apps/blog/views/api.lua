-- The same data for programs, as JSON. What to learn here: the API shares models and rules with the
-- pages and differs in two things alone: how a client says who it is, and how errors look.
--
--   GET    /api/posts?page=&size=&author=&q=      a page of posts
--   POST   /api/posts                             {"title", "body", "picture_alt"}: makes one
--   GET    /api/posts/ID                          one post
--   PUT    /api/posts/ID                          the same: changes it
--   DELETE /api/posts/ID
--   GET    /api/posts/ID/comments                 its comments
--   POST   /api/posts/ID/comments                 {"body"}
--   DELETE /api/posts/ID/comments/ID
--   GET    /api/me                                who the client is
local flask = require "cflask"
local comments = require "models.comments"
local errors = require "errors"
local forms = require "forms"
local paging = require "paging"
local posts = require "models.posts"
local uploads = require "uploads"
local users = require "models.users"
local csrf, g, login, request = flask.csrf, flask.g, flask.login, flask.request

local MOST = 50 -- posts on a page

-- ## Who is there

-- Sets g.user, who may be nil. A token in the header names its user: no other site can make a browser
-- send one, so that it needs no CSRF token. A session comes by itself with each request of the browser,
-- so that a change needs the token in X-CSRFToken. A header that names nobody is refused, whatever
-- session there is besides.
local function identify()
    if request.headers:has("Authorization") then
        local sent = request.authorization
        g.user = sent and sent.type == "bearer" and sent.token and users.by_token(sent.token)
            or nil
        return g.user == nil and flask.abort(401, "The token is not good.",
                                             {["WWW-Authenticate"] = "Bearer"}) or nil
    end
    g.user = login.current_user()
    if request.method ~= "GET" and request.method ~= "HEAD" and request.method ~= "OPTIONS" then
        if not g.user then
            flask.abort(401, "Send a token: Authorization: Bearer TOKEN.",
                        {["WWW-Authenticate"] = "Bearer"})
        end
        csrf.check()
    end
end

-- ## What goes out

local function post_json(post)
    return {
        id = post.id, title = post.title, body = post.body, author = post.author,
        created = post.created, updated = post.updated or flask.null, comments = post.comments,
        picture = post.picture and flask.url_for("upload", {name = post.picture}) or flask.null,
        picture_alt = post.picture_alt, url = flask.url_for("blog.show", {id = post.id}),
    }
end

local function comment_json(comment)
    return {
        id = comment.id, post = comment.post_id, body = comment.body, author = comment.author,
        created = comment.created,
    }
end

local function list_of(rows, to_json)
    local list = flask.json.array{}
    for i, row in ipairs(rows) do
        list[i] = to_json(row)
    end
    return list
end

-- The URL of another page of the same list, or null.
local function page_url(number)
    if not number then
        return flask.null
    end
    local query = request.args:to_table()
    query.page = number
    return flask.url_for(".list", query)
end

-- ## What comes in

-- The values of a JSON object, or the answer that says what is wrong with it.
local function read(rules)
    local values, faults = forms.check(forms.of_json(request.json), rules)
    if faults then
        return nil, errors.as_json(422, "Unprocessable Entity", "See fields.", faults)
    end
    return values
end

-- Raises 403 unless the client may change the thing.
local function check_may_change(thing)
    if not g.user:may_change(thing) then
        flask.abort(403, "This is not yours.")
    end
    return thing
end

-- ## Posts

-- Those that the query asks for, and how many there are.
local function find(number, size)
    local args = request.args
    if args.q then
        local hits, total = posts.search(args.q, number, size)
        for i, hit in ipairs(hits) do
            hits[i] = posts.by_id(hit.id)
        end
        return hits, total
    elseif args.author then
        local author = users.by_name(args.author)
        if not author then
            return {}, 0
        end
        return posts.page(number, size, author.id)
    end
    return posts.page(number, size)
end

local function list()
    local number = paging.number()
    local size = math.max(1, math.min(request.args:get("size", 20, flask.int), MOST))
    local rows, total = find(number, size)
    local page = paging.describe(number, size, total)
    return {
        items = list_of(rows, post_json), total = total, page = number, pages = page.last,
        next = page_url(page.next), previous = page_url(page.previous),
    }
end

local function show(id)
    return post_json(posts.get(id))
end

local function create()
    local values, answer, status = read(posts.RULES)
    if not values then
        return answer, status
    end
    local post = posts.create(g.user.id, values)
    return post_json(post), 201, {Location = flask.url_for(".show", {id = post.id})}
end

-- The picture stays: it comes and goes by the form that uploads it.
local function update(id)
    local former = check_may_change(posts.get(id))
    local values, answer, status = read(posts.RULES)
    if not values then
        return answer, status
    end
    values.picture = former.picture
    return post_json(posts.update(id, values) or flask.abort(404))
end

local function delete(id)
    local post = check_may_change(posts.get(id))
    posts.delete(id)
    uploads.remove(post.picture)
    return "", 204
end

-- ## Comments

local function list_comments(id)
    posts.get(id)
    return {items = list_of(comments.of_post(id), comment_json)}
end

local function create_comment(id)
    posts.get(id)
    local values, answer, status = read(comments.RULES)
    if not values then
        return answer, status
    end
    return comment_json(comments.create(id, g.user.id, values.body)), 201
end

local function delete_comment(id, comment_id)
    check_may_change(comments.get(id, comment_id))
    comments.delete(comment_id)
    return "", 204
end

-- The token is for scripts of this site's own pages, which send it in X-CSRFToken.
local function me()
    local user = g.user or flask.abort(401, "Send a token: Authorization: Bearer TOKEN.",
                                       {["WWW-Authenticate"] = "Bearer"})
    return {id = user.id, name = user.name, role = user.role, csrf_token = csrf.token()}
end

-- ## The routes

return function(limiter)
    local api = flask.Blueprint("api")
    -- Exempt from the check of all forms: identify() makes its own, for sessions alone.
    csrf.exempt(api)
    limiter:limit("240/minute")(api)
    api:before_request(identify)

    api:get("/posts", "list", list)
    api:post("/posts", "create", create)
    api:get("/posts/<int:id>", "show", show)
    api:put("/posts/<int:id>", "update", update)
    api:delete("/posts/<int:id>", "delete", delete)
    api:get("/posts/<int:id>/comments", "list_comments", list_comments)
    api:post("/posts/<int:id>/comments", "create_comment", create_comment)
    api:delete("/posts/<int:id>/comments/<int:comment_id>", "delete_comment", delete_comment)
    api:get("/me", "me", me)
    return api
end
