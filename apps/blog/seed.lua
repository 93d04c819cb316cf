-- Sample content. What to learn here: an app that shows something on the first start is tried, an
-- empty one is not; and accounts whose password everybody knows must not reach production.
local flask = require "cflask"
local comments = require "models.comments"
local database = require "database"
local posts = require "models.posts"
local samples = require "seed.samples"
local uploads = require "uploads"
local users = require "models.users"

local seed = {}

-- The password of the sample users in debug mode; the login's page tells it there.
seed.PASSWORD = "green tea"

local DAY = 24 * 3600

-- Makes the sample users that are not there; returns all of them by name.
local function make_users(password)
    local made = {}
    for _, user in ipairs(samples.users) do
        made[user.name] = users.by_name(user.name)
            or users.create(user.name, password, user.role)
    end
    return made
end

local function make_post(sample, made, now)
    local picture = sample.picture
        and uploads.copy(flask.current_app.root_path .. "/seed/" .. sample.picture)
    local post = posts.create(made[sample.author].id, {
        title = sample.title, body = sample.body, picture = picture,
        picture_alt = sample.picture_alt, created = now - sample.days * DAY,
    })
    for i, comment in ipairs(sample.comments or {}) do
        comments.create(post.id, made[comment[1]].id, comment[2], post.created + i * 3600)
    end
end

-- Adds all samples, the oldest first, so that the newest has the largest number.
local function fill(password)
    local made, now = make_users(password), os.time()
    for i = #samples.posts, 1, -1 do
        make_post(samples.posts[i], made, now)
    end
end

-- Fills a database without users. In one transaction: one that was left half full, because the server
-- was ended meanwhile, would be taken for a used one.
function seed.unless_used(app)
    local db = app:database()
    db:transaction(function()
        if not db:one("SELECT 1 AS found FROM users LIMIT 1") then
            fill(seed.PASSWORD)
            app.logger:info("the database was empty: added samples; log in as ann, %q",
                            seed.PASSWORD)
        end
    end)
end

-- cflask-lua apps/blog seed [PASSWORD]: in an empty or a used database. Without a password, and
-- outside of debug mode, the users get one that nobody can guess.
function seed.command(app, password)
    password = password or app.debug and seed.PASSWORD or flask.security.random_token(12)
    if #password < app.config.MIN_PASSWORD_LENGTH then
        print(("the password needs at least %d characters"):format(
            app.config.MIN_PASSWORD_LENGTH))
        return 2
    end
    database.migrate(app)
    app:database():transaction(function() fill(password) end)
    print(("%d posts; users %s, password %s"):format(#samples.posts, "ann, bob and cleo", password))
    print("(users that were there already keep their password)")
end

return seed
