-- The users. An app of yours has them in a database; here they stand in a table.
local flask = require "cflask"

local users = {}

-- Each has a password's hash, never the password: `cflask-lua apps/login hash PASSWORD`.
-- They are "green tea" and "assam".
local LIST = {
    {
        id = "1", name = "ann", roles = {"admin"}, tea = "green",
        password = "scrypt:32768:8:1$q9TzR4mWk2LbXc7V$"
            .. "b7a7db8824528e9b18650625cbf64b5282dd6eff1a7e3f3303f354d0a7587d95"
            .. "adbc338fe4030c5f4bbee2330cb35312c20a91af5ac3eed2c3a52d37bd3888a3",
    },
    {
        id = "2", name = "bob", roles = {}, tea = "black",
        password = "scrypt:32768:8:1$Jp3NnY6sVd8HgKu1$"
            .. "dbbd912d28791c4ee6bc098c87599f3ab4041f0add648b996858c2ff73305e3c"
            .. "caba854ee17417d74000307688905f022c1def7ea00c1d9144d7aae540d0a3ca",
    },
}

-- The hash that is checked for a name that nobody has, so that the time an answer takes does
-- not tell which names there are.
local NOBODY = LIST[1].password

-- The user of an id, or nil: what login.init calls its user_loader.
function users.by_id(id)
    for _, user in ipairs(LIST) do
        if user.id == id then
            return user
        end
    end
    return nil
end

-- The user of that name if the password is theirs, else nil. Waits.
function users.check(name, password)
    local found
    for _, user in ipairs(LIST) do
        if user.name == name then
            found = user
        end
    end
    local fits = flask.security.check_password_hash(found and found.password or NOBODY, password)
    return found and fits and found or nil
end

-- All of them, in order.
function users.all()
    return LIST
end

return users
