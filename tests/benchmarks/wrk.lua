-- Sends signed requests that were written beforehand to the file REQUESTS, each after a line with its length.
local requests, nth = {}, 0

function init()
  local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    requests[#requests + 1] = file:read(length)
  end
  file:close()
end

function request()
  nth = nth % #requests + 1
  return requests[nth]
end
