-- How the specs tell tests/tap.py what came out: busted's own TAP output breaks down on a file
-- with a syntax error, which has no line of its own to show.
local busted = require "busted"
local base = require "busted.outputHandlers.base"

-- Every line of a message is a comment, so that none can be taken for a result.
local function comment(text)
    text = type(text) == "string" and text or require("pl.pretty").write(text)
    io.write("# ", (text:gsub("\n", "\n# ")), "\n")
end

return function()
    local handler = base()
    local count = 0

    local function result(word, what)
        count = count + 1
        io.write(word, " ", count, " - ", (what:gsub("%s+", " ")), "\n")
    end

    local function failure(entry)
        result("not ok", entry.name or "?")
        comment(entry.message == nil and "no message" or entry.message)
        comment(entry.trace and entry.trace.traceback or "")
    end

    busted.subscribe({"test", "end"}, function(_, _, status)
        if status == "success" then
            result("ok", handler.successes[#handler.successes].name)
        elseif status == "pending" then
            local entry = handler.pendings[#handler.pendings]
            local why = type(entry.message) == "string" and entry.message or "pending"
            result("ok", entry.name .. " # SKIP " .. why)
        else
            local entries = status == "failure" and handler.failures or handler.errors
            failure(entries[#entries])
        end
        io.flush()
        return nil, true
    end)

    -- What goes wrong outside a test: loading a file, setup, teardown.
    busted.subscribe({"error"}, function(element)
        if element.descriptor ~= "it" then failure(handler.errors[#handler.errors]) end
        return nil, true
    end)

    busted.subscribe({"suite", "end"}, function()
        io.write("1..", count, "\n")
        io.flush()
        return nil, true
    end)

    return handler
end
