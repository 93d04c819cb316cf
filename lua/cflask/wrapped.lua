-- Views that stand for others: limiter:limit("5/minute")(view) gives a new function, and what
-- was said of `view` (that it is exempt, that it has limits) holds for it as well.
local wrapped = {}

local inner = setmetatable({}, {__mode = "k"})

-- Notes that `wrapper` stands for `view`; returns wrapper.
function wrapped.note(wrapper, view)
    inner[wrapper] = view
    return wrapper
end

-- Goes through a view and those that it stands for, the outermost first.
function wrapped.chain(view)
    return function(_, last)
        if last == nil then
            return view
        end
        return inner[last]
    end
end

return wrapped
