-- Text that users wrote, as HTML. What to learn here: a Markup is a promise that its text is safe, so
-- it is made in one small place where one can see that everything from outside is escaped first; and
-- patterns that run over foreign text must not take quadratic time.
local flask = require "cflask"

local text = {}

local function escape(s)
    return tostring(flask.escape(s))
end

-- ## Within a line

local inline

local function link(url, words)
    -- ugc: written by a user, so that search engines don't count it as the site's own word
    return ('<a href="%s" rel="nofollow ugc">%s</a>'):format(escape(url), words)
end

-- What is special in a line: a pattern, and the HTML for what it captures. Links are http or https,
-- by pattern: a javascript: URL never becomes one. No pattern looks past the next sign of its own
-- kind, so that a text of signs alone costs no more than another.
local SIGNS = {
    {"`([^`]+)`", function(code) return "<code>" .. escape(code) .. "</code>" end},
    {"%[([^%[%]]+)%]%((https?://[^%s()]+)%)", function(words, url)
        return link(url, escape(words))
    end},
    {"(https?://[^%s<>\"'()]*[^%s<>\"'().,;:!?*`])", function(url)
        return link(url, escape(url))
    end},
    {"%*%*([^%s*][^*]*)%*%*", function(words) return "<strong>" .. inline(words) .. "</strong>" end},
    {"%*([^%s*][^*]*)%*", function(words) return "<em>" .. inline(words) .. "</em>" end},
}

-- {first, last, captures...} of where the sign is next, from `at` on; first is math.huge for nowhere.
local function find_sign(s, sign, at)
    local found = {s:find(sign[1], at)}
    found[1] = found[1] or math.huge
    return found
end

function inline(s)
    local out, at, found = {}, 1, {}
    while true do
        local best = 1
        for i, sign in ipairs(SIGNS) do
            -- What was found ahead is kept: each sign is searched for once for each hit.
            if not found[i] or found[i][1] < at then
                found[i] = find_sign(s, sign, at)
            end
            best = found[i][1] < found[best][1] and i or best
        end
        local hit = found[best]
        if hit[1] == math.huge then
            table.insert(out, escape(s:sub(at)))
            return table.concat(out)
        end
        table.insert(out, escape(s:sub(at, hit[1] - 1)))
        table.insert(out, SIGNS[best][2](hit[3], hit[4]))
        at = hit[2] + 1
    end
end

-- ## Blocks

-- What a line begins with, and how the block of such lines is written.
local BLOCKS = {
    {name = "h3", start = "^### +", each = "<h3>%s</h3>\n"},
    {name = "h2", start = "^## +", each = "<h2>%s</h2>\n"},
    {name = "ul", start = "^[-*] +", each = "<li>%s</li>\n", around = "<ul>\n%s</ul>\n"},
    {name = "quote", start = "^> ?", each = "%s\n", around = "<blockquote><p>%s</p></blockquote>\n"},
}
local PARAGRAPH = {name = "p", each = "%s\n", around = "<p>%s</p>\n"}
local CODE = {name = "code", around = "<pre><code>%s</code></pre>\n"}

-- The kind of block that a line belongs to, and the line without its sign.
local function block_of(line)
    for _, block in ipairs(BLOCKS) do
        local rest, count = line:gsub(block.start, "", 1)
        if count > 0 then
            return block, rest
        end
    end
    return PARAGRAPH, line
end

local function close(out, block, lines)
    if block and #lines > 0 then
        local inner = table.concat(lines)
        -- Not by format: the text may have a % in it, and be long.
        local before, after = (block.around or "%s"):match("^(.-)%%s(.*)$")
        table.insert(out, before .. inner:gsub("\n$", block.name == "ul" and "\n" or "") .. after)
    end
end

-- text.prose(s): the HTML of a post or a comment, a Markup. Blank lines part paragraphs; there are
-- ## headings, - lists, > quotes, ``` code, **strong**, *emphasis*, `code` and links.
function text.prose(s)
    local out, block, lines = {}, nil, {}
    local function start(new)
        close(out, block, lines)
        block, lines = new, {}
    end
    for line in (s .. "\n"):gmatch("(.-)\r?\n") do
        if line:find("^```") then
            start(block ~= CODE and CODE or nil)
        elseif block == CODE then
            table.insert(lines, escape(line) .. "\n")
        elseif not line:find("%S") then
            start(nil)
        else
            local new, rest = block_of(line)
            if new ~= block then
                start(new)
            end
            local before, after = new.each:match("^(.-)%%s(.*)$")
            table.insert(lines, before .. inline(rest) .. after)
        end
    end
    close(out, block, lines)
    return flask.Markup(table.concat(out))
end

-- ## Short forms

-- A text without the signs, its headings too, on one line.
local function plain(s)
    s = ("\n" .. s):gsub("\n```.-\n```", " "):gsub("\n##[^\n]*", " "):gsub("\n[>-] ", " ")
    return (s:gsub("%[([^%[%]]+)%]%(https?://[^%s()]+%)", "%1"):gsub("[*`]", ""):gsub("%s+", " ")
        :gsub("^ ", ""))
end

-- The beginning of a text in at most `length` characters, in whole words.
function text.excerpt(s, length)
    s = plain(s)
    local count, last_space = 0, 0
    for at, letter in s:gmatch("()([%z\1-\127\194-\244][\128-\191]*)") do
        count = count + 1
        if letter == " " then
            last_space = at
        end
        if count > length then
            return s:sub(1, (last_space > 0 and last_space or at) - 1) .. "…"
        end
    end
    return s
end

-- The hits of a search: what posts.search puts between \1 and \2 becomes <mark>.
function text.marked(s)
    s = escape(plain(s))
    return flask.Markup((s:gsub("[\1\2]", {["\1"] = "<mark>", ["\2"] = "</mark>"})))
end

-- "3 Mar 2026", in UTC.
function text.date(time)
    return (os.date("!%d %b %Y", time):gsub("^0", ""))
end

-- Minutes that reading takes, at least 1.
function text.minutes(s)
    local _, words = s:gsub("%S+", "")
    return math.max(1, math.ceil(words / 220))
end

function text.register_filters(app)
    app:template_filter("prose", text.prose)
    app:template_filter("excerpt", text.excerpt)
    app:template_filter("marked", text.marked)
    app:template_filter("date", text.date)
    app:template_filter("isodate", function(time) return os.date("!%Y-%m-%dT%H:%M:%SZ", time) end)
    app:template_filter("minutes", text.minutes)
end

return text
