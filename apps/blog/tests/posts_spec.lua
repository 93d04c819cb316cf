-- cflask-lua test apps/blog
local site = dofile((debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or ".") .. "/site.lua")
local has = site.has

describe("the blog", function()
    local blog, ann

    before_each(function()
        blog = site.new()
        ann = blog:logged_in("ann")
    end)
    after_each(function() blog:close() end)

    local function picture(bytes, name)
        return {files = {picture = {name or "a.png", bytes, "image/png"}}}
    end

    it("begins empty and says so", function()
        local r = blog:browser():get("/")
        assert.equal(200, r.status_code)
        assert.is_true(has(r, "Nothing has been written yet."))
    end)

    it("shows a post to everybody, with its title and text escaped", function()
        local id = ann:write("Ups & <b>downs</b>", "<script>alert(1)</script>\n\nA **second** part.")
        local r = blog:browser():get("/" .. id)
        assert.is_true(has(r, "Ups &amp; &lt;b&gt;downs&lt;/b&gt;"))
        assert.is_true(has(r, "&lt;script&gt;"))
        assert.is_true(has(r, "<p>A <strong>second</strong> part.</p>"))
        assert.is_false(has(r, "<script"))
        assert.is_true(has(blog:browser():get("/"), "Ups &amp; &lt;b&gt;downs"))
    end)

    it("asks for a login before writing", function()
        local r = blog:browser():get("/create")
        assert.equal(302, r.status_code)
        r = blog:browser():submit("/create", {title = "a", body = "b"})
        assert.truthy(r.location:find("/auth/login", 1, true))
    end)

    it("says what is wrong with a post and keeps what was typed", function()
        local r = ann:submit("/create", {title = "", body = "Kept text"})
        assert.equal(422, r.status_code)
        assert.is_true(has(r, "The title is required."))
        assert.is_true(has(r, "Kept text"))
        assert.is_true(has(r, 'aria-invalid="true"'))
        r = ann:submit("/create", {title = ("é"):rep(121), body = "b"})
        assert.is_true(has(r, "at most 120 characters"))
        assert.equal(302, ann:submit("/create", {title = ("é"):rep(120), body = "b"}).status_code)
        r = ann:submit("/create", {title = "a", body = ("x"):rep(20001)})
        assert.is_true(has(r, "at most 20000 characters"))
    end)

    it("lets the author change and delete", function()
        local id = ann:write("First", "Text")
        assert.is_true(has(ann:get("/" .. id), "Edit"))
        local r = ann:submit("/" .. id .. "/update", {title = "Second", body = "Other text"})
        r = ann:follow(r)
        assert.is_true(has(r, "Saved."))
        assert.is_true(has(r, "Second") and has(r, "Other text") and not has(r, "First"))
        r = ann:follow(ann:submit("/" .. id .. "/delete", {}))
        assert.is_true(has(r, "is deleted."))
        assert.equal(404, ann:get("/" .. id).status_code)
    end)

    it("lets nobody else, but editors and admins", function()
        local id = ann:write("Mine", "Text")
        local cleo, bob, root = blog:logged_in("cleo"), blog:logged_in("bob", "editor"),
            blog:logged_in("root", "admin")
        assert.is_false(has(cleo:get("/" .. id), "Edit"))
        assert.equal(403, cleo:get("/" .. id .. "/update").status_code)
        local form = {title = "Stolen", body = "Text"}
        assert.equal(403, cleo:submit("/" .. id .. "/update", form).status_code)
        assert.equal(403, cleo:submit("/" .. id .. "/delete", {}).status_code)
        assert.equal(302, blog:browser():submit("/" .. id .. "/delete", {}).status_code)
        assert.is_true(has(ann:get("/" .. id), "Mine"))
        assert.equal(302, bob:submit("/" .. id .. "/update",
                                     {title = "Corrected", body = "Text"}).status_code)
        assert.is_true(has(ann:get("/" .. id), "Corrected"))
        assert.is_true(has(ann:get("/" .. id), ">ann</a>")) -- the author stays
        assert.equal(302, root:submit("/" .. id .. "/delete", {}).status_code)
        assert.equal(404, ann:get("/" .. id).status_code)
    end)

    it("answers 404 for what is not there, however large its number", function()
        for _, path in ipairs{"/99", "/99999999999999999999", "/99/update", "/authors/zoe", "/authors/a%00b",
                              "/uploads/no.png", "/uploads/..%2fblog.db", "/pages/no", "/?page=2"} do
            local r = ann:get(path)
            assert.equal(404, r.status_code, path)
            assert.is_true(has(r, "<!doctype html>"), path)
        end
        assert.equal(404, ann:submit("/99/delete", {}).status_code)
        assert.equal(404, ann:submit("/99/comments", {body = "a"}).status_code)
    end)

    it("has pages, the newest post first", function()
        for n = 1, 7 do
            ann:write("Post number " .. n)
        end
        local r = ann:get("/")
        assert.is_true(has(r, "Post number 7") and has(r, "Post number 5"))
        assert.is_false(has(r, "Post number 4"))
        assert.is_true(has(r, "Page 1 of 3"))
        r = ann:get("/?page=3")
        assert.is_true(has(r, "Post number 1") and not has(r, "Post number 2"))
        assert.is_true(has(r, "/?page=2") and not has(r, "/?page=4"))
        assert.equal(404, ann:get("/?page=4").status_code)
        for _, page in ipairs{"0", "-5", "x", "1.5", "", "%00", "99999999999999999999999"} do
            assert.is_true(has(ann:get("/?page=" .. page), "Page 1 of 3"), page)
        end
        assert.equal(math.type and 404 or 200, -- LuaJIT has no such integer
                     ann:get("/?page=9223372036854775807").status_code)
        assert.is_true(has(ann:get("/authors/ann?page=2"), "Post number 3"))
    end)

    it("takes comments from users, which their authors and editors delete", function()
        local id = ann:write("First")
        local cleo, bob = blog:logged_in("cleo"), blog:logged_in("bob")
        local r = cleo:submit("/" .. id .. "/comments", {body = "Well <i>said</i>"})
        assert.truthy(r.location:find("#comment-1", 1, true))
        assert.is_true(has(ann:get("/" .. id), "Well &lt;i&gt;said"))
        assert.equal(422, cleo:submit("/" .. id .. "/comments", {body = " \n "}).status_code)
        assert.equal(302, blog:browser():submit("/" .. id .. "/comments", {body = "a"}).status_code)
        assert.is_true(has(ann:get("/" .. id), "1 comment<"))
        assert.equal(403, bob:submit("/" .. id .. "/comments/1/delete", {}).status_code)
        local other = ann:write("Second")
        assert.equal(404, cleo:submit("/" .. other .. "/comments/1/delete", {}).status_code)
        assert.equal(302, cleo:submit("/" .. id .. "/comments/1/delete", {}).status_code)
        assert.is_true(has(ann:get("/" .. id), "No comments"))
    end)

    it("takes pictures of four kinds, whatever they are called", function()
        for ending, bytes in pairs{png = site.PNG, jpg = site.JPEG, gif = site.GIF, webp = site.WEBP} do
            local id = ann:write("With a picture", "Text", picture(bytes, "../../evil.html"))
            local name = ann:get("/" .. id).text:match('src="/uploads/([^"]+)"')
            assert.truthy(name:find("^[%w_-]+%." .. ending .. "$"), name)
            local r = ann:get("/uploads/" .. name)
            assert.equal(bytes, r.data)
            assert.truthy(r.mimetype:find("^image/"))
            assert.equal("nosniff", r.headers["X-Content-Type-Options"])
            assert.truthy(r.headers["Content-Security-Policy"]:find("sandbox", 1, true))
        end
        assert.equal(4, blog:pictures())
    end)

    it("takes nothing else for a picture, and keeps nothing of it", function()
        for _, bytes in ipairs{"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
                               "<html><script>alert(1)</script>", "PNG", "x", " " .. site.PNG,
                               "GIF87", "RIFF\0\0\0\0WAVE"} do
            local r = ann:submit("/create", {title = "a", body = "b"}, picture(bytes, "a.png"))
            assert.equal(422, r.status_code)
            assert.is_true(has(r, "must be a PNG, JPEG, GIF or WebP file"))
        end
        assert.equal(0, blog:pictures())
        assert.equal(404, ann:get("/1").status_code)
    end)

    it("refuses pictures that are too large, with a message or the page of 413", function()
        local large = site.PNG .. ("x"):rep(4 * 1024 * 1024)
        local r = ann:submit("/create", {title = "a", body = "b"}, picture(large))
        assert.equal(422, r.status_code)
        assert.is_true(has(r, "The picture is too large"))
        r = ann:submit("/create", {title = "a", body = "b"}, picture(large .. large))
        assert.equal(413, r.status_code)
        assert.is_true(has(r, "Too much at once"))
        assert.equal(0, blog:pictures())
    end)

    it("deletes a picture with its post, and the one that another replaces", function()
        local id = ann:write("First", "Text", picture(site.PNG))
        local form = {title = "First", body = "Text", picture_alt = "A dot"}
        ann:submit("/" .. id .. "/update", form) -- no file: the picture stays
        assert.is_true(has(ann:get("/" .. id), 'alt="A dot"'))
        assert.equal(1, blog:pictures())
        ann:submit("/" .. id .. "/update", {title = "First", body = "Text"}, picture(site.GIF))
        assert.truthy(ann:get("/" .. id).text:find('src="/uploads/[%w_-]+%.gif"'))
        assert.equal(1, blog:pictures())
        ann:submit("/" .. id .. "/update", {title = "First", body = "Text", remove_picture = "on"})
        assert.is_false(has(ann:get("/" .. id), "/uploads/"))
        assert.equal(0, blog:pictures())
        id = ann:write("Second", "Text", picture(site.PNG))
        ann:submit("/" .. id .. "/delete", {})
        assert.equal(0, blog:pictures())
    end)

    it("keeps no picture of a post with faults, nor of one that can't be written", function()
        local r = ann:submit("/create", {title = "", body = "b"}, picture(site.PNG))
        assert.equal(422, r.status_code)
        assert.equal(0, blog:pictures())
        blog.app:app_context(function()
            blog.app:database():exec([[CREATE TRIGGER full BEFORE INSERT ON posts BEGIN
                SELECT RAISE(ABORT, 'disk full'); END]])
        end)
        assert.has_error(function() ann:write("First", "Text", picture(site.PNG)) end)
        assert.equal(0, blog:pictures())
    end)

    it("has a page about itself and others that only say something", function()
        for _, name in ipairs{"about", "formatting", "api"} do
            assert.equal(200, ann:get("/pages/" .. name).status_code)
        end
    end)

    it("tells browsers to run no scripts and to be framed by nobody", function()
        local policy = ann:get("/").headers["Content-Security-Policy"]
        assert.truthy(policy:find("default-src 'none'", 1, true))
        assert.truthy(policy:find("frame-ancestors 'none'", 1, true))
        assert.is_nil(policy:find("unsafe", 1, true))
        assert.equal(404, ann:get("/nowhere").status_code)
        assert.equal(policy, ann:get("/nowhere").headers["Content-Security-Policy"])
    end)
end)

