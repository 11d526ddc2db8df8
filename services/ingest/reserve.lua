-- Reserves ids that nobody has reserved yet.
--
-- KEYS: a reservation each.
-- ARGV[1] how long it is kept, ms; then for each what to keep.
-- Answers for each what was kept before, or nil.
-- Asked again it answers what it kept, so that a lost answer does no harm.
local answers = {}
for i, key in ipairs(KEYS) do
  local earlier = redis.call('GET', key)
  answers[i] = earlier
  if not earlier then redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1]) end
end
return answers
