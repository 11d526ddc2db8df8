-- Where the sends of some deliveries of one notification stand.
--
-- KEYS: its hash.
-- ARGV: what the fields of each delivery's sends begin with, one after the other.
-- Answers for each delivery the states of its sends, each with a blank behind it; empty: there was none. What cannot be read is malformed.
local states = {}
for _, begin in ipairs(ARGV) do states[begin] = '' end
local all = redis.pcall('HGETALL', KEYS[1])
if is_fault(all) then return all end
if all.err then
  for begin in pairs(states) do states[begin] = 'malformed ' end
end
for i = 1, #all, 2 do
  local begin = string.match(all[i], '^send %S+ ')
  if begin and states[begin] then states[begin] = states[begin] .. (string.match(all[i + 1], '^%a+ ') or 'malformed ') end
end

local answers = {}
for i, begin in ipairs(ARGV) do answers[i] = states[begin] end
return answers
