local core = require "cflask.core"
local dotenv = require "cflask.dotenv"

-- The bindings of a text by name.
local function parse(text)
    local values = {}
    local found, bad = dotenv.parse(text)
    for _, pair in ipairs(found) do
        values[pair[1]] = pair[2]
    end
    return values, bad
end

describe("a .env file", function()
    it("has a binding on each line, comments and blank lines between", function()
        assert.same({A = "1", B = "two"}, parse("# first\nA=1\n\n  # more\nB=two"))
    end)

    it("may export and may have blanks around the sign", function()
        assert.same({A = "1", B = "2", C = "x"}, parse("export A=1\nB = 2\n C\t=\tx\t\n"))
    end)

    it("ends a bare value at a blank and a #", function()
        assert.same({A = "a#b", B = "a", C = "#c", D = "two words"},
                    parse("A=a#b\nB=a #b\nC=#c\nD=two words  # said so\n"))
    end)

    it("undoes escapes in double quotes, and in single ones those of quote and backslash",
       function()
        assert.same({A = "a\tb\"\\x", B = "it's \\n"},
                    parse([[A="a\tb\"\\x"]] .. "\n" .. [[B='it\'s \n']]))
    end)

    it("lets quoted values go over several lines", function()
        assert.same({A = "one\ntwo", B = "3"}, parse("A=\"one\ntwo\"\nB=3\n"))
    end)

    it("expands names in braces, with a default", function()
        assert.same({A = "x", B = "x-def-"},
                    parse("A=x\nB=${A}-${SPEC_NONE:-def}-${SPEC_NONE}\n"))
    end)

    it("expands to what the environment has before what the file says", function()
        core.setenv("SPEC_HOME", "real")
        assert.equal("real", parse("SPEC_HOME=file\nB=${SPEC_HOME}\n").B)
        core.setenv("SPEC_HOME", nil)
    end)

    it("has no value for a name alone, and an empty one for `NAME=`", function()
        assert.same({G = ""}, parse("H\nG=\n"))
    end)

    it("tells the lines that are malformed and goes on", function()
        local values, bad = parse("A='open\nB=1\nC=\"x\" y\nD=2\n")
        assert.same({B = "1", D = "2"}, values)
        assert.same({1, 3}, bad)
    end)

    it("may have CR LF and a byte order mark", function()
        assert.same({A = "1", B = "x"}, parse("\239\187\191A=1\r\nB=\"x\"\r\n"))
    end)
end)
