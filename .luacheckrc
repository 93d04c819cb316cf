-- What is common to Lua 5.4 and LuaJIT, plus the few names that each has and that code asks for
-- by `or`; `make lint` compiles lua/ and apps/ with LuaJIT besides.
std = "min"
read_globals = {
    "unpack", "jit", "loadstring", "setfenv", "getfenv",
    table = {fields = {"unpack", "pack", "move"}},
    math = {fields = {"type", "tointeger", "maxinteger", "mininteger"}},
    package = {fields = {"searchers", "searchpath"}},
    coroutine = {fields = {"close", "isyieldable"}},
    string = {fields = {"pack", "unpack", "packsize"}},
}
max_line_length = 120
self = false
unused_args = false
ignore = {"432/self"}

files["tests/**/*_spec.lua"] = {std = "+busted"}
files["apps/**/*_spec.lua"] = {std = "+busted"}
files["templates/**/*spec.lua"] = {std = "+busted"}
files["**/.busted"] = {std = "+busted"}

-- Those that stand in front of Lua's own functions.
files["lua/cflask/coroutines.lua"] = {globals = {"coroutine"}}
files["lua/cflask/testing.lua"] = {globals = {"io", "os"}}
files["lua/cflask/commands.lua"] = {globals = {"arg", "os"}}
