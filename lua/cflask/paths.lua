-- Paths of files: joining them and taking them apart.
local core = require "cflask.core"

local paths = {}

-- `path`, which is relative to `folder` unless it begins with a slash.
function paths.join(folder, path)
    if path:sub(1, 1) == "/" or folder == nil or folder == "" then
        return path
    elseif path == "" or path == "." then
        return folder
    end
    return (folder:gsub("/+$", "")) .. "/" .. (path:gsub("^%./", ""))
end

-- The folder that the path is in: "." for a bare name.
function paths.folder(path)
    local folder = path:match("^(.*)/[^/]*$")
    if folder == "" then
        return "/"
    end
    return folder or "."
end

-- The last part of the path, without slashes at its end.
function paths.base(path)
    return path:gsub("(.)/+$", "%1"):match("([^/]+)$") or path
end

-- The last part without its extension: "hello" of "a/hello.lua".
function paths.stem(path)
    return (paths.base(path):gsub("(.)%.[^.]*$", "%1"))
end

-- The path from the root, symbolic links resolved where it exists.
function paths.absolute(path)
    return core.realpath(path) or paths.join(core.getcwd(), path)
end

return paths
