-- The list: in memory, and in DATA_FOLDER/todos.json after each change. One worker serves
-- it; with several, keep it in a database.
local flask = require "cflask"

local store = {}
local Store = {}
Store.__index = Store

-- Opens the list that the app's config names. A list that is not there yet is empty.
function store.open(app)
    local folder = app.config.DATA_FOLDER
    if folder:sub(1, 1) ~= "/" then
        folder = app.root_path .. "/" .. folder
    end
    -- Better at the start than at the first change.
    local probe, message = io.open(folder .. "/todos.json.new", "ab")
    if not probe then
        error("the list can't be kept: " .. message, 0)
    end
    probe:close()
    local self = setmetatable({folder = folder, items = {}, next_id = 1}, Store)
    self:load()
    return self
end

function Store:load()
    local file = io.open(self.folder .. "/todos.json", "rb")
    if not file then
        return
    end
    local saved = flask.json.decode(file:read("*a"))
    file:close()
    self.next_id = saved.next_id
    for _, item in ipairs(saved.items) do
        self.items[item.id] = item
    end
end

-- Writes the list to a file beside the old one and puts it in its place, so that a crash
-- leaves one or the other.
function Store:save()
    local path = self.folder .. "/todos.json"
    local file = assert(io.open(path .. ".new", "wb"))
    file:write(flask.json.encode{next_id = self.next_id, items = self:all()})
    file:close()
    assert(os.rename(path .. ".new", path))
end

-- Every item, the newest first.
function Store:all()
    local list = flask.json.array{}
    for _, item in pairs(self.items) do
        table.insert(list, item)
    end
    table.sort(list, function(a, b) return a.id > b.id end)
    return list
end

function Store:count()
    return #self:all()
end

-- The items that fit: wanted.done (true or false), wanted.tag, wanted.text (part of the
-- title, whatever the case); those that are not given do not matter.
function Store:find(wanted)
    local found = flask.json.array{}
    local text = wanted.text and wanted.text:lower()
    for _, item in ipairs(self:all()) do
        local fits = (wanted.done == nil or item.done == wanted.done)
            and (not text or item.title:lower():find(text, 1, true))
        for _, tag in ipairs(fits and wanted.tag and item.tags or {}) do
            fits = tag == wanted.tag
            if fits then
                break
            end
        end
        if fits and not (wanted.tag and #item.tags == 0) then
            table.insert(found, item)
        end
    end
    return found
end

-- The item of that id, or nil.
function Store:get(id)
    return self.items[id]
end

-- Adds an item with the given fields; returns it.
function Store:add(fields)
    local item = {
        id = self.next_id, title = fields.title, done = fields.done or false,
        due = fields.due or flask.null, tags = flask.json.array(fields.tags or {}),
        file = flask.null, created = os.date("!%Y-%m-%dT%H:%M:%SZ"),
    }
    self.items[item.id] = item
    self.next_id = self.next_id + 1
    self:save()
    return item
end

-- Changes the given fields of an item.
function Store:change(item, fields)
    for key, value in pairs(fields) do
        item[key] = value
    end
    self:save()
    return item
end

-- Takes an item away, and its file.
function Store:remove(item)
    self:remove_file(item)
    self.items[item.id] = nil
    self:save()
end

-- ## The file of an item

-- Where it is kept: the name that the client gave is never part of a path.
function Store:path_of(item)
    return ("%s/file-%d"):format(self.folder, item.id)
end

-- Keeps an uploaded file with the item.
function Store:attach(item, upload)
    upload:save(self:path_of(item))
    return self:change(item, {file = {
        name = upload.filename, size = upload.size,
        type = upload.content_type or "application/octet-stream",
    }})
end

function Store:remove_file(item)
    if item.file ~= flask.null then
        os.remove(self:path_of(item))
        self:change(item, {file = flask.null})
    end
end

return store
