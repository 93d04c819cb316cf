-- Checking what clients send. What to learn here: nothing that comes from outside is used before it
-- has been through a list of rules, and the rules say in words what is wrong. The HTML forms and the
-- JSON API share them, so that neither is a way around the other.
local forms = {}

-- A text without control characters (line breaks and tabs may stay) and without blanks around it.
local function clean(value)
    value = value:gsub("\r\n?", "\n"):gsub("[%z\1-\8\11-\31\127]", "")
    return (value:match("^%s*(.-)%s*$"))
end

-- Characters, not bytes: "é" is one.
local function length(value)
    return select(2, value:gsub("[^\128-\191]", ""))
end

-- What is wrong with the value, or nil. The rule's fields: label, min, max (characters), pattern and
-- the advice for it, one_line, equal ({another field's name, its words}).
local function fault_of(rule, value, values)
    local size = length(value)
    if size == 0 and (rule.min or 0) > 0 then
        return rule.label .. " is required."
    elseif size < (rule.min or 0) then
        return ("%s needs at least %d characters."):format(rule.label, rule.min)
    elseif size > rule.max then
        return ("%s may have at most %d characters."):format(rule.label, rule.max)
    elseif rule.pattern and not value:find(rule.pattern) then
        return rule.advice
    elseif rule.equal and value ~= values[rule.equal] then
        return rule.advice
    end
    return nil
end

-- forms.check(get, rules): `get(name)` gives a field as it was sent. Returns the values by name, and
-- the faults by name or nil when there are none.
function forms.check(get, rules)
    local values, faults = {}, {}
    for _, rule in ipairs(rules) do
        local value = get(rule.name)
        if value == nil then
            value = ""
        end
        if type(value) ~= "string" then -- JSON may hold anything
            values[rule.name], faults[rule.name] = "", rule.label .. " must be text."
        else
            -- A password is taken as it is.
            value = rule.raw and value or clean(value)
            value = rule.one_line and value:gsub("%s+", " ") or value
            values[rule.name] = value
            faults[rule.name] = fault_of(rule, value, values)
        end
    end
    return values, next(faults) and faults or nil
end

-- The fields of a form (a multi-dictionary of the request) as forms.check wants them.
function forms.of(fields)
    return function(name)
        return fields:get(name)
    end
end

-- The fields of a JSON object likewise; of what is no object, none.
function forms.of_json(value)
    return function(name)
        return type(value) == "table" and value[name] or nil
    end
end

return forms
