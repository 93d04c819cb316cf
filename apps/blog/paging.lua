-- Pages of long lists. What to learn here: a number that a client sends is bounded before it reaches
-- the database.
local flask = require "cflask"

local paging = {}

local LAST = 100000 -- so that (page - 1) * size stays small

-- The request's page number, at least 1.
function paging.number()
    local page = flask.request.args:get("page", 1, flask.int)
    return math.max(1, math.min(page, LAST))
end

-- What a template and the API need to know of page `number` of `total` things, `size` on each.
function paging.describe(number, size, total)
    local last = math.max(1, math.ceil(total / size))
    return {
        number = number, size = size, total = total, last = last,
        previous = number > 1 and math.min(number - 1, last) or nil,
        next = number < last and number + 1 or nil,
    }
end

-- 404 for a page behind the last one; the first is there even when it is empty.
function paging.check(page)
    if page.number > page.last then
        flask.abort(404, "There is no page " .. page.number .. ".")
    end
    return page
end

return paging
