-- flask.sleep, gather, timeout and spawn, over the primitives of server/wait.c. A primitive that
-- waits returns what it was woken with: true and results, false and an error, or (timeout) nil.

local core = ...

local timeout_error = "timeout"

--- The value, or a function that makes the value, that core.timeout raises when time is over.
function core.set_timeout_error(value)
  timeout_error = value
end

local function finish(ok, ...)
  if ok then
    return ...
  end
  if ok == false then
    error((...), 0)
  end
  local value = timeout_error
  if type(value) == "function" then
    value = value()
  end
  error(value, 0)
end

core.sleep = core._sleep

core.spawn = core._spawn

function core.gather(functions)
  return finish(core._gather(functions))
end

function core.timeout(seconds, fn)
  return finish(core._timeout(seconds, fn))
end
