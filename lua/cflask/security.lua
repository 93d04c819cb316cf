-- flask.security: passwords, random tokens, digests, and names that clients chose.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local raw = core.security
local security = {}

local function check_text(value, what)
    return misuse.check(value, "string", what)
end

local HASH_OPTIONS = {method = true, salt_length = true}

-- generate_password_hash(password, {method = "scrypt", salt_length = 16}): the text to keep,
-- as Werkzeug writes it. Waits while a thread computes it.
function security.generate_password_hash(password, options)
    check_text(password, "the password")
    options = misuse.options(options, HASH_OPTIONS, "generate_password_hash")
    local length = options.salt_length == nil and 16 or options.salt_length
    local method = options.method == nil and "scrypt" or options.method
    check_text(method, "the method of generate_password_hash")
    if type(length) ~= "number" or length % 1 ~= 0 or length < 1 or length > 1024 then
        misuse.fail("the salt_length of generate_password_hash must be 1 to 1024, not %s",
                    misuse.show(length))
    end
    local hash, message = raw.generate_password_hash(password, method, length)
    return hash or misuse.fail("generate_password_hash: %s, not %s", message,
                               misuse.show(method))
end

-- check_password_hash(hash, password): whether the hash is the password's. False for nil and
-- for what is no hash. Waits while a thread computes it.
function security.check_password_hash(hash, password)
    check_text(password, "the password")
    if hash == nil or hash == core.json.null then
        return false
    end
    return raw.check_password_hash(check_text(hash, "the hash"), password)
end

-- random_token(n): n (32) random bytes of the kernel's as URL-safe base64 text.
function security.random_token(n)
    n = n == nil and 32 or n
    if type(n) ~= "number" or n % 1 ~= 0 or n < 1 or n > 4096 then
        misuse.fail("random_token needs a number of bytes from 1 to 4096, not %s",
                    misuse.show(n))
    end
    return raw.random_token(n)
end

-- constant_time_equal(a, b): whether the strings are equal; the time it takes tells only
-- whether their lengths are.
function security.constant_time_equal(a, b)
    return raw.constant_time_equal(check_text(a, "the first argument"),
                                   check_text(b, "the second argument"))
end

local function check_digest(result, name)
    return result or misuse.fail("there is no digest %s", misuse.show(name))
end

-- digest(name, s): the digest's hexadecimal digits.
function security.digest(name, s)
    check_text(name, "the digest's name")
    return check_digest(raw.digest(name, check_text(s, "what to digest")), name)
end

-- hmac(name, key, s): the HMAC's hexadecimal digits.
function security.hmac(name, key, s)
    check_text(name, "the digest's name")
    check_text(key, "the key")
    return check_digest(raw.hmac(name, key, check_text(s, "what to sign")), name)
end

local BASE64_OPTIONS = {urlsafe = true}

-- to_base64(s, {urlsafe = false}): with + and / and padding; urlsafe: with - and _, without.
function security.to_base64(s, options)
    check_text(s, "what to encode")
    options = misuse.options(options, BASE64_OPTIONS, "to_base64")
    return raw.to_base64(s, options.urlsafe)
end

-- from_base64(text): the bytes; nil and a message for what is no base64.
function security.from_base64(text)
    return raw.from_base64(check_text(text, "what to decode"))
end

-- A relative path without "." and "..", but for those at its start.
local function normalize(path)
    local parts = {}
    for part in path:gmatch("[^/]+") do
        if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
            parts[#parts] = nil
        elseif part ~= "." then
            parts[#parts + 1] = part
        end
    end
    return #parts > 0 and table.concat(parts, "/") or "."
end

-- safe_join(folder, ...): the folder's path with the others behind it; nil when one of them
-- would lead out of the folder. As Werkzeug's: of the paths alone, links are not looked at.
function security.safe_join(folder, ...)
    local joined = check_text(folder, "the folder of safe_join")
    if joined == "" then
        joined = "."
    end
    for i = 1, select("#", ...) do
        local path = check_text((select(i, ...)), "a path of safe_join")
        if path:find("^/") or path:find("\0", 1, true) then
            return nil
        elseif path ~= "" then
            path = normalize(path)
        end
        if path == ".." or path:find("^%.%./") then
            return nil
        end
        joined = joined .. (joined:sub(-1) == "/" and "" or "/") .. path
    end
    return joined
end

-- secure_filename(name): a name that a client chose, as one that is safe to save under: ASCII
-- letters, digits, "_", "-" and ".", none of the last first or last. As Werkzeug's. May be "".
function security.secure_filename(name)
    local ascii = raw.likeness(check_text(name, "the argument of secure_filename"))
    local words = {}
    for word in ascii:gsub("/", " "):gmatch("[^%s\28-\31]+") do
        words[#words + 1] = word
    end
    local safe = table.concat(words, "_"):gsub("[^A-Za-z0-9_.-]", ""):gsub("^[._]+", "")
    return (safe:reverse():gsub("^[._]+", "")):reverse()
end

return security
