-- Tells how many tokens lie in an integration's bucket, beside those that are leased: the rules of bucket.ts. Changes nothing.
--
-- KEYS: the bucket's hash.
-- ARGV[1] the time to go by, us; empty: the server's own. ARGV[2] tokens a second. ARGV[3] the burst.
-- Answers thousandths of a token.
local now_us = tonumber(ARGV[1])
if not now_us then
  local time = redis.call('TIME')
  now_us = time[1] * 1000000 + time[2]
end

local rate, level, at_us, leased = tonumber(ARGV[2]), tonumber(ARGV[3]), now_us, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local field, value = all[i], all[i + 1]
  if field == 'level' then level = tonumber(value)
  elseif field == 'at' then at_us = tonumber(value)
  elseif string.sub(field, 1, 7) == 'holder ' then
    local count, until_us = string.match(value, '^(%d+) (%d+) %d+$')
    if tonumber(until_us) > now_us then leased = leased + tonumber(count) end
  end
end
level = level + math.max(0, now_us - at_us) / 1000000 * rate
return math.floor(math.max(0, math.min(level, tonumber(ARGV[3]) - leased)) * 1000)
