local flask = require "cflask"
local app = flask.Flask(...)

app:get("/", function() return "Hello, World!" end)

return app
