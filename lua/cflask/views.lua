-- Views made of objects: their methods get, post, ... answer.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local views = {}

local VERBS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"}

-- The verbs for which the object has a method.
local function verbs_of(object)
    local verbs = {}
    for _, verb in ipairs(VERBS) do
        if misuse.is_callable(object[verb:lower()]) then
            table.insert(verbs, verb)
        end
    end
    return verbs
end

-- A view that calls the object's method for the request's, and the verbs that it answers.
-- HEAD is answered by get where there is no head. The functions in `object.decorators` are
-- put around the view, the first one innermost. `what` names the call in errors.
function views.from_object(object, what)
    if type(object) ~= "table" and type(object) ~= "userdata" then
        misuse.fail("%s needs an object with methods get, post, ..., not %s", what,
                    misuse.show(object))
    end
    local verbs = verbs_of(object)
    if #verbs == 0 then
        misuse.fail("%s: the object has none of the methods get, post, ...", what)
    end
    local function view(...)
        local verb = core.request.method:lower()
        local method = object[verb] or verb == "head" and object.get
        if not method then
            error(("%s: the object has no method %s"):format(what, verb), 0)
        end
        return method(object, ...)
    end
    for _, decorate in ipairs(object.decorators or {}) do
        view = decorate(view)
        misuse.check(view, "function", "what a decorator of " .. what .. " returns")
    end
    return view, verbs
end

return views
