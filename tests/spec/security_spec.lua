local flask = require "cflask"

local security = flask.security
local CHEAP = {method = "pbkdf2:sha256:10"}

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return raised
end

-- What a view returns, in an app that raises errors in the test.
local function view(fn, config)
    local app = flask.Flask("shop")
    app.testing = true
    for key, value in pairs(config or {}) do
        app.config[key] = value
    end
    app:get("/", fn)
    return app:test_client():get("/").text
end

-- The message says what is wrong and where: in this file.
local function refused(words, fn, ...)
    local message = tostring(failure(fn, ...))
    assert.truthy(message:find(words, 1, true), message)
    assert.truthy(message:find("security_spec.lua:%d+:"), message)
end

describe("a password's hash", function()
    it("is Werkzeug's scrypt unless another method is asked for", function()
        local hash = security.generate_password_hash("secret")
        assert.truthy(hash:find("^scrypt:32768:8:1%$" .. ("%w"):rep(16) .. "%$"
                                .. ("%x"):rep(128) .. "$"))
        assert.is_true(security.check_password_hash(hash, "secret"))
        assert.is_false(security.check_password_hash(hash, "Secret"))
    end)

    it("has the method that is asked for, with what is left out of it", function()
        local function method(name)
            local hash = security.generate_password_hash("secret", {method = name})
            assert.is_true(security.check_password_hash(hash, "secret"))
            assert.is_false(security.check_password_hash(hash, "secre"))
            return hash:match("^[^$]*")
        end
        assert.equal("scrypt:1024:4:2", method("scrypt:1024:4:2"))
        assert.equal("pbkdf2:sha256:600000", method("pbkdf2"))
        assert.equal("pbkdf2:sha1:600000", method("pbkdf2:sha1"))
        assert.equal("pbkdf2:sha512:77", method("pbkdf2:sha512:77"))
    end)

    it("differs each time, by its salt", function()
        local first = security.generate_password_hash("secret", CHEAP)
        local second = security.generate_password_hash("secret", CHEAP)
        assert.are_not.equal(first, second)
        assert.are_not.equal(first:match("%$(.-)%$"), second:match("%$(.-)%$"))
    end)

    it("has a salt as long as is asked for", function()
        for _, length in ipairs{1, 8, 1024} do
            local hash = security.generate_password_hash("x", {
                method = CHEAP.method, salt_length = length})
            assert.equal(length, #hash:match("%$(%w+)%$"))
            assert.is_true(security.check_password_hash(hash, "x"))
        end
    end)

    it("is of all bytes of the password", function()
        local passwords = {"", "a", "a\0b", "a\0c", "\0a", "\255\254", "pässwörd",
                           ("x"):rep(10000), ("x"):rep(10001)}
        for _, right in ipairs(passwords) do
            local hash = security.generate_password_hash(right, CHEAP)
            for _, other in ipairs(passwords) do
                assert.equal(right == other, security.check_password_hash(hash, other))
            end
        end
    end)

    it("that is malformed, of another kind or too costly is never right", function()
        local hash = security.generate_password_hash("x", CHEAP)
        for _, text in ipairs{
            "", "x", "$", "$$", "plain$$x", "md5$$9dd4e461268c8034f5c8564e155c67a6",
            "md5$a$9dd4e461268c8034f5c8564e155c67a6", "sha1$a$x", "argon2$a$b",
            hash:sub(1, -2), hash .. "0", hash:upper(), " " .. hash, hash .. "\n",
            hash .. "\0", hash:gsub("%$", ":"), (hash:gsub("%$%w+%$", "$$")),
            "scrypt:1073741824:8:1$salt$00", "scrypt:32768:8:4294967295$salt$00",
            "scrypt:32768:1073741824:1$salt$00", "pbkdf2:sha256:4000000000$salt$00",
            "pbkdf2:sha256:99999999999999999999$salt$00", "scrypt:3:8:1$salt$00",
            "pbkdf2:nothing:1000$salt$00", "scrypt:32768:8:1$" .. ("s"):rep(5000) .. "$00",
        } do
            assert.is_false(security.check_password_hash(text, "x"), text)
        end
        assert.is_true(security.check_password_hash(hash, "x"))
    end)

    it("that is missing is never right", function()
        assert.is_false(security.check_password_hash(nil, "x"))
        assert.is_false(security.check_password_hash(flask.null, "x"))
    end)

    it("may be asked for by what is no text or by an unknown method: an error", function()
        local generate = security.generate_password_hash
        refused("the password must be a string, not 5", generate, 5)
        refused("the password must be a string", security.check_password_hash, "x", nil)
        refused("the hash must be a string", security.check_password_hash, {}, "x")
        refused("must be scrypt or pbkdf2, not \"md5\"", generate, "x", {method = "md5"})
        refused("no such digest", generate, "x", {method = "pbkdf2:none"})
        refused("cost is too high", generate, "x", {method = "scrypt:16777216:8:1"})
        refused("power of two", generate, "x", {method = "scrypt:1000:8:1"})
        refused("did you mean method?", generate, "x", {methods = "scrypt"})
        for _, length in ipairs{0, -1, 1.5, 1025, "16", 0 / 0} do
            refused("salt_length", generate, "x", {salt_length = length})
        end
    end)
end)

describe("hashing a password", function()
    -- What a hash takes may pass before anybody looks: a machine that stalls is asked again.
    local TRIES = 5

    it("lets others go on meanwhile", function()
        local wanted, got = "other other other hash hash hash", nil
        local function visit()
            local order = {}
            local function hash()
                security.generate_password_hash("x", {method = "pbkdf2:sha256:200000"})
                table.insert(order, "hash")
            end
            local function other()
                flask.sleep(0)
                table.insert(order, "other")
            end
            flask.gather{hash, hash, hash, other, other, other}
            return table.concat(order, " ")
        end
        for _ = 1, TRIES do
            got = view(visit)
            if got == wanted then break end
        end
        assert.equal(wanted, got)
    end)

    it("keeps the request", function()
        assert.equal("/ true", view(function()
            local hash = security.generate_password_hash("x", CHEAP)
            local is_right = security.check_password_hash(hash, "x")
            return flask.request.path .. " " .. tostring(is_right)
        end))
    end)

    it("may be ended by a timeout", function()
        assert.equal("timed out", view(function()
            local is_fine, err
            for _ = 1, TRIES do
                is_fine, err = pcall(flask.timeout, 0.001, function()
                    security.generate_password_hash("x", {method = "pbkdf2:sha256:1000000"})
                end)
                if not is_fine then break end
            end
            assert.is_false(is_fine)
            assert.is_true(flask.is(err, flask.Timeout))
            return "timed out"
        end))
    end)

    it("may stand in a coroutine of the app", function()
        assert.equal("true", view(function()
            return tostring(coroutine.wrap(function()
                local hash = security.generate_password_hash("x", CHEAP)
                return security.check_password_hash(hash, "x")
            end)())
        end))
    end)

    it("is refused with 503 when too many wait for a thread", function()
        assert.equal("503", view(function()
            local hashes = {}
            for i = 1, 12 do
                hashes[i] = function()
                    security.generate_password_hash("x", {method = "pbkdf2:sha256:100000"})
                end
            end
            local is_fine, err = pcall(flask.gather, hashes)
            assert.is_false(is_fine)
            return tostring(err.code)
        end, {MAX_OFFLOADED = 2}))
    end)

    it("is an error in a callback that can't wait", function()
        assert.truthy(view(function()
            return select(2, pcall(string.gsub, "x", "x", function()
                return security.generate_password_hash("x", CHEAP)
            end))
        end):find("callback of 'string.gsub'", 1, true))
    end)
end)

describe("a random token", function()
    it("is URL-safe text of that many bytes", function()
        assert.equal(43, #security.random_token())
        for _, n in ipairs{1, 2, 3, 16, 4096} do
            local token = security.random_token(n)
            assert.truthy(token:find("^[%w_-]+$"))
            assert.equal(n, #security.from_base64(token))
        end
    end)

    it("is never the same", function()
        local seen = {}
        for _ = 1, 1000 do
            local token = security.random_token(8)
            assert.is_nil(seen[token])
            seen[token] = true
        end
    end)

    it("needs a number of bytes", function()
        for _, n in ipairs{0, -1, 4097, 1.5, "8", 1 / 0, 0 / 0} do
            refused("random_token needs", security.random_token, n)
        end
    end)
end)

describe("comparison in constant time", function()
    it("is of all bytes", function()
        local equal = security.constant_time_equal
        assert.is_true(equal("", ""))
        assert.is_true(equal("a\0b", "a\0b"))
        assert.is_false(equal("a\0b", "a\0c"))
        assert.is_false(equal("a", ""))
        assert.is_false(equal("a", "ab"))
        refused("must be a string", equal, "a", nil)
        refused("must be a string", equal, 1, "1")
    end)
end)

describe("digests", function()
    it("are those of the standards", function()
        local digest = security.digest
        assert.equal("900150983cd24fb0d6963f7d28e17f72", digest("md5", "abc"))
        assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", digest("sha1", "abc"))
        assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                     digest("sha256", "abc"))
        assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                     digest("SHA256", "abc"))
        assert.equal(128, #digest("sha512", "\0"))
        assert.equal("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
                     digest("sha3_256", "abc"))
    end)

    it("may be keyed", function()
        assert.equal("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
                     security.hmac("sha256", "key",
                                   "The quick brown fox jumps over the lazy dog"))
        assert.equal("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
                     security.hmac("sha256", "", ""))
    end)

    it("that are unknown are errors", function()
        for _, name in ipairs{"", "sha257", "shake_128", "sha256\0", ("a"):rep(100)} do
            refused("there is no digest", security.digest, name, "x")
            refused("there is no digest", security.hmac, name, "key", "x")
        end
        refused("must be a string", security.digest, "sha256")
        refused("must be a string", security.hmac, "sha256", nil, "x")
    end)
end)

describe("base64", function()
    it("is standard or URL-safe", function()
        assert.equal("++//Yg==", security.to_base64("\251\239\255b"))
        assert.equal("--__Yg", security.to_base64("\251\239\255b", {urlsafe = true}))
        assert.equal("", security.to_base64(""))
        refused("did you mean urlsafe?", security.to_base64, "", {urlSafe = true})
    end)

    it("is read in either form", function()
        for _, text in ipairs{"++//Yg==", "--__Yg", "++//Yg", "--__Yg=="} do
            assert.equal("\251\239\255b", security.from_base64(text))
        end
        assert.equal("", security.from_base64(""))
    end)

    it("is read strictly", function()
        for _, text in ipairs{"a", "Zh==", "Zg=", "Zg ==", "Zg==\n", "+-==", "Zg\0=", "é"} do
            local bytes, message = security.from_base64(text)
            assert.is_nil(bytes, text)
            assert.equal("this is no base64", message)
        end
    end)

    it("gives large strings back", function()
        local bytes = ("\0\1\2\255"):rep(100000)
        assert.equal(bytes, security.from_base64(security.to_base64(bytes)))
    end)
end)

describe("safe_join", function()
    it("joins what stays inside", function()
        local join = security.safe_join
        assert.equal("a/b/c", join("a", "b/c"))
        assert.equal("/srv/b", join("/srv/", "./x/../b"))
        assert.equal("a/b/c/", join("a", "b", "c", ""))
        assert.equal("./b", join("", "b"))
        assert.equal("a", join("a"))
        assert.equal("a/..b/...", join("a", "..b/..."))
        assert.equal("a/b\\..\\c", join("a", "b\\..\\c"))
    end)

    it("gives nil for what leads outside", function()
        for _, path in ipairs{"..", "../a", "a/../..", "a/../../b", "./..", "/", "/etc", "//a",
                              "a\0", "\0"} do
            assert.is_nil(security.safe_join("folder", path), path)
            assert.is_nil(security.safe_join("folder", "fine", path, "fine"), path)
        end
        refused("must be a string", security.safe_join, "a", nil)
    end)

    it("is what the error about flask.safe_join names", function()
        refused("flask.security.safe_join", function() return flask.safe_join end)
    end)
end)

describe("secure_filename", function()
    local secure = security.secure_filename

    it("keeps a plain name", function()
        assert.equal("My-cool_movie.2.mov", secure("My-cool_movie.2.mov"))
    end)

    it("makes one name of a path", function()
        assert.equal("etc_passwd", secure("../../../etc/passwd"))
        assert.equal("C_Windows_x", secure("C/Windows/ /x"))
        assert.equal("etcpasswd", secure("..\\..\\etc\\passwd"))
        assert.equal("a_b", secure("a\239\188\143b")) -- a full-width slash
    end)

    it("takes accents and ligatures apart and drops what is left", function()
        assert.equal("i_contain_cool_umlauts.txt", secure("i contain cool \195\188ml\195\164uts.txt"))
        assert.equal("file12", secure("\239\172\129le\194\189"))
        assert.equal("jpg", secure("\230\151\165\230\156\172.jpg"))
        assert.equal("ab", secure("a\0\255\192\175b"))
    end)

    it("begins and ends with no dot or underscore, and may be empty", function()
        assert.equal("bashrc", secure("._.bashrc_."))
        assert.equal("", secure(".."))
        assert.equal("", secure(""))
        assert.equal("", secure(" /\t/ "))
    end)

    it("takes time by the name's length alone", function()
        assert.equal("a" .. ("."):rep(1000000) .. "a", secure("a" .. ("."):rep(1000000) .. "a"))
    end)

    it("needs a name", function()
        refused("must be a string", secure, nil)
    end)
end)
