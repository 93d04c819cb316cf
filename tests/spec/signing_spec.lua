local flask = require "cflask"

local signing = flask.signing

-- Made by itsdangerous 2.1 of "value" with the secret "secret".
local SIGNED = {
    {"django-concat", "sha1", "-2b2Vg1X_KBU1C6DLNDlPUR2w6M"},
    {"django-concat", "sha256", "7bDKX0xNylsIHCxwVgvVBeJgXPOcAhPHV2ik6SVsWpU"},
    {"django-concat", "sha384", "JvkC9BytwWmUgK_lhGfrWsZsHd1ZtqrJMLC5lQ0S3Nhz"
     .. "l9mdt-N1g6YA7tQTast1"},
    {"django-concat", "sha512", "mj4FpzGL9zpKE-0LtTyFnOi8rPGi9pPbv9Ro6Tl66NnL"
     .. "KV4qxU4BuJ5Bj1kwhfgpsyUmL1re7Tj9YDgqVQt1ig"},
    {"concat", "sha1", "R604j4gGWsIIw7t8ASqRpFifq3c"},
    {"concat", "sha256", "194cCy1trES_KSH54htcoP4fV9Dkkp4ciBCy0os7BMY"},
    {"concat", "sha384", "us7drxTja90rA83E1_lmk8riwgfQNxr0E4D9X3yypZSnp0bHDHyt9WBlGa24kvKg"},
    {"concat", "sha512", "bWVPTv7yHg2-RJIp2fWzyvp3orOmVuW8wZez5nZbrfbJ"
     .. "CTf_IWjOdcNaBaOgqu3_sXYs5Vl8ErCdX3mxY7knYQ"},
    {"hmac", "sha1", "v09Q6wJXGxW6ZG4u4oWFQiErfbk"},
    {"hmac", "sha256", "VubxwLls2XJAZBCeHVFyT3DnjUhR4O3IsOKXj1Oe-V0"},
    {"hmac", "sha384", "QOYLF_u_392PhqQD9QoVDwwWXwKTAtsEbPOP759IbCnewZQYwJ_FEqIUl0n940QL"},
    {"hmac", "sha512", "jNua8VKisEg3gefxv1XNQgGaLayiTSM90HSPWBrPKaeV"
     .. "uBF7u3Fv6Gnny_j_FeWJMGyw1-pXVzuvjyXLPu5M6A"},
    {"none", "sha1", "Mwty04TfQa30QOHYrrVDq3Puy4o"},
    {"none", "sha256", "UOA-vmW-mLuL8RuiyJLVTAeayisNOwFidpxtdXolQ08"},
    {"none", "sha384", "AUeqPg9L5TycjDNgiRguKiWhGCaW6zSgLu6ES4C7DYFJlIRW8NL4-JUfnIR68RFZ"},
    {"none", "sha512", "_iWOsnPOj0kYE3wJLmvbGTaC_kUFhgWESna7hoKVwRQr"
     .. "5A4UDR7__KYh7f5s_i3_D8jwBIUbehw5IgHxYPlYdA"},
}

-- Raises unless fn raises an instance of the class; returns it.
local function raises(class, fn, ...)
    local is_fine, err = pcall(fn, ...)
    assert.is_false(is_fine)
    assert.is_true(flask.is(err, class), tostring(err))
    return err
end

describe("a signer", function()
    it("signs, and takes back what it has signed", function()
        local s = signing.Signer("secret")
        local text = s:sign("a.b")
        assert.equal("a.b", s:unsign(text))
        assert.is_true(s:validate(text))
        assert.is_false(s:validate(text .. "x"))
    end)

    it("signs as itsdangerous does", function()
        for _, case in ipairs(SIGNED) do
            local s = signing.Signer("secret", {key_derivation = case[1],
                                                digest_method = case[2]})
            assert.equal("value." .. case[3], s:sign("value"))
        end
    end)

    it("signs otherwise with another salt, derivation, digest or secret", function()
        local seen = {}
        for _, options in ipairs{{}, {salt = "x"}, {key_derivation = "hmac"},
                                 {key_derivation = "concat"}, {key_derivation = "none"},
                                 {digest_method = "sha256"}, {digest_method = "sha384"},
                                 {digest_method = "sha512"}} do
            local text = signing.Signer("secret", options):sign("v")
            assert.is_nil(seen[text])
            seen[text] = true
        end
        assert.is_nil(seen[signing.Signer("Secret"):sign("v")])
    end)

    it("signs with the newest of several secrets, and takes what any has signed", function()
        local old, new = signing.Signer("old"), signing.Signer{"old", "new"}
        assert.equal("v", new:unsign(old:sign("v")))
        assert.equal(signing.Signer("new"):sign("v"), new:sign("v"))
        raises(flask.BadSignature, old.unsign, old, new:sign("v"))
    end)

    it("refuses what is no signed text", function()
        local s = signing.Signer("secret")
        for _, text in ipairs{"", ".", "value", "value.", "value.x", ".x", ("x"):rep(1e5)} do
            raises(flask.BadSignature, s.unsign, s, text)
        end
        raises(flask.BadSignature, s.unsign, s)
        raises(flask.BadSignature, s.unsign, s, 12)
        assert.equal("value", raises(flask.BadSignature, s.unsign, s, "value.x").payload)
    end)

    it("says what is wrong with how it is used", function()
        assert.error_matches(function() signing.Signer() end, "needs a secret")
        assert.error_matches(function() signing.Signer("") end, "needs a secret")
        assert.error_matches(function() signing.Signer{} end, "needs a secret")
        assert.error_matches(function() signing.Signer{"a", 1} end, "needs a secret")
        assert.error_matches(function() signing.Signer("a", {salts = "x"}) end, "mean salt?")
        assert.error_matches(function() signing.Signer("a", {digest_method = "md5"}) end,
                             "no digest_method \"md5\"")
        assert.error_matches(function() signing.Signer("a", {key_derivation = "x"}) end,
                             "no key_derivation")
        assert.error_matches(function() signing.Signer("a").sign("x") end, "colon")
        assert.error_matches(function() signing.Signer("a"):sign(1) end, "must be a string")
        assert.error_matches(function() return signing.Singer end, "mean Signer?")
    end)
end)

