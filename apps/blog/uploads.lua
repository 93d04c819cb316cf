-- Pictures that users upload. What to learn here: a file from outside is judged by its content, kept
-- under a name of ours, and served so that a browser can take it for nothing but a picture.
local flask = require "cflask"

local uploads = {}

-- What the first bytes of each kind look like, as Lua patterns. Neither the name nor the type that a
-- client sends counts for anything. SVG is not among them: it can hold scripts.
local KINDS = {
    {pattern = "^\137PNG\r\n\26\n....IHDR", ending = ".png"},
    {pattern = "^\255\216\255", ending = ".jpg"},
    {pattern = "^GIF8[79]a", ending = ".gif"},
    {pattern = "^RIFF....WEBPVP8[ LX]", ending = ".webp"},
}

-- ".png", ".jpg", ".gif" or ".webp" for the first bytes of a picture; nil for all else.
function uploads.kind(bytes)
    for _, kind in ipairs(KINDS) do
        if bytes:find(kind.pattern) then
            return kind.ending
        end
    end
    return nil
end

local function folder(app)
    app = app or flask.current_app
    local path = app.config.UPLOAD_FOLDER
    return path:sub(1, 1) == "/" and path or app.root_path .. "/" .. path
end

local function new_name(ending)
    return flask.security.random_token(16) .. ending
end

-- Keeps the file that the form's field holds. Returns its new name; nil without a file; nil and what is
-- wrong, in words, for one that is not taken.
function uploads.save(field)
    local file = flask.request.files:get(field)
    -- A browser sends an empty field when no file has been chosen.
    if not file or file.filename == "" and file.size == 0 then
        return nil
    end
    local most = flask.current_app.config.MAX_PICTURE_SIZE
    if file.size > most then
        return nil, ("The picture is too large: at most %.1f MB."):format(most / 1048576)
    end
    local ending = uploads.kind(file:read(32) or "")
    if not ending then
        return nil, "The picture must be a PNG, JPEG, GIF or WebP file."
    end
    local name = new_name(ending)
    file:save(folder() .. "/" .. name)
    return name
end

-- Keeps a picture of the app's own, for the samples; returns its name.
function uploads.copy(path)
    local from = assert(io.open(path, "rb"))
    local bytes = from:read("a")
    from:close()
    local name = new_name(assert(uploads.kind(bytes), path))
    local to = assert(io.open(folder() .. "/" .. name, "wb"))
    assert(to:write(bytes))
    assert(to:close())
    return name
end

-- Deletes a picture, if there is one. A file that is left over does no harm: it is logged.
function uploads.remove(name)
    if name then
        local is_removed, message = os.remove(folder() .. "/" .. name)
        if not is_removed then
            flask.current_app.logger:warning("picture: %s", message)
        end
    end
end

-- Called once before serving: an error now, rather than with the first picture.
function uploads.check(app)
    local path = folder(app) .. "/.probe"
    local file, message = io.open(path, "w")
    if not file then
        error("UPLOAD_FOLDER can't be written to: " .. message, 0)
    end
    file:close()
    os.remove(path)
end

-- /uploads/NAME. A name is never used twice, so that browsers may keep a picture for a year. Should a
-- file be something else after all, the policy keeps it from doing anything.
function uploads.register(app)
    app:get("/uploads/<name>", "upload", function(name)
        local response = flask.send_from_directory(folder(), name, {max_age = 365 * 24 * 3600})
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response
    end)
end

return uploads
