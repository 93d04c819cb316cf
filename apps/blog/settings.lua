-- The settings. What to learn here: code is the same everywhere, settings are not. Each has a default
-- for trying things out; a variable of the environment (or a line of .env) changes it: BLOG_SITE_NAME
-- sets SITE_NAME.
local flask = require "cflask"

local settings = {}

local DEFAULTS = {
    SITE_NAME = "The Slow Kettle",
    SITE_MOTTO = "Notes on tea, and on other things that take their time",
    DATABASE = "sqlite:instance/blog.db", -- relative to this folder
    UPLOAD_FOLDER = "instance/uploads",
    MAX_PICTURE_SIZE = 4 * 1024 * 1024, -- bytes
    POSTS_PER_PAGE = 7, -- one large, six in rows of three
    MIN_PASSWORD_LENGTH = 8,
    PASSWORD_METHOD = "scrypt", -- dear by design; tests set a cheap one
}

-- What clients may send, in bytes. Routes that take a picture allow more: see views/blog.lua.
local MAX_CONTENT_LENGTH = 256 * 1024

-- In debug mode: a key that is made once and kept beside the database, so that logins outlive the
-- reload after each change. It has no place in production, where settings.check wants a real one.
local function debug_key(app)
    local path = app.root_path .. "/instance/debug_secret_key"
    local file = io.open(path)
    local key = file and file:read("a")
    if file then
        file:close()
    end
    if not key or #key < 32 then
        key = flask.security.random_token()
        file = assert(io.open(path, "w"))
        file:write(key)
        file:close()
        app.logger:info("SECRET_KEY is not set: made one for debug mode, in %s", path)
    end
    return key
end

-- Fills app.config: what a test has set comes first, then the environment, then the defaults.
function settings.load(app)
    local config = app.config
    local given = {}
    for key in pairs(DEFAULTS) do
        given[key] = config[key]
    end
    config:from_mapping(DEFAULTS)
    config.MAX_CONTENT_LENGTH = MAX_CONTENT_LENGTH
    config:from_prefixed_env("BLOG")
    config:from_mapping(given)
    config.SECRET_KEY = config.SECRET_KEY or flask.env("SECRET_KEY")
        or app.debug and debug_key(app) or nil
end

-- Called once before serving. Better no server than one whose logins others can forge.
function settings.check(app)
    if not app.config.SECRET_KEY then
        error("Set SECRET_KEY in the environment or in .env: `openssl rand -hex 32` makes one. "
              .. "(With --debug the blog makes its own.)", 0)
    end
end

return settings
