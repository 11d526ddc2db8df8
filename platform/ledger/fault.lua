-- Stands before the scripts that read what may be damaged. An entry of another type is told of that entry alone; any other error, as that there
-- is no memory left, is the server's: the script ends with it, and the caller asks again.
local function is_fault(reply)
  return type(reply) == 'table' and reply.err ~= nil and not string.find(reply.err, 'WRONGTYPE', 1, true)
end

