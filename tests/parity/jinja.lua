-- Runs a corpus of recorded Jinja2 cases (one JSON object a line) and prints how many come out
-- as recorded, by tag; then the failures. Arguments: FILE [-q | -v]; its exit status is the number
-- of failures, at most 1.
local jinja = require "cflask.jinja"
local value = value -- luacheck: ignore (the driver's: lists, ordered dicts and null)

-- A JSON reader that keeps integers and floats apart, and the order of objects.
local function decode(text)
    local at = 1
    local read

    local function fail(what)
        error("bad JSON at byte " .. at .. ": " .. what)
    end

    local function skip()
        at = text:find("[^ \t\r\n]", at) or #text + 1
    end

    local function utf8_of(c)
        if c < 0x80 then return string.char(c) end
        local bytes, first = {}, 0x40
        while c >= first do
            table.insert(bytes, 1, string.char(0x80 + c % 64))
            c = math.floor(c / 64)
            first = first / 2
        end
        return string.char((256 - first * 2) % 256 + c) .. table.concat(bytes)
    end

    local simple = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}

    local function read_string()
        local out = {}
        at = at + 1
        while true do
            local stop = text:find('["\\]', at) or fail("open string")
            out[#out + 1] = text:sub(at, stop - 1)
            at = stop + 1
            if text:sub(stop, stop) == '"' then return table.concat(out) end
            local c = text:sub(at, at)
            at = at + 1
            if c == "u" then
                local code = tonumber(text:sub(at, at + 3), 16)
                at = at + 4
                if code >= 0xd800 and code < 0xdc00 and text:sub(at, at + 1) == "\\u" then
                    local low = tonumber(text:sub(at + 2, at + 5), 16)
                    code = 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00)
                    at = at + 6
                end
                out[#out + 1] = utf8_of(code)
            else
                out[#out + 1] = simple[c] or c
            end
        end
    end

    local function read_list()
        local out, n = value.array({}), 0
        at = at + 1
        skip()
        while text:sub(at, at) ~= "]" do
            n = n + 1
            out[n] = read()
            skip()
            if text:sub(at, at) == "," then at = at + 1 end
            skip()
        end
        at = at + 1
        return out
    end

    local function read_object()
        local out = value.ordered({})
        at = at + 1
        skip()
        while text:sub(at, at) ~= "}" do
            local key = read_string()
            skip()
            at = at + 1 -- the colon
            out[key] = read()
            skip()
            if text:sub(at, at) == "," then at = at + 1 end
            skip()
        end
        at = at + 1
        return out
    end

    local literals = {["true"] = true, ["false"] = false, ["null"] = value.null}

    function read()
        skip()
        local c = text:sub(at, at)
        if c == '"' then return read_string() end
        if c == "[" then return read_list() end
        if c == "{" then return read_object() end
        local word = text:match("^[%a]+", at)
        if word and literals[word] ~= nil then
            at = at + #word
            return literals[word]
        end
        local number = text:match("^%-?[%d.eE+-]+", at) or fail("unknown value")
        at = at + #number
        return tonumber(number)
    end

    return read()
end

local function plain(t)
    local out = {}
    for k, v in value.pairs(t) do out[k] = v end
    return out
end

-- select_autoescape of the corpus: by the end of the name.
local function autoescape_of(option)
    if type(option) ~= "table" then return option end
    local o = option.select_autoescape or option
    local function ends(list, name)
        for _, e in ipairs(list or {}) do
            e = "." .. e:gsub("^%.", ""):lower()
            if name:lower():sub(-#e) == e then return true end
        end
        return false
    end
    return function(name)
        if name == nil then return o.default_for_string ~= false end
        if ends(o.enabled_extensions or {"html", "htm", "xml"}, name) then return true end
        if ends(o.disabled_extensions, name) then return false end
        return o.default or false
    end
end

local function environment_of(case)
    local options = plain(case.env or {})
    for k, v in pairs(options) do
        if v == value.null then options[k] = nil end
    end
    options.loader = plain(case.templates)
    options.autoescape = autoescape_of(options.autoescape)
    options.globals = options.globals and plain(options.globals)
    options.policies = options.policies and plain(options.policies)
    options.i18n = options.i18n and plain(options.i18n)
    return jinja.Environment(options)
end

local function outcome_of(case)
    local is_compiled, result = pcall(function()
        local env = environment_of(case)
        local own = case.template_globals
        return env:get_template(case.main, own and {globals = plain(own)} or nil)
    end)
    if not is_compiled then return nil, result, "compile" end
    local template = result
    local is_rendered, output = pcall(template.render, template, case.context)
    if not is_rendered then return nil, output, "render" end
    return output
end

local function tags_of(case)
    local tags = {}
    for _, tag in ipairs(case.tags or {}) do tags[tag] = true end
    return tags
end

-- nil when the outcome is as recorded, else what is wrong.
local function judge(case, tags)
    local output, err, phase = outcome_of(case)
    local want = case.expect
    if want.output ~= nil then
        if output == want.output then return nil end
        if output then return ("output %q, not %q"):format(output, want.output) end
        return "error: " .. tostring(err)
    end
    if output then return ("output %q, not %s"):format(output, want.error) end
    if tags["python-limit"] then return nil end
    if tags["python-error"] then
        return phase ~= want.phase and ("error when " .. phase .. ": " .. tostring(err)) or nil
    end
    if type(err) ~= "table" then return "error: " .. tostring(err) end
    if err.type ~= want.error then
        return ("%s (%s), not %s (%s)"):format(err.type, err.message, want.error, want.message)
    end
    if want.line and err.lineno ~= want.line then
        return ("line %s, not %s: %s"):format(tostring(err.lineno), want.line, err.message)
    end
    if want.template and want.line and (err.name or want.template) ~= want.template then
        return ("template %s, not %s"):format(tostring(err.name), want.template)
    end
    return nil, want.message ~= err.message
        and ("message %q, not %q"):format(tostring(err.message), tostring(want.message)) or nil
end

local not_portable = {
    "python-repr", "python-error", "python-method", "python-limit", "bigint", "const-folding",
    "dict-order", "int-vs-float",
}

local function is_portable(tags)
    for _, tag in ipairs(not_portable) do
        if tags[tag] then return false end
    end
    return true
end

local function count(table_of, key, is_passed)
    local c = table_of[key] or {0, 0}
    table_of[key] = c
    c[is_passed and 1 or 2] = c[is_passed and 1 or 2] + 1
end

local function main(path, how)
    local file = assert(io.open(path, "rb"))
    local by_tag, totals, failures, messages = {}, {}, {}, 0
    for line in file:lines() do
        local case = decode(line)
        local tags = tags_of(case)
        local is_ok, why, other = pcall(judge, case, tags)
        if not is_ok then why = "the runner failed: " .. tostring(why) end
        count(totals, "all", not why)
        if is_portable(tags) then count(totals, "portable", not why) end
        for tag in pairs(tags) do count(by_tag, tag, not why) end
        if why then
            local mark = is_portable(tags) and "PORTABLE " or ""
            failures[#failures + 1] = mark .. case.id .. ": " .. why
            if how == "-v" then failures[#failures] = failures[#failures] .. "\n    " .. line end
        elseif other then
            messages = messages + 1
            if how == "-m" then print(case.id .. ": " .. other) end
        end
    end
    file:close()
    local names = {}
    for tag in pairs(by_tag) do names[#names + 1] = tag end
    table.sort(names)
    if how ~= "-q" then
        for _, tag in ipairs(names) do
            local c = by_tag[tag]
            print(("%-30s %5d passed %4d failed"):format(tag, c[1], c[2]))
        end
    end
    for _, failure in ipairs(failures) do print(failure) end
    local portable = totals.portable or {0, 0}
    print(("portable: %d of %d; errors with another message: %d"):format(portable[1],
        portable[1] + portable[2], messages))
    print(("%d passed, %d failed"):format(totals.all[1], totals.all[2]))
    return totals.all[2] > 0 and 1 or 0
end

return main(arg[1], arg[2])
