-- Answers tests/parity/security_parity.py. Each line of its input is a question: a name and
-- arguments in hexadecimal, separated by spaces; "-" is the empty string.
local security = require("cflask").security

local function unhex(text)
    return text == "-" and "" or (text:gsub("%x%x", function(digits)
        return string.char(tonumber(digits, 16))
    end))
end

local function hex(text)
    return text == "" and "-" or (text:gsub(".", function(c)
        return ("%02x"):format(c:byte())
    end))
end

local answers = {
    check = function(hash, password)
        return tostring(security.check_password_hash(hash, password))
    end,
    generate = function(password, method)
        return security.generate_password_hash(password, {method = method})
    end,
    join = function(...) return security.safe_join(...) end,
    name = security.secure_filename,
    digest = security.digest,
    hmac = security.hmac,
    encode = security.to_base64,
    urlsafe = function(s) return security.to_base64(s, {urlsafe = true}) end,
    decode = function(s) return (security.from_base64(s)) end,
}

for line in io.lines() do
    local arguments, name = {}, nil
    for word in line:gmatch("%S+") do
        if name then
            arguments[#arguments + 1] = unhex(word)
        else
            name = word
        end
    end
    local is_fine, answer = pcall(answers[name], (table.unpack or unpack)(arguments))
    if not is_fine then
        answer = "error: " .. tostring(answer)
    end
    io.write(answer and hex(answer) or "nil", "\n")
end
