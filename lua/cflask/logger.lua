-- app.logger: records in the server's log.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local Logger = {}
Logger.__index = Logger
Logger.__name = "Logger"

local RANKS = {debug = 10, info = 20, warning = 30, error = 40}
local NAMES = {debug = "debug", info = "info", warning = "warning", warn = "warning",
               error = "error", critical = "error", exception = "error"}

-- The text of a record: a format where values follow, else the message as it is.
local function text_of(message, ...)
    if select("#", ...) == 0 then
        return tostring(message)
    end
    local is_fine, text = pcall(string.format, message, ...)
    return is_fine and text or misuse.fail("app.logger: %s", text)
end

-- logger:debug|info|warning|error(fmt, ...): writes a record, as string.format makes it.
for name, level in pairs(NAMES) do
    Logger[name] = function(self, message, ...)
        if getmetatable(self) ~= Logger then
            misuse.fail("call %s with a colon: app.logger:%s(fmt, ...)", name, name)
        end
        if RANKS[level] >= RANKS[self:get_level()] then
            core.log(level, text_of(message, ...))
        end
    end
end

-- The least level that is written: the one set, else "debug" in debug mode and "info".
function Logger:get_level()
    return self.level or (self.app.config.DEBUG and "debug" or "info")
end

-- logger:set_level("debug" | "info" | "warning" | "error")
function Logger:set_level(level)
    if not RANKS[NAMES[level] or ""] then
        misuse.fail("there is no level %s: use debug, info, warning or error",
                    misuse.show(level))
    end
    self.level = NAMES[level]
end

local logger = {}

function logger.new(app)
    return setmetatable({app = app}, Logger)
end

return logger
