-- The blog itself: reading, writing, comments, search. What to learn here: a view finds what the URL
-- names, asks whether the user may, checks what was sent, changes the data, redirects; each step is a
-- line or a small function.
local flask = require "cflask"
local comments = require "models.comments"
local forms = require "forms"
local paging = require "paging"
local posts = require "models.posts"
local uploads = require "uploads"
local users = require "models.users"
local login, request = flask.login, flask.request

-- A picture besides the text: more than other requests may send.
local POST_BYTES = 5 * 1024 * 1024

-- ## Reading

local function page_size()
    return flask.current_app.config.POSTS_PER_PAGE
end

local function index()
    local number = paging.number()
    local list, total = posts.page(number, page_size())
    return flask.render_template("blog/index.html", {
        posts = list, page = paging.check(paging.describe(number, page_size(), total)),
    })
end

local function author(name)
    local user = users.by_name(name) or flask.abort(404, "There is no such author.")
    local number = paging.number()
    local list, total = posts.page(number, page_size(), user.id)
    return flask.render_template("blog/author.html", {
        author = user, posts = list,
        page = paging.check(paging.describe(number, page_size(), total)),
    })
end

local function search()
    local typed, number = request.args:get("q", ""), paging.number()
    local found, total = posts.search(typed, number, page_size())
    return flask.render_template("blog/search.html", {
        q = typed, found = found, has_words = posts.match_of(typed) ~= nil,
        page = paging.check(paging.describe(number, page_size(), total)),
    })
end

local function show(id)
    return flask.render_template("blog/post.html", {
        post = posts.get(id), comments = comments.of_post(id),
    })
end

-- ## Writing

-- The post if the running user may change it; 404 and 403 else. Whether a button is shown is for the
-- template to say, whether it works is said here.
local function own_post(id)
    local post = posts.get(id)
    if not login.current_user():may_change(post) then
        flask.abort(403, "This post is not yours.")
    end
    return post
end

-- The fields of the post that was sent, with the name of its picture; the faults by field, or nil.
-- `former` is the post as it was. The picture comes last: a form with faults keeps no file.
local function read_post(former)
    local values, faults = forms.check(forms.of(request.form), posts.RULES)
    values.picture = former.picture
    if faults then
        return values, faults
    end
    local picture, wrong = uploads.save("picture")
    if wrong then
        return values, {picture = wrong}
    elseif picture then
        values.picture = picture
    elseif request.form:has("remove_picture") then
        values.picture, values.picture_alt = nil, ""
    end
    return values, nil
end

-- Calls write(...), which writes a row that names the new picture and returns the post. A picture that
-- no row names is deleted: the former one, or the new one where nothing was written.
local function write_with_picture(new, former, write, ...)
    local is_fine, post = pcall(write, ...)
    local is_written = is_fine and post ~= nil
    if new ~= former then
        uploads.remove(is_written and former or not is_written and new or nil)
    end
    if not is_fine then
        error(post, 0)
    end
    return post or flask.abort(404, "The post has been deleted meanwhile.")
end

local function edit_page(values, faults, former)
    return flask.render_template("blog/edit.html", {
        values = values, faults = faults, post = former,
    }), faults and 422 or 200
end

local function create()
    if request.method == "GET" then
        return edit_page({})
    end
    local values, faults = read_post({})
    if faults then
        return edit_page(values, faults)
    end
    local post = write_with_picture(values.picture, nil, posts.create,
                                    login.current_user().id, values)
    flask.flash("Your post is out.", "success")
    return flask.redirect(flask.url_for(".show", {id = post.id}))
end

local function update(id)
    local former = own_post(id)
    if request.method == "GET" then
        return edit_page(former, nil, former)
    end
    local values, faults = read_post(former)
    if faults then
        return edit_page(values, faults, former)
    end
    write_with_picture(values.picture, former.picture, posts.update, id, values)
    flask.flash("Saved.", "success")
    return flask.redirect(flask.url_for(".show", {id = id}))
end

local function delete(id)
    local post = own_post(id)
    posts.delete(id)
    uploads.remove(post.picture) -- after the row: a row without its picture would be worse
    flask.flash(("“%s” is deleted."):format(post.title), "success")
    return flask.redirect(flask.url_for(".index"))
end

-- ## Comments

local function comment(id)
    local post = posts.get(id)
    local values, faults = forms.check(forms.of(request.form), comments.RULES)
    if faults then
        return flask.render_template("blog/post.html", {
            post = post, comments = comments.of_post(id), values = values, faults = faults,
        }), 422
    end
    local made = comments.create(id, login.current_user().id, values.body)
    return flask.redirect(flask.url_for(".show", {id = id, _anchor = "comment-" .. made.id}))
end

local function delete_comment(id, comment_id)
    if not login.current_user():may_change(comments.get(id, comment_id)) then
        flask.abort(403, "This comment is not yours.")
    end
    comments.delete(comment_id)
    flask.flash("The comment is deleted.", "success")
    return flask.redirect(flask.url_for(".show", {id = id, _anchor = "comments"}))
end

-- ## The routes

-- A table of all that the part answers, with who may and how often, reads best in one place.
return function(limiter)
    local blog = flask.Blueprint("blog")
    local some = limiter:limit("30/minute; 300/hour", {methods = {"POST"}})
    local both = {"GET", "POST"}

    blog:get("/", "index", index)
    blog:get("/authors/<name>", "author", author)
    blog:get("/search", "search", search)
    blog:get("/<int:id>", "show", show)

    blog:route("/create", {methods = both, endpoint = "create", max_content_length = POST_BYTES},
               some(login.required(create)))
    blog:route("/<int:id>/update", {methods = both, endpoint = "update",
                                    max_content_length = POST_BYTES}, some(login.required(update)))
    blog:post("/<int:id>/delete", "delete", login.required(delete))

    blog:post("/<int:id>/comments", "comment", some(login.required(comment)))
    blog:post("/<int:id>/comments/<int:comment_id>/delete", "delete_comment",
              login.required(delete_comment))
    return blog
end
