-- Classes of errors: Class, Error, HTTPException with one class for each status, BuildError.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local errors = {}

-- What is known of each class: its name, its parent and the metatable of its instances.
local classes = setmetatable({}, {__mode = "k"})

-- The class of an instance, or nil for any other value.
local function class_of(value)
    local meta = type(value) == "table" and getmetatable(value)
    return type(meta) == "table" and rawget(meta, "__class") or nil
end

-- The text of an instance: `name: message`.
local function describe(err)
    local message = err.message
    if message == nil or message == "" then
        return tostring(err.name)
    end
    return tostring(err.name) .. ": " .. tostring(message)
end

-- What a class makes when called: with a table of fields, or with the message alone.
local function construct(class, fields)
    local err = {}
    if type(fields) == "table" and class_of(fields) == nil then
        for key, value in pairs(fields) do
            err[key] = value
        end
    elseif fields ~= nil then
        err[class.main_field] = fields
    end
    return setmetatable(err, classes[class].meta)
end

-- The instances' metatable begins as the parent's, so that children of HTTPException keep
-- what it adds.
local function instance_meta(class, parent)
    local meta = {}
    for key, value in pairs(parent and classes[parent].meta or {}) do
        meta[key] = value
    end
    meta.__class = class
    meta.__tostring = meta.__tostring or describe
    if type(meta.__index) ~= "function" then
        meta.__index = class
    end
    return meta
end

-- Makes a class of errors. `defaults` are fields that its instances have unless they are
-- given others; `parent` is flask.Error unless given. `class{...}` makes an instance to be
-- raised by error().
--
--     local OutOfStock = flask.Class("OutOfStock")
--     error(OutOfStock{message = "no more tea", item = "tea"})
function errors.Class(name, parent, defaults)
    misuse.check(name, "string", "the name of a class")
    if parent == nil then
        parent = errors.Error
    elseif not classes[parent] then
        misuse.fail("the parent of class %s must be a class, not %s", name,
                    misuse.show(parent))
    end
    if defaults ~= nil then
        misuse.check(defaults, "table", "the defaults of class " .. name)
    end
    return errors.new_class(name, parent, defaults)
end

-- Makes a class without checks; parent is nil for the topmost alone.
function errors.new_class(name, parent, defaults)
    local class = {name = name}
    if parent and parent.is_http then
        class.name = nil
    end
    for key, value in pairs(defaults or {}) do
        class[key] = value
    end
    if class.code and class.name == nil then
        class.name = core.status_name(class.code) or name
    end
    classes[class] = {name = name, parent = parent, meta = instance_meta(class, parent)}
    return setmetatable(class, {
        __index = parent,
        __call = construct,
        __tostring = function() return "class " .. name end,
    })
end

-- Whether the value is an instance of the class or of one of its children.
function errors.is(value, class)
    if not classes[class] then
        misuse.fail("flask.is needs a class, not %s", misuse.show(class))
    end
    local its = class_of(value)
    while its do
        if its == class then
            return true
        end
        its = classes[its].parent
    end
    return false
end

-- Whether the value is a class, and whether it is this class or a child of it.
function errors.is_class(value)
    return classes[value] ~= nil
end

function errors.is_subclass(value, class)
    while value do
        if value == class then
            return true
        end
        value = classes[value].parent
    end
    return false
end

-- The name of an instance's class, or nil for any other value.
function errors.class_name(value)
    local class = class_of(value)
    return class and classes[class].name
end

-- Goes through the classes of an instance, the nearest first.
function errors.lineage(err)
    local class = class_of(err)
    return function()
        local this = class
        class = this and classes[this].parent
        return this
    end
end

-- The metatable of a class's instances, for those that are made elsewhere.
function errors.meta_of(class)
    return classes[class].meta
end

errors.Error = errors.new_class("Error", nil, {main_field = "message"})

-- ## HTTP errors

-- What is sent for an error that has no response of its own.
local function make_response(err)
    local as_json = core.has_request_context() and core.wants_json()
    local code = err.code or 500
    local body, content_type = core.error_page(code, err.name, err.description, as_json)
    local response = core.Response(body, {status = code, content_type = content_type})
    if err.allow then
        response.headers.Allow = table.concat(err.allow, ", ")
    end
    for name, value in pairs(err.headers or {}) do
        response.headers[name] = value
    end
    return response
end

-- An HTTP error's `response` is made when first asked for; all else is its class's.
local function http_index(err, key)
    if key == "response" then
        local response = make_response(err)
        rawset(err, "response", response)
        return response
    end
    return getmetatable(err).__class[key]
end

-- An error that is an answer. Fields: code, name, description, headers (name to value),
-- response. A string in place of the fields is the description.
errors.HTTPException = errors.new_class("HTTPException", errors.Error, {
    name = "Unknown Error",
    is_http = true,
    main_field = "description",
})
classes[errors.HTTPException].meta.__index = http_index
classes[errors.HTTPException].meta.__http_error = function(err) return err.response end
classes[errors.HTTPException].meta.__tostring = function(err)
    return ("%s %s: %s"):format(tostring(err.code), err.name, tostring(err.description))
end

function errors.HTTPException:get_response()
    return self.response
end

local function http(name, code, description)
    return {name, code, description}
end

