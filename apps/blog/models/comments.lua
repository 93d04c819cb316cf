-- Comments on posts. What to learn here: a small table needs a small file.
local flask = require "cflask"

local comments = {}

comments.RULES = {{name = "body", label = "The comment", min = 1, max = 2000}}

local MOST = 500 -- shown of one post

local function db()
    return flask.current_app:database()
end

local SELECT = [[
    SELECT comments.id, comments.post_id, comments.author_id, comments.body, comments.created,
           users.name AS author
    FROM comments JOIN users ON users.id = comments.author_id
]]

-- Those of a post, the oldest first.
function comments.of_post(post_id)
    return db():query(SELECT .. "WHERE comments.post_id = ? ORDER BY comments.id LIMIT ?",
                      {post_id, MOST})
end

-- The comment if it belongs to that post, or 404.
function comments.get(post_id, id)
    return db():one(SELECT .. "WHERE comments.post_id = ? AND comments.id = ?", {post_id, id})
        or flask.abort(404, ("There is no comment %d here."):format(id))
end

-- Makes a comment and returns it.
function comments.create(post_id, author_id, body, created)
    local row = db():one([[
        INSERT INTO comments (post_id, author_id, body, created) VALUES (?, ?, ?, ?)
        RETURNING id]], {post_id, author_id, body, created or os.time()})
    return comments.get(post_id, row.id)
end

function comments.delete(id)
    db():exec("DELETE FROM comments WHERE id = ?", {id})
end

return comments
