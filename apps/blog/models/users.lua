-- Users. What to learn here: SQL stands in one place for each table, values go in as parameters and
-- never into the text, and a password is kept as a hash that is dear to compute.
local flask = require "cflask"
local security = flask.security

local users = {}

-- What each role may do; see migrations/001_users_and_posts.sql.
users.ROLES = {writer = true, editor = true, admin = true}

-- flask.login asks for an admin's and an editor's roles; an admin is an editor too.
local ROLES_OF = {writer = {}, editor = {"editor"}, admin = {"editor", "admin"}}

local COLUMNS = "users.id, users.name, users.role, users.session_key, users.created"

local function db()
    return flask.current_app:database()
end

-- ## The object that flask.login holds

local User = {}
User.__index = User

-- What the session and the remember-me cookie hold in place of the id alone. With a new password comes
-- a new session_key, and the logins of before are over.
function User:get_id()
    return ("%d.%s"):format(self.id, self.session_key)
end

function User:is_editor()
    return self.role == "editor" or self.role == "admin"
end

-- Whether the user may change or delete something that has an author_id: a post, a comment.
function User:may_change(thing)
    return thing.author_id == self.id or self:is_editor()
end

-- The row of a user as a user; nil for nil.
local function user_of(row)
    if not row then
        return nil
    end
    row.roles = ROLES_OF[row.role]
    return setmetatable(row, User)
end

-- ## Finding

function users.by_id(id)
    return user_of(db():one("SELECT " .. COLUMNS .. " FROM users WHERE id = ?", {id}))
end

-- nil too for a text that can't be a name: SQLite takes none with a NUL in it.
function users.by_name(name)
    if name:find("%z") then
        return nil
    end
    return user_of(db():one("SELECT " .. COLUMNS .. " FROM users WHERE name = ?", {name}))
end

-- The user_loader of flask.login: what User:get_id gave, back to a user, or nil.
function users.by_session_id(text)
    local id, key = text:match("^(%d+)%.(.+)$")
    local user = id and #id < 16 and users.by_id(tonumber(id))
    return user and security.constant_time_equal(user.session_key, key) and user or nil
end

-- A page of all users, and how many there are.
function users.page(number, size)
    local rows = db():query([[
        SELECT users.id, users.name, users.role, users.created,
               (SELECT count(*) FROM posts WHERE posts.author_id = users.id) AS posts
        FROM users ORDER BY users.name LIMIT :size OFFSET :skip]],
        {size = size, skip = (number - 1) * size})
    return rows, db():one("SELECT count(*) AS n FROM users").n
end

-- ## Passwords

local function hash(password)
    local method = flask.current_app.config.PASSWORD_METHOD
    return security.generate_password_hash(password, {method = method})
end

-- A hash that fits no password. It is checked for a name that nobody has, so that the time which an
-- answer takes does not tell what names there are.
local nobody

-- The user of that name if the password is theirs, else nil. Waits while a thread computes.
function users.check_password(name, password)
    nobody = nobody or hash(security.random_token())
    local user = users.by_name(name)
    local kept = user and db():one("SELECT password FROM users WHERE id = ?", {user.id})
    local fits = security.check_password_hash(kept and kept.password or nobody, password)
    return kept and fits and user or nil
end

-- Makes a user and returns it; nil when the name is taken. Whether it is, the database decides, in
-- the same step: between a question and an answer somebody else could take it.
function users.create(name, password, role)
    local row = db():one([[
        INSERT INTO users (name, password, role, session_key) VALUES (?, ?, ?, ?)
        ON CONFLICT (name) DO NOTHING
        RETURNING id]], {name, hash(password), role or "writer", security.random_token(16)})
    return row and users.by_id(row.id)
end

-- Changes the password, which ends all logins of the user; returns the user as it is now.
function users.set_password(id, password)
    db():exec("UPDATE users SET password = ?, session_key = ? WHERE id = ?",
              {hash(password), security.random_token(16), id})
    return users.by_id(id)
end

-- ## Roles

-- Gives the user the role. False when there would be no admin any more; one statement both asks and
-- changes, so that two admins who demote each other at the same moment do not both succeed.
function users.set_role(id, role)
    local row = db():one([[
        UPDATE users SET role = :role
        WHERE id = :id AND (:role = 'admin' OR role <> 'admin'
                            OR (SELECT count(*) FROM users WHERE role = 'admin') > 1)
        RETURNING id]], {id = id, role = role})
    return row ~= nil
end

-- ## Tokens of the API

-- A new token for the user, in place of the former one. It is seen this once: the database has only
-- its digest. 32 random bytes need no slow hash, for nobody can guess them.
function users.make_token(id)
    local token = security.random_token()
    db():exec([[
        INSERT INTO api_tokens (user_id, digest) VALUES (:id, :digest)
        ON CONFLICT (user_id) DO UPDATE SET digest = :digest,
            created = CAST(strftime('%s', 'now') AS INTEGER)]],
        {id = id, digest = security.digest("sha256", token)})
    return token
end

function users.remove_token(id)
    db():exec("DELETE FROM api_tokens WHERE user_id = ?", {id})
end

function users.has_token(id)
    return db():one("SELECT 1 AS n FROM api_tokens WHERE user_id = ?", {id}) ~= nil
end

function users.by_token(token)
    return user_of(db():one("SELECT " .. COLUMNS .. [[ FROM users
        JOIN api_tokens ON api_tokens.user_id = users.id WHERE api_tokens.digest = ?]],
        {security.digest("sha256", token)}))
end

return users
