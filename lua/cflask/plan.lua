-- What each rule does when it matches: the hooks of app and blueprints in calling order,
-- worked out once, when registration closes.
local plan = {}

-- The blueprints of a rule, the innermost first: "a.b" gives {"a.b", "a"}.
local function lineage(blueprint)
    local names = {}
    while blueprint do
        table.insert(names, blueprint)
        blueprint = blueprint:match("^(.*)%.[^.]*$")
    end
    return names
end

local function extend(list, more)
    for _, fn in ipairs(more or {}) do
        table.insert(list, fn)
    end
end

local function extend_reversed(list, more)
    for i = #(more or {}), 1, -1 do
        table.insert(list, more[i])
    end
end

-- Going in: the app's functions, then those of the blueprints from the outermost in.
local function inwards(registry, names)
    local list = {}
    extend(list, registry[""])
    for i = #names, 1, -1 do
        extend(list, registry[names[i]])
    end
    return list
end

-- Going out: from the innermost blueprint to the app, each one's in reverse.
local function outwards(registry, names)
    local list = {}
    for _, name in ipairs(names) do
        extend_reversed(list, registry[name])
    end
    extend_reversed(list, registry[""])
    return list
end

-- The hooks of a blueprint's rules (nil: the app's own), which all its rules share.
local function hooks_of(app, blueprint)
    local names = lineage(blueprint)
    local functions = app._functions
    local hooks = {
        blueprints = names,
        preprocessors = inwards(functions.url_value_preprocessor, names),
        before = inwards(functions.before_request, names),
        after = outwards(functions.after_request, names),
        teardown = outwards(functions.teardown_request, names),
    }
    extend_reversed(hooks.teardown, app._teardown_appcontext)
    return hooks
end

-- The view at the time of closing: one that the app has put in place of another in
-- app.view_functions counts.
local function view_of(app, rule)
    if rule.has_name then
        return app.view_functions[rule.endpoint] or rule.view
    end
    return rule.view
end

local function rule_plan(app, rule, hooks)
    local view = view_of(app, rule)
    if not view and not rule.options.redirect_to and not rule.options.build_only then
        error(("%sthe endpoint %q has no view"):format(
            rule.where and rule.where .. ": " or "", rule.endpoint), 0)
    end
    return {
        view = view, endpoint = rule.endpoint, rule = rule.text, blueprint = rule.blueprint,
        blueprints = hooks.blueprints, preprocessors = hooks.preprocessors,
        before = hooks.before, after = hooks.after, teardown = hooks.teardown,
        max_content_length = rule.options.max_content_length,
    }
end

-- Two equal rules: the first one answers. In debug mode the log says so.
local function warn_of_equals(app)
    local seen = {}
    for _, rule in ipairs(app._rules) do
        for _, method in ipairs(rule.methods) do
            local key = table.concat({method, rule.options.host or "",
                                      rule.options.subdomain or "", rule.text}, " ")
            if seen[key] and not rule.options.build_only then
                app.logger:warning("%s %s is routed twice (%s and %s): the first one wins",
                                   method, rule.text, seen[key].where or "?",
                                   rule.where or "?")
            end
            seen[key] = seen[key] or rule
        end
    end
end

-- Hands the plan of each rule to the core, and that of requests that match none.
function plan.compile(app)
    local hooks = {}
    for _, rule in ipairs(app._rules) do
        local key = rule.blueprint or ""
        hooks[key] = hooks[key] or hooks_of(app, rule.blueprint)
        app._handle:plan(rule.id, rule_plan(app, rule, hooks[key]))
    end
    app._handle:plan(-1, hooks_of(app, nil))
    if app.config.DEBUG then
        warn_of_equals(app)
    end
end

plan.lineage = lineage
-- The teardown_appcontext functions, last registered first, as app:app_context runs them. One
-- that fails is logged, the others run.
function plan.tear_down(app, err)
    for i = #app._teardown_appcontext, 1, -1 do
        local is_done, message = pcall(app._teardown_appcontext[i], err)
        if not is_done then
            app.logger:error("a teardown_appcontext function failed: %s", tostring(message))
        end
    end
end

return plan