local STATUSES = {
    http("BadRequest", 400, "The server could not understand this request."),
    http("Unauthorized", 401, "Say who you are: this page needs valid credentials."),
    http("PaymentRequired", 402, "This page is not free of charge."),
    http("Forbidden", 403, "You are not allowed to see this page."),
    http("NotFound", 404, "There is nothing at this address."),
    http("MethodNotAllowed", 405, "This address does not answer to that method."),
    http("NotAcceptable", 406, "There is no form of this page that you accept."),
    http("ProxyAuthenticationRequired", 407, "The proxy needs valid credentials."),
    http("RequestTimeout", 408, "The request took too long to arrive."),
    http("Conflict", 409, "The request conflicts with the present state."),
    http("Gone", 410, "What was at this address has gone for good."),
    http("LengthRequired", 411, "The request must say how long its body is."),
    http("PreconditionFailed", 412, "A condition of the request does not hold."),
    http("RequestEntityTooLarge", 413, "The body of the request is too large."),
    http("RequestURITooLarge", 414, "The address is too long."),
    http("UnsupportedMediaType", 415, "The body is of a type that is not taken here."),
    http("RequestedRangeNotSatisfiable", 416, "The asked range lies outside of the file."),
    http("ExpectationFailed", 417, "The expectation of the request can't be met."),
    http("ImATeapot", 418, "I am a teapot and do not brew coffee."),
    http("MisdirectedRequest", 421, "This server does not answer for that address."),
    http("UnprocessableEntity", 422, "The request can be read, but not followed."),
    http("Locked", 423, "What you asked for is locked."),
    http("FailedDependency", 424, "Something that this request depends on failed."),
    http("TooEarly", 425, "The request came too early to be safe."),
    http("UpgradeRequired", 426, "The client must change to another protocol."),
    http("PreconditionRequired", 428, "The request must be conditional."),
    http("TooManyRequests", 429, "Too many requests: wait a little."),
    http("RequestHeaderFieldsTooLarge", 431, "The header of the request is too large."),
    http("UnavailableForLegalReasons", 451, "This page is withheld for legal reasons."),
    http("InternalServerError", 500, "The server met an error and could not answer."),
    http("NotImplemented", 501, "The server does not support what was asked for."),
    http("BadGateway", 502, "A server behind this one gave a bad answer."),
    http("ServiceUnavailable", 503, "The server can't answer now: try again later."),
    http("GatewayTimeout", 504, "A server behind this one did not answer in time."),
    http("HTTPVersionNotSupported", 505, "This version of HTTP is not supported."),
    http("VariantAlsoNegotiates", 506, "The server is set up wrongly."),
    http("InsufficientStorage", 507, "The server has no room to do this."),
    http("LoopDetected", 508, "The server met an endless loop."),
    http("NotExtended", 510, "The request lacks an extension."),
    http("NetworkAuthenticationRequired", 511, "Log in to the network first."),
}

-- One class for each status, by name; and the same by code.
errors.exceptions = {HTTPException = errors.HTTPException}
errors.by_code = {}

for _, status in ipairs(STATUSES) do
    local class = errors.new_class(status[1], errors.HTTPException, {
        code = status[2], description = status[3],
    })
    errors.exceptions[status[1]] = class
    errors.by_code[status[2]] = class
end

-- A key that a form, a query, ... lacks; `key` names it.
errors.exceptions.BadRequestKeyError = errors.new_class("BadRequestKeyError",
                                                        errors.exceptions.BadRequest)

-- The HTTP error of a status code, as the C core and abort() raise it. `fields` may have
-- headers, allow (a list of methods), key, response.
function errors.http_error(code, description, fields)
    local given = {}
    for key, value in pairs(fields or {}) do
        given[key] = value
    end
    given.description = description or given.description
    local class = errors.by_code[code]
    if given.key ~= nil then
        class = errors.exceptions.BadRequestKeyError
    elseif not class then
        class, given.code = errors.HTTPException, code
        given.name = core.status_name(code)
    end
    return class(given)
end

-- ## The others

-- A URL that can't be built. Fields: endpoint, values, method, suggested, message.
errors.BuildError = errors.new_class("BuildError", errors.Error)

-- A wait that took longer than flask.timeout() allowed.
errors.Timeout = errors.new_class("Timeout", errors.Error,
                                  {message = "the time that was allowed is over"})

-- Parents of what signed tokens and templates raise.
errors.BadSignature = errors.new_class("BadSignature", errors.Error)
errors.BadPayload = errors.new_class("BadPayload", errors.BadSignature)
errors.BadTimeSignature = errors.new_class("BadTimeSignature", errors.BadSignature)
errors.SignatureExpired = errors.new_class("SignatureExpired", errors.BadTimeSignature)
errors.TemplateError = errors.new_class("TemplateError", errors.Error)

-- Whatever was raised, as an instance of Error: instances as they are, a class as one of its
-- instances, other values in an Error
-- {message=, value=, traceback=}.
function errors.from_raised(raised, traceback)
    if class_of(raised) then
        return raised
    elseif classes[raised] then
        return raised()
    end
    return errors.Error{message = tostring(raised), value = raised, traceback = traceback}
end

if core.set_http_error then
    core.set_http_error(errors.http_error)
end
core.set_timeout_error(function() return errors.Timeout() end)

return errors
