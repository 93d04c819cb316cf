-- The Vary field of a response: names are added, what is there stays.
local vary = {}

-- Adds the name unless the field has it, or "*", already.
function vary.add(response, name)
    local text = table.concat(response.headers:getlist("Vary"), ", ")
    for item in text:gmatch("[^,%s]+") do
        if item == "*" or item:lower() == name:lower() then
            return
        end
    end
    response.headers.Vary = text == "" and name or text .. ", " .. name
end

return vary
