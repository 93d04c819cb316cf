local core = require "cflask.core"
local flask = require "cflask"

-- What lua/cflask/types.lua annotates: its text, and the module that it would return.
local function annotations()
    local text = core.embedded("lua/cflask/types.lua")
    if not text then
        local file = assert(io.open("lua/cflask/types.lua", "rb"))
        text = file:read("*a")
        file:close()
    end
    return text, assert((loadstring or load)(text, "=types"))()
end

-- The part that belongs to one class, from its line to that of the next.
local function class_text(text, name)
    local first, stop = text:find("%-%-%-@class " .. name:gsub("%.", "%%.") .. "%f[%s:]")
    return text:sub(first, (text:find("\n---@class ", stop, true) or #text) - 1)
end

describe("the annotations for editors", function()
    local text, annotated = annotations()

    it("are not loaded by the module", function()
        assert.is_nil(package.loaded["cflask.types"])
    end)

    it("have each name of the module, and no other", function()
        local module = class_text(text, "cflask")
        for name in pairs(flask) do
            assert.truthy(annotated[name] or module:find("@field " .. name .. " ", 1, true), name)
        end
        for name in pairs(annotated) do
            assert.truthy(rawget(flask, name), name)
        end
    end)

    it("have each property and method of a response", function()
        local response = class_text(text, "cflask.Response")
        for name in pairs(core.response_properties.get) do
            assert.truthy(response:find("@field " .. name .. " ", 1, true), name)
        end
        for name in pairs(core.response_methods) do
            assert.truthy(response:find("function Response:" .. name .. "(", 1, true), name)
        end
    end)

    it("name only fields that a request has", function()
        local app, count = flask.Flask("shop"), 0
        app:test_request_context("/", {method = "POST", json = 1}, function()
            for name in class_text(text, "cflask.Request"):gmatch("@field ([%w_]+) ") do
                assert.has_no_error(function() return flask.request[name] end)
                count = count + 1
            end
        end)
        assert.is_true(count > 50)
    end)

    it("name only methods that an app and a blueprint have", function()
        local objects = {App = {flask.Flask("shop")}, Blueprint = {flask.Blueprint("part")}}
        objects.Scaffold = {objects.App[1], objects.Blueprint[1]}
        for class, name in text:gmatch("\nfunction (%u%a+):([%w_]+)%(") do
            for _, object in ipairs(objects[class] or {}) do
                assert.is_function(object[name], class .. ":" .. name)
            end
        end
    end)
end)
