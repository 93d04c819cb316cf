-- Checks what clients send.
local flask = require "cflask"

local validate = {}

-- 422 with one message for each field that is wrong.
validate.ValidationError = flask.Class("ValidationError", flask.HTTPException, {
    code = 422, description = "Some fields are not as they should be.",
})

-- How each field is checked: a function that returns the value to keep, or nil and what is
-- wrong with it.
local FIELDS = {}

function FIELDS.title(value)
    if type(value) ~= "string" or not value:find("%S") then
        return nil, "must be a text that is not empty"
    elseif #value > 200 then
        return nil, "must not be longer than 200 bytes"
    end
    return (value:gsub("^%s+", ""):gsub("%s+$", ""))
end

function FIELDS.done(value)
    if type(value) ~= "boolean" then
        return nil, "must be true or false"
    end
    return value
end

function FIELDS.due(value)
    if value == flask.null then
        return value
    end
    local year, month, day = tostring(value):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
    local date = year and os.date("*t", os.time{year = tonumber(year), month = tonumber(month),
                                                day = tonumber(day), hour = 12})
    if not date or date.month ~= tonumber(month) or date.day ~= tonumber(day) then
        return nil, "must be a date such as 2030-01-31, or null"
    end
    return value
end

function FIELDS.tags(value)
    if not flask.json.is_array(value) or #value > 10 then
        return nil, "must be a list of at most 10 texts"
    end
    for _, tag in ipairs(value) do
        if type(tag) ~= "string" or not tag:find("^[%w_-]+$") or #tag > 30 then
            return nil, "must have texts of letters, digits, - and _"
        end
    end
    return value
end

-- The fields of an item out of a JSON body. With `is_new`, the title must be among them.
-- Raises ValidationError.
function validate.item(body, is_new)
    if type(body) ~= "table" or flask.json.is_array(body) then
        flask.abort(400, "The body must be a JSON object.")
    end
    local fields, wrong = {}, {}
    for key, value in pairs(body) do
        local check = FIELDS[key]
        if check then
            fields[key], wrong[key] = check(value)
        else
            wrong[key] = "is no field of a todo"
        end
    end
    if is_new and body.title == nil then
        wrong.title = "is missing"
    end
    if next(wrong) then
        error(validate.ValidationError{fields = wrong})
    end
    return fields
end

return validate
