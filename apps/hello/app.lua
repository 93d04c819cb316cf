local flask = require "cflask"
local app = flask.Flask(...)

app:get("/", function() return "Hello World!" end)

app:get("/hello/<name>", function(name)
    return {message = "Hello " .. name .. "!", time = os.date("%H:%M")}
end)

return app
