-- cflask-lua test apps/blog
local APP = debug.getinfo(1, "S").source:match("^@(.*)/tests/[^/]*$") or "."
package.path = APP .. "/?.lua;" .. package.path
local text = require "text"
local forms = require "forms"

describe("a text of the blog", function()
    local function html(s)
        return (tostring(text.prose(s)):gsub("\n", ""))
    end

    it("becomes paragraphs, headings, lists, quotations and code", function()
        assert.equal("<p>a b</p><p>c</p>", html("a b\n\nc"))
        assert.equal("<h2>a</h2><p>b</p><h3>c</h3>", html("## a\nb\n### c"))
        assert.equal("<ul><li>a</li><li>b</li></ul><p>c</p>", html("- a\n- b\nc"))
        assert.equal("<blockquote><p>a</p></blockquote>", html("> a"))
        assert.equal("<pre><code>## a&lt;b</code></pre><p>c</p>", html("```\n## a<b\n```\nc"))
        assert.equal("<pre><code>open</code></pre>", html("```\nopen"))
        assert.equal("<p>100% %s %d</p>", html("100% %s %d"))
        assert.equal("", html("  \n\n"))
    end)

    it("has strong, emphasis, code and links within a line", function()
        assert.equal("<p><strong>a</strong> <em>b</em> <code>**c**</code></p>", html("**a** *b* `**c**`"))
        assert.equal('<p><a href="https://a.test/?b=1&amp;c" rel="nofollow ugc">https://a.test/?b=1&amp;c</a>.</p>',
                     html("https://a.test/?b=1&c."))
        assert.equal('<p><a href="http://a.test" rel="nofollow ugc">x &lt;</a></p>', html("[x <](http://a.test)"))
        assert.equal("<p>2 * 3 * 4</p>", html("2 * 3 * 4"))
    end)

    it("never has anything of the writer's as HTML", function()
        for _, s in ipairs{
            "<script>x</script>", "[a](javascript:alert(1))", '[a](https://x" onclick="y)',
            "https://x'onmouseover='y", "`<b>`", "**<b>**", "## <b>", "- <b>", "> <b>", "```\n<b>\n```",
            '[<img src=x>](https://a.test)', "https://a.test/<b>", "[a](https://b.test/`<b>`)",
            "**a `b** <i>`",
        } do
            local out = html(s):gsub("</?[%w]+>", ""):gsub('<a href="[^"<>]*" rel="nofollow ugc">', "")
            assert.is_nil(out:find("[<>]"), s .. " -> " .. html(s))
            assert.is_nil(html(s):find("<[bis][>%s]"), s)
            assert.is_nil(html(s):find("<script", 1, true), s)
            assert.is_nil(html(s):find('href="javascript', 1, true), s)
        end
    end)

    it("is shortened to whole words and whole characters", function()
        assert.equal("one two…", text.excerpt("one two three", 9))
        assert.equal("short", text.excerpt("short", 9))
        assert.equal("ééé…", text.excerpt("éééé", 3))
        assert.equal("a strong word, a link",
                     text.excerpt("## Title\na **strong**\n\n- word, a [link](http://x.test)", 99))
    end)

    it("has hits of a search marked", function()
        assert.equal("a <mark>&lt;b&gt;</mark>", tostring(text.marked("a \1<b>\2")))
    end)
end)

describe("the rules for forms", function()
    it("clean, count characters and name what is wrong", function()
        local rules = {{name = "a", label = "A", min = 1, max = 3, one_line = true}}
        local function check(value)
            local values, faults = forms.check(forms.of_json{a = value}, rules)
            return values.a, faults and faults.a
        end
        assert.same({"x y", nil}, {check(" x \n y\0 ")})
        assert.same({"ééé", nil}, {check("ééé")})
        assert.equal("A may have at most 3 characters.", select(2, check("éééé")))
        assert.equal("A is required.", select(2, check(" \t ")))
        assert.equal("A must be text.", select(2, check(true)))
    end)
end)
