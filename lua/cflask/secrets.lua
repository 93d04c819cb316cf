-- Which secrets can be guessed: short ones, and those that stand in documentation, in
-- tutorials and in everybody's first try.
local secrets = {}

secrets.LEAST = 16 -- bytes

-- How to make one, for messages.
secrets.HOW = "make one with `openssl rand -hex 32`"

-- Without case, and without all but letters and digits. Digits at the end and repetition
-- don't help: "Secret-Key-123" is "secretkey".
local KNOWN = {}
for word in ([[
    dev develop development devkey devsecret devsecretkey test testing testkey testsecret
    testsecretkey prod production secret secretkey secretvalue secretstring secretpassword
    thesecret thesecretkey thisisasecret thisissecret thisisasecretkey thisisthesecretkey
    thisismysecretkey thisisaverysecretkey thisisnotasecret itsasecret topsecret topsecretkey
    mysecret mysecretkey mysupersecretkey mysupersecret myprecious mykey mypassword mytoken
    yoursecret yoursecretkey yoursecretkeyhere yourverysecretkey yoursupersecretkey yourkey
    supersecret supersecretkey supersecretpassword supersecretstring supersecrettoken
    somesecret somesecretkey asecret asecretkey averysecretkey verysecret verysecretkey
    verysecretvalue notsosecret notasecret nosecret somethingsecret somethingverysecret
    changeme changethis changeit changethiskey changethissecret changethissecretkey
    changethisinproduction changemeinproduction pleasechangeme pleasechangethis replaceme
    replacethis setme fixme todo none null default defaultkey defaultsecret defaultsecretkey
    insecure insecurekey insecuresecretkey unsafe badsecretkey key password passw0rd
    admin administrator root user guest letmein qwerty qwertyuiop iloveyou monkey dragon
    abc abcd abcdef abcdefgh abcdefghijklmnop foo bar foobar foobarbaz example examplekey
    examplesecret examplesecretkey sample samplekey demo demokey demosecret app appkey appsecret
    appsecretkey flask flasksecret flasksecretkey flaskapp cflask cflasklua lua session
    sessionsecret cookiesecret cookiekey jwtsecret jwtsecretkey csrf csrfsecret wtfcsrfsecretkey
    keyboardcat youwillneverguess youllneverguess youneverguess hardtoguess hardtoguessstring
    ahardtoguessstring arandomstring randomstring somerandomstring random donottellanyone
    correcthorsebatterystaple hunter opensesame xyzzy lorem loremipsum helloworld hello
    5y2lf4q8z 5y2lf4q8znxec a0zr98j3yxrxhhjmnlwxrt
    192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf
    0123456789abcdef
    ]]):gmatch("%S+") do
    KNOWN[word] = true
end

-- Whether the text is a word of the list, once or several times, or counts up.
local function is_known(text)
    if #text > 0 and ("0123456789"):rep(math.floor(#text / 10) + 2):find(text, 1, true) then
        return true
    end
    for length = 1, #text do
        local word = text:sub(1, length)
        if KNOWN[word] and #text % length == 0 and word:rep(math.floor(#text / length)) == text then
            return true
        end
    end
    return false
end

-- How many different bytes a text has.
local function variety(text)
    local seen, count = {}, 0
    for i = 1, #text do
        local byte = text:byte(i)
        count, seen[byte] = count + (seen[byte] and 0 or 1), true
    end
    return count
end

-- What is wrong with a secret, as the end of a sentence; nil when nothing is.
function secrets.weakness(secret)
    local plain = secret:lower():gsub("[^%w]", "")
    local without_digits = plain:gsub("%d+$", "")
    if is_known(plain) or is_known(without_digits) then
        return "is well known"
    elseif #secret < secrets.LEAST then
        return ("is shorter than %d bytes"):format(secrets.LEAST)
    elseif variety(secret) < 6 then
        return "has next to no different bytes"
    end
    return nil
end

-- Why an app must not be served to others, or nil: its SECRET_KEY, or that of an app mounted
-- in it, can be guessed.
function secrets.refusal(app)
    local secret = rawget(app.config, "SECRET_KEY")
    local why = type(secret) == "string" and secrets.weakness(secret)
    if why then
        return ("SECRET_KEY of the app %s %s, so that others can sign sessions: %s; or use "
                .. "--debug on your own machine"):format(app.name, why, secrets.HOW)
    end
    for _, mount in ipairs(app._mounts) do
        local refusal = secrets.refusal(mount.app)
        if refusal then
            return refusal
        end
    end
    return nil
end

return secrets
