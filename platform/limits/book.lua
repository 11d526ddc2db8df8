-- Gives sends that would wait for long their places in the queue of their lane: when to come again.
--
-- KEYS: the bucket's hash.
-- ARGV[1] the time to go by, us; empty: the server's own. ARGV[2] tokens a second. ARGV[3] the lane. ARGV[4] how many.
-- ARGV[5] the shortest wait, us. ARGV[6] how long the hash is kept beyond the last place, us.
-- Answers how many us the first of them has to wait.
local now_us = tonumber(ARGV[1])
if not now_us then
  local time = redis.call('TIME')
  now_us = time[1] * 1000000 + time[2]
end

local field = 'booked ' .. ARGV[3]
local first_us = math.max(tonumber(redis.call('HGET', KEYS[1], field) or 0), now_us + ARGV[5])
local last_us = first_us + ARGV[4] / ARGV[2] * 1000000
redis.call('HSET', KEYS[1], field, string.format('%.0f', last_us))

-- Never shorter than it is kept already: the tokens may need longer.
local kept_ms = math.ceil((last_us - now_us + ARGV[6]) / 1000)
if redis.call('PTTL', KEYS[1]) < kept_ms then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', kept_ms)) end
return first_us - now_us
