-- Forgets a decision that could not be read, so that it is decided anew; not where it is another one by now, or a try was made of it.
--
-- KEYS[1] its notification's hash.
-- ARGV[1] the field; ARGV[2] the decision, as it was found; then what the fields of each delivery's sends begin with.
-- Answers the decision that is kept from then on, or nil. Empty: there is something of another type.
local known = redis.pcall('HGET', KEYS[1], ARGV[1])
if is_fault(known) then return known end
if type(known) == 'table' then return '' end
if known ~= ARGV[2] then return known end

for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  for at = 3, #ARGV do
    if string.sub(field, 1, #ARGV[at]) == ARGV[at] then return known end
  end
end
redis.call('HDEL', KEYS[1], ARGV[1])
return false
