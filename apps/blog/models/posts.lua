-- Posts. What to learn here: one query fetches all that a page shows (no query for each row), lists
-- come in pages, and a search is made safe before SQLite reads it.
local flask = require "cflask"

local posts = {}

-- What a post may be, for forms.check.
posts.RULES = {
    {name = "title", label = "The title", min = 1, max = 120, one_line = true},
    {name = "body", label = "The text", min = 1, max = 20000},
    {name = "picture_alt", label = "The description", max = 200, one_line = true},
}

local function db()
    return flask.current_app:database()
end

-- A post with its author's name and the number of its comments.
local SELECT = [[
    SELECT posts.id, posts.author_id, posts.title, posts.body, posts.picture, posts.picture_alt,
           posts.created, posts.updated, users.name AS author,
           (SELECT count(*) FROM comments WHERE comments.post_id = posts.id) AS comments
    FROM posts JOIN users ON users.id = posts.author_id
]]

-- What the database has as NULL is nil in the app: templates and conditions read better.
local function post_of(row)
    for key, value in pairs(row or {}) do
        if value == flask.null then
            row[key] = nil
        end
    end
    return row
end

local function all_of(rows)
    for _, row in ipairs(rows) do
        post_of(row)
    end
    return rows
end

-- ## Reading

-- The post, or nil.
function posts.by_id(id)
    return post_of(db():one(SELECT .. "WHERE posts.id = ?", {id}))
end

-- The post, or 404: views that need one begin with this.
function posts.get(id)
    return posts.by_id(id) or flask.abort(404, ("There is no post %d."):format(id))
end

-- A page of the newest posts, and how many there are in all; of one author if an id is given.
function posts.page(number, size, author_id)
    local values = {size = size, skip = (number - 1) * size, author = author_id}
    local where = author_id and "WHERE posts.author_id = :author " or ""
    local rows = db():query(SELECT .. where
        .. "ORDER BY posts.created DESC, posts.id DESC LIMIT :size OFFSET :skip", values)
    local count = db():one("SELECT count(*) AS n FROM posts " .. where,
                           author_id and {author = author_id} or nil)
    return all_of(rows), count.n
end

-- ## Writing

-- Makes a post of {title=, body=, picture=, picture_alt=} and returns it.
function posts.create(author_id, fields)
    local row = db():one([[
        INSERT INTO posts (author_id, title, body, picture, picture_alt, created)
        VALUES (:author, :title, :body, :picture, :picture_alt, :created)
        RETURNING id]], {
            author = author_id, title = fields.title, body = fields.body,
            picture = fields.picture or flask.null, picture_alt = fields.picture_alt or "",
            created = fields.created or os.time(),
        })
    return posts.by_id(row.id)
end

-- Changes a post to have these fields, and returns it; nil when it has gone meanwhile.
function posts.update(id, fields)
    db():exec([[
        UPDATE posts SET title = :title, body = :body, picture = :picture,
                         picture_alt = :picture_alt, updated = :now
        WHERE id = :id]], {
            id = id, title = fields.title, body = fields.body, now = os.time(),
            picture = fields.picture or flask.null, picture_alt = fields.picture_alt or "",
        })
    return posts.by_id(id)
end

-- Deletes a post; its comments go with it (ON DELETE CASCADE).
function posts.delete(id)
    db():exec("DELETE FROM posts WHERE id = ?", {id})
end

-- ## Search

local MOST_WORDS = 12
local MOST_BYTES = 200

-- What somebody typed as a query of FTS5, or nil when it has no word in it. FTS5 has a language of its
-- own (AND, NEAR, columns, stars, quotes) in which most texts are errors. Here each word becomes a
-- quoted string, which is nothing but a word there; all must occur; the last, which may still be
-- being typed, counts as the beginning of one.
function posts.match_of(typed)
    local words = {}
    if #typed > MOST_BYTES then -- cut it, but not within a letter
        typed = typed:sub(1, MOST_BYTES):gsub("[\192-\255][\128-\191]*$", "")
    end
    for word in typed:gmatch("[%w\128-\255]+") do
        if #words < MOST_WORDS then
            table.insert(words, '"' .. word .. '"')
        end
    end
    return words[1] and table.concat(words, " ") .. " *" or nil
end

-- A page of the posts that fit, the best first, and how many there are. A hit in the title counts
-- ten times. `title_marked` and `snippet` have the words between \1 and \2, which no post can
-- contain: templates make <mark> of them after escaping (see text.lua).
function posts.search(typed, number, size)
    local match = posts.match_of(typed)
    if not match then
        return {}, 0
    end
    local rows = db():query([[
        SELECT posts.id, posts.picture, posts.picture_alt, posts.created, users.name AS author,
               highlight(posts_search, 0, char(1), char(2)) AS title_marked,
               snippet(posts_search, 1, char(1), char(2), '…', 32) AS snippet
        FROM posts_search
        JOIN posts ON posts.id = posts_search.rowid
        JOIN users ON users.id = posts.author_id
        WHERE posts_search MATCH :match
        ORDER BY bm25(posts_search, 10.0, 1.0), posts.id DESC
        LIMIT :size OFFSET :skip]], {match = match, size = size, skip = (number - 1) * size})
    local count = db():one("SELECT count(*) AS n FROM posts_search WHERE posts_search MATCH ?",
                           {match})
    return all_of(rows), count.n
end

return posts
