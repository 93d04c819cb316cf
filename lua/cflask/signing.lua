-- flask.signing: signed text in itsdangerous' formats. The core signs and checks; what it
-- finds wrong is an error here.
local core = require "cflask.core"
local errors = require "cflask.errors"
local misuse = require "cflask.misuse"

local signing = {
    BadSignature = errors.BadSignature, BadTimeSignature = errors.BadTimeSignature,
    SignatureExpired = errors.SignatureExpired, BadPayload = errors.BadPayload,
}

local OPTIONS = {salt = true, key_derivation = true, digest_method = true}
local DERIVATIONS = {["django-concat"] = true, concat = true, hmac = true, none = true}
local DIGESTS = {sha1 = true, sha256 = true, sha384 = true, sha512 = true}
local MOST_SECRETS = 32

-- The secrets as a list, the newest last.
local function list_of(secrets, what)
    if type(secrets) == "string" then
        secrets = {secrets}
    end
    local is_list = type(secrets) == "table"
    for i = 1, is_list and math.max(#secrets, 1) or 1 do
        local secret = is_list and secrets[i] or nil
        if type(secret) ~= "string" or secret == "" then
            misuse.fail("%s needs a secret, or a list of them with the newest last, not %s",
                        what, misuse.show(is_list and secret or secrets))
        end
    end
    if #secrets > MOST_SECRETS then
        misuse.fail("%s takes at most %d secrets", what, MOST_SECRETS)
    end
    return secrets
end

local function choice(value, known, what)
    if not known[value] then
        misuse.fail("there is no %s %s%s", what, misuse.show(value),
                    misuse.hint(tostring(value), known))
    end
    return value
end

local function new_core(secrets, options, what, salt)
    options = misuse.options(options, OPTIONS, what)
    salt = misuse.check(options.salt == nil and salt or options.salt, "string",
                        "the salt of " .. what)
    return core.signer(list_of(secrets, what), salt,
        choice(options.key_derivation or "django-concat", DERIVATIONS, "key_derivation"),
        choice(options.digest_method or "sha1", DIGESTS, "digest_method"))
end

-- A class of objects that stand on a signer of the core, and the check of what is called with
-- a dot.
local function new_class(name, salt)
    local class = {}
    local meta = {__index = class, __name = name}
    signing[name] = function(secrets, options)
        return setmetatable({_core = new_core(secrets, options, name, salt)}, meta)
    end
    return class, function(self, method)
        if getmetatable(self) ~= meta then
            misuse.fail("call it with a colon: s:%s(...)", method)
        end
    end
end

-- ## What is wrong

local MESSAGES = {
    ["no signature"] = "There is no signature", mismatch = "Signature does not match",
    ["no time"] = "timestamp missing", ["bad time"] = "Malformed timestamp",
}

-- Raises what a verdict says; nothing for a good one. `is_timed`: it is about the time, or
-- there is one.
local function judge(verdict, payload, time, age, max_age, is_timed)
    if verdict == "good" then
        return
    end
    local fields = {message = MESSAGES[verdict], payload = payload, date_signed = time}
    if verdict == "expired" then
        fields.message = ("Signature age %d > %s seconds"):format(age, tostring(max_age))
        error(errors.SignatureExpired(fields), 0)
    elseif verdict == "future" then
        fields.message = ("Signature age %d < 0 seconds"):format(age)
        error(errors.SignatureExpired(fields), 0)
    elseif is_timed then
        error(errors.BadTimeSignature(fields), 0)
    end
    error(errors.BadSignature(fields), 0)
end

-- Tokens come from clients: one that is missing is as bad as a broken one.
local function check_token(text)
    if type(text) ~= "string" then
        error(errors.BadSignature{message = "There is no signed text"}, 0)
    end
    return text
end

local function unsign(self, text)
    local verdict, value = self._core:unsign(check_token(text))
    judge(verdict, value)
    return value
end

local TIMED = {max_age = true, return_timestamp = true}

local function unsign_timed(self, text, options, what)
    options = misuse.options(options, TIMED, what)
    local max_age = options.max_age
    if max_age ~= nil then
        misuse.check(max_age, "number", "max_age")
    end
    local verdict, value, has_place, time, age = self._core:unsign_timed(check_token(text),
                                                                         max_age)
    judge(verdict, value, time, age, max_age, has_place or verdict == "no time")
    return value, options.return_timestamp and time or nil
end

-- Whether unsigning goes well; other errors are raised.
local function is_good(fn, ...)
    local is_fine, err = pcall(fn, ...)
    if not is_fine and not errors.is(err, errors.BadSignature) then
        error(err, 0)
    end
    return is_fine
end

-- ## Signers

local Signer, check_signer = new_class("Signer", "itsdangerous.Signer")

-- s:sign(value) -> "value.signature"
function Signer:sign(value)
    check_signer(self, "sign")
    return self._core:sign(misuse.check(value, "string", "what is signed"))
end

-- s:unsign(text) -> value
function Signer:unsign(text)
    check_signer(self, "unsign")
    return unsign(self, text)
end

-- s:validate(text) -> whether unsign would give something
function Signer:validate(text)
    check_signer(self, "validate")
    return is_good(unsign, self, text)
end

local TimestampSigner, check_timed_signer = new_class("TimestampSigner", "itsdangerous.Signer")

-- s:sign(value) -> "value.time.signature"
function TimestampSigner:sign(value)
    check_timed_signer(self, "sign")
    return self._core:sign_timed(misuse.check(value, "string", "what is signed"))
end

-- s:unsign(text, {max_age = seconds, return_timestamp = true}) -> value[, seconds since 1970]
function TimestampSigner:unsign(text, options)
    check_timed_signer(self, "unsign")
    return unsign_timed(self, text, options, "unsign")
end

-- s:validate(text, {max_age = seconds})
function TimestampSigner:validate(text, options)
    check_timed_signer(self, "validate")
    return is_good(unsign_timed, self, text, options, "validate")
end

-- ## Serializers

local DEFAULT_MOST = core.config_defaults().MAX_INFLATED_SIZE

-- The limit of the running app, or the default where none runs; false is none.
local function most_inflated()
    local app = core.current_app()
    local most = DEFAULT_MOST
    if app and app.config.MAX_INFLATED_SIZE ~= nil then
        most = app.config.MAX_INFLATED_SIZE
    end
    return most or math.huge
end

-- s:load_payload(text): the value of a token's part before time and signature. Do not trust
-- it: it is for what a SignatureExpired has in `payload`.
local function load_payload(_, text)
    local json, wrong = core.unpack_payload(check_token(text), most_inflated())
    if not json then
        error(errors.BadPayload{message = "The payload can't be unpacked: it is " .. wrong,
                                payload = text}, 0)
    end
    local is_fine, value = pcall(core.json.decode, json)
    if not is_fine then
        error(errors.BadPayload{message = "The payload can't be read: " .. tostring(value),
                                payload = text}, 0)
    end
    return value
end

-- itsdangerous': letters outside of ASCII are not escaped.
local STYLE = {ensure_ascii = false}

local function dump(value)
    return core.pack_payload(core.json.encode(value, STYLE))
end

local URLSafeSerializer, check_plain = new_class("URLSafeSerializer", "itsdangerous")
URLSafeSerializer.load_payload = load_payload

-- s:dumps(value) -> text that may stand in a URL
function URLSafeSerializer:dumps(value)
    check_plain(self, "dumps")
    return self._core:sign(dump(value))
end

-- s:loads(text) -> value
function URLSafeSerializer:loads(text)
    check_plain(self, "loads")
    return load_payload(self, unsign(self, text))
end

local URLSafeTimedSerializer, check_timed = new_class("URLSafeTimedSerializer", "itsdangerous")
URLSafeTimedSerializer.load_payload = load_payload

function URLSafeTimedSerializer:dumps(value)
    check_timed(self, "dumps")
    return self._core:sign_timed(dump(value))
end

-- s:loads(text, {max_age = seconds, return_timestamp = true}) -> value[, seconds since 1970]
function URLSafeTimedSerializer:loads(text, options)
    check_timed(self, "loads")
    local payload, time = unsign_timed(self, text, options, "loads")
    local value = load_payload(self, payload)
    if time then
        return value, time
    end
    return value
end

return setmetatable(signing, {__index = function(_, name)
    misuse.fail("flask.signing.%s does not exist%s", tostring(name),
                misuse.hint(tostring(name), signing))
end})