describe("a timestamp signer", function()
    local s = signing.TimestampSigner("secret")

    it("tells when a text was signed", function()
        local before = os.time()
        local value, time = s:unsign(s:sign("v"), {return_timestamp = true})
        assert.equal("v", value)
        assert.is_true(time >= before and time <= os.time() + 1)
    end)

    it("refuses what is older than max_age", function()
        local core = require "cflask.core"
        local old = core.signer({"secret"}, "itsdangerous.Signer", "django-concat", "sha1")
            :sign("v.ZVPxAA")
        assert.equal("v", s:unsign(old))
        local err = raises(flask.SignatureExpired, s.unsign, s, old, {max_age = 60})
        assert.equal(1700000000, err.date_signed)
        assert.equal("v", err.payload)
        assert.truthy(err.message:find("^Signature age %d+ > 60 seconds$"))
        assert.is_true(flask.is(err, flask.BadSignature))
        assert.is_false(s:validate(old, {max_age = 60}))
        assert.is_true(s:validate(old))
    end)

    it("refuses what is of the future, when an age is asked for", function()
        local core = require "cflask.core"
        local future = core.signer({"secret"}, "itsdangerous.Signer", "django-concat",
                                   "sha1"):sign("v.f____w")
        local err = raises(flask.SignatureExpired, s.unsign, s, future, {max_age = 1e12})
        assert.truthy(err.message:find("< 0 seconds$"))
    end)

    it("refuses a text without a time, or with a broken one", function()
        local plain = signing.Signer("secret")
        raises(signing.BadTimeSignature, s.unsign, s, plain:sign("v"))
        for _, time in ipairs{"", "!", "A", "_______________", "AAAA AAA"} do
            local text = plain:sign("v." .. time)
            local is_fine, value = pcall(s.unsign, s, text, {max_age = 10})
            assert.is_false(is_fine, time)
            assert.is_true(flask.is(value, flask.BadSignature), time)
        end
        raises(signing.BadTimeSignature, s.unsign, s, s:sign("v") .. "x")
    end)
end)

describe("a serializer", function()
    it("turns a value into a text for URLs, and back", function()
        local values = {1, 2^53, 1.5, "x", true, flask.null, flask.json.array{},
                        {a = {1, 2, {b = "\u{e9}"}}}, ("long "):rep(100)}
        for _, class in ipairs{signing.URLSafeSerializer, signing.URLSafeTimedSerializer} do
            local s = class("secret")
            for _, value in ipairs(values) do
                local text = s:dumps(value)
                assert.truthy(text:find("^[%w%._-]+$"))
                assert.same(value, s:loads(text))
            end
        end
    end)

    it("deflates what becomes shorter", function()
        local s = signing.URLSafeSerializer("secret")
        assert.equal(".", s:dumps(("a"):rep(100)):sub(1, 1))
        assert.not_equal(".", s:dumps("a"):sub(1, 1))
    end)

    it("refuses a payload that inflates beyond MAX_INFLATED_SIZE", function()
        local s = signing.URLSafeSerializer("secret")
        local bomb = s:dumps(("a"):rep(2e6))
        raises(signing.BadPayload, s.loads, s, bomb)
        local app = flask.Flask("x")
        app.config.MAX_INFLATED_SIZE = 3000000
        assert.equal(2e6, #app:app_context(function() return s:loads(bomb) end))
        app.config.MAX_INFLATED_SIZE = 100
        app:app_context(function()
            raises(flask.BadSignature, s.loads, s, s:dumps(("a"):rep(200)))
        end)
    end)

    it("refuses a payload that is signed but broken", function()
        local s, signer = signing.URLSafeSerializer("secret"), signing.Signer("secret",
            {salt = "itsdangerous"})
        for _, payload in ipairs{"", "!", "A", "AA", ".AA", ".eJw", "e30=", "e3t9"} do
            raises(signing.BadPayload, s.loads, s, signer:sign(payload))
        end
    end)

    it("checks the age, and leaves the payload of an old token to be read", function()
        local core = require "cflask.core"
        local s = signing.URLSafeTimedSerializer("secret")
        local old = core.signer({"secret"}, "itsdangerous", "django-concat", "sha1")
            :sign("eyJpZCI6MX0.ZVPxAA")
        local err = raises(flask.SignatureExpired, s.loads, s, old, {max_age = 60})
        assert.same({id = 1}, s:load_payload(err.payload))
        local value, time = s:loads(old, {return_timestamp = true})
        assert.same({id = 1}, value)
        assert.equal(1700000000, time)
        assert.equal(1, select("#", s:loads(old)))
    end)

    it("does not take another one's texts", function()
        local a = signing.URLSafeTimedSerializer("secret", {salt = "confirm"})
        local b = signing.URLSafeTimedSerializer("secret", {salt = "reset"})
        raises(flask.BadSignature, b.loads, b, a:dumps(1))
        raises(flask.BadSignature, b.loads, b, signing.URLSafeSerializer("secret"):dumps(1))
    end)
end)
