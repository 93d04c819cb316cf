-- `cflask-lua new NAME`: writes a small app to begin with, from the files of templates/new.
local core = require "cflask.core"
local loader = require "cflask.loader"
local paths = require "cflask.paths"
local security = require "cflask.security"

local new = {}

-- Where each file of the skeleton goes.
new.FILES = {
    ["app.lua"] = "app.lua",
    ["templates/layout.html"] = "templates/layout.html",
    ["templates/index.html"] = "templates/index.html",
    ["templates/about.html"] = "templates/about.html",
    ["templates/error.html"] = "templates/error.html",
    ["static/style.css"] = "static/style.css",
    ["tests/app_spec.lua"] = "tests/app_spec.lua",
    ["readme.txt"] = "README.md",
    ["gitignore"] = ".gitignore",
    ["env"] = ".env",
}

local FOLDERS = {"templates", "static", "tests"}

-- ## Words

-- The one word that is no option.
local function name_of(words, wrong)
    local name
    for _, word in ipairs(words) do
        if word:sub(1, 1) == "-" then
            wrong("there is no option %s; cflask-lua new --help tells more", word)
        elseif name then
            wrong("new takes one name; what is %s?", word)
        end
        name = word
    end
    return name or wrong("which name? As in: cflask-lua new shop")
end

-- The app's name: the last part of the folder's path.
local function check_name(folder, wrong)
    local name = paths.base((folder:gsub("(.)/+$", "%1")))
    if not name:find("^%a[%w_-]*$") or #name > 64 then
        wrong("%q can't be the name of an app: it has letters, digits, _ and -, a letter first",
              name)
    elseif require("cflask.usage").COMMANDS[name] then
        wrong("%s is the name of a command: give the app another one", name)
    end
    return name
end

-- ## Writing

local function make_folder(path)
    local is_made, why = core.make_folder(path)
    if not is_made then
        loader.fail("%s can't be made: %s", path, why)
    end
end

local function prepare(folder, wrong)
    if not core.is_dir(folder) then
        local is_made, why = core.make_folder(folder)
        if not is_made then
            wrong("the folder %s can't be made: %s", folder, why)
        end
    elseif #core.list_dir(folder) > 0 then
        wrong("the folder %s is there already, and not empty", folder)
    end
    for _, inner in ipairs(FOLDERS) do
        make_folder(folder .. "/" .. inner)
    end
end

local function write(path, text, is_private)
    local is_written, why
    if is_private then
        is_written, why = core.append_private(path, text)
    else
        local file
        file, why = io.open(path, "wb")
        if file then
            is_written, why = file:write(text)
            is_written = file:close() and is_written
        end
    end
    if not is_written then
        loader.fail("%s can't be written: %s", path, tostring(why))
    end
    io.stdout:write(path, "\n")
end

local function sorted_sources()
    local list = {}
    for from in pairs(new.FILES) do
        table.insert(list, from)
    end
    table.sort(list)
    return list
end

local NEXT = [[

Next:
    cd %s
    cflask-lua test
    cflask-lua app.lua --debug
]]

-- The command: found.rest are the words behind `new`. Returns the exit status.
function new.run(found, wrong)
    local words = found.rest
    if words[1] == "--help" or words[1] == "-h" then
        io.stdout:write(require("cflask.usage").text("new"))
        return 0
    elseif words[1] == "--c-module" then
        return require("cflask.new_module").run({words[2], words[3], words[4]}, wrong)
    end
    local folder = name_of(words, wrong)
    local values = {name = check_name(folder, wrong),
                    secret = security.digest("sha256", security.random_token(64))}
    prepare(folder, wrong)
    for _, from in ipairs(sorted_sources()) do
        local text = core.embedded("templates/new/" .. from):gsub("@(%l+)@", values)
        write(folder .. "/" .. new.FILES[from], text, from == "env")
    end
    io.stdout:write(NEXT:format(folder))
    return 0
end

return new
