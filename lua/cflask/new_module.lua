-- `cflask-lua new --c-module NAME`: writes a C module to begin with, its Makefile and its test,
-- from the files of templates/new-c-module; NAME in them becomes its name.
local core = require "cflask.core"
local paths = require "cflask.paths"

local new_module = {}

-- The files, in templates/ and where they go, and the folder that the last one needs.
local FILES = {
    {"module.c", "NAME.c"}, {"Makefile", "Makefile"}, {"spec.lua", "tests/NAME_spec.lua"},
}
local FOLDER = "tests"

local function fill(text, name)
    return (text:gsub("NAME", name))
end

local function write(path, text)
    local file, why = io.open(path, "w")
    if not file then
        return nil, why
    end
    local is_written, problem = file:write(text)
    local is_closed, late = file:close()
    return is_written and is_closed, problem or late
end

-- `words` are those behind --c-module: NAME and FOLDER. wrong(text, ...) ends with one line and
-- exit code 2.
function new_module.run(words, wrong)
    local name, folder = words[1], words[2] or words[1]
    if not name or words[3] then
        wrong("which name? As in: cflask-lua new --c-module greet")
    elseif not name:find("^[%a_][%w_]*$") then
        wrong("%s: a C module's name has letters, digits and underscores, no digit first", name)
    elseif core.is_dir(folder) or core.is_file(folder) then
        wrong("%s is there already", folder)
    end
    for _, path in ipairs{folder, paths.join(folder, FOLDER)} do
        local is_made, why = core.make_folder(path)
        if not is_made then
            wrong("the folder %s can't be made: %s", path, why)
        end
    end
    for _, file in ipairs(FILES) do
        local path = paths.join(folder, fill(file[2], name))
        local text = core.embedded("templates/new-c-module/" .. file[1])
        local is_written, why = write(path, fill(text, name))
        if not is_written then
            wrong("%s", why)
        end
        io.stdout:write(path, "\n")
    end
    io.stdout:write("\nNext:\n    make -C ", folder, " test\n")
    return 0
end

return new_module
