-- Records that somebody was erased.
--
-- KEYS[1] their erasure.
-- ARGV[1] the time to go by, ms; empty: the server's own. ARGV[2] when they were erased; ARGV[3] until when it is to be known; ARGV[4] how
-- much longer it is kept, since the clock that said so and this one are two.
-- Of two erasures the later holds; it is kept for the longer of both. A time that cannot be read gives way.
local now_ms = tonumber(ARGV[1])
if not now_ms then
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local at_ms = math.max(tonumber(ARGV[2]), tonumber(redis.call('GET', KEYS[1]) or '') or 0)
local left_ms = math.max(tonumber(ARGV[3]) - now_ms, 0) + tonumber(ARGV[4])
local kept_ms = math.max(left_ms, redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[1], string.format('%.0f', at_ms), 'PX', string.format('%.0f', kept_ms))