describe("the search of the blog", function()
    local blog, ann

    before_each(function()
        blog = site.new()
        ann = blog:logged_in("ann")
        ann:write("Green tea", "Steeped for two minutes in a kettle & a pot.")
        ann:write("Black tea", "Rolled, oxidised and dried. Nothing green about it.")
        ann:write("Café au lait", "No leaf <at> all.")
    end)
    after_each(function() blog:close() end)

    local function found(typed)
        local r = ann:get("/search", {query = {q = typed}})
        assert.equal(200, r.status_code, typed)
        return r
    end

    it("finds words and beginnings of words, the best hit first, and marks them", function()
        local r = found("green")
        assert.is_true(has(r, "2 posts found"))
        assert.is_true(has(r, "<mark>Green</mark> tea"))
        assert.truthy(r.text:find("Green</mark> tea.*Black tea"))
        assert.is_true(has(found("kettl"), "<mark>kettle</mark> &amp; a pot"))
        assert.is_true(has(found("steeping"), "<mark>Steeped</mark>"))
        assert.is_true(has(found("cafe"), "<mark>Café</mark>"))
        assert.is_true(has(found("leaf"), "&lt;at&gt;"))
        assert.is_true(has(found("green kettle"), "1 post found"))
        assert.is_true(has(found("coffee"), "0 posts found"))
    end)

    it("follows changes and deletions", function()
        ann:submit("/1/update", {title = "Oolong", body = "Half way."})
        assert.is_true(has(found("green"), "1 post found"))
        assert.is_true(has(found("oolong"), "1 post found"))
        ann:submit("/2/delete", {})
        assert.is_true(has(found("green"), "0 posts found"))
    end)

    it("takes whatever is typed for words", function()
        for _, typed in ipairs{
            '"', '""', '"""', "'", "*", "tea*", "AND", "OR", "NOT tea", "tea AND", "NEAR(", "NEAR(a b, 2",
            "title:tea", "title : tea", "-tea", "^tea", "(tea", "tea)", "{title}: x", "+", "a+b", "\\",
            "tea\0green", "\0", "';DROP TABLE posts;--", "%", "_", "<script>alert(1)</script>",
            ("x"):rep(199) .. "éé", ("茶"):rep(100),
            ("tea "):rep(500), ("a"):rep(5000), ("\""):rep(5000), "é", "茶", "\255\254", "\1\2", "",
        } do
            local r = found(typed)
            assert.is_false(has(r, "<script"), typed)
        end
        assert.is_true(has(found('"tea" AND (green'), "1 post found")) -- `and` is a word, as others are
        assert.is_true(has(found("title:tea"), "0 posts found"))
        assert.is_true(has(found("!tea?"), "2 posts found"))
        assert.is_true(has(ann:get("/"), "Black tea"))
    end)

    it("has pages that keep the words", function()
        for n = 1, 4 do
            ann:write("Oolong " .. n)
        end
        local r = found("oolong")
        assert.is_true(has(r, "Page 1 of 2"))
        local link = r.text:match('rel="next" href="([^"]+)"'):gsub("&amp;", "&")
        assert.is_true(has(ann:get(link), "Page 2 of 2"))
    end)
end)
